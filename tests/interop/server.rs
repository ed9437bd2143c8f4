//! A server's processes and files.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a server may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait before looking again whether a server listens, or has ended.
const POLL: Duration = Duration::from_millis(10);

/// Where Debian puts servers, which is not in everybody's search path.
const SYSTEM_PROGRAMS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// The path of a program, or `None` if the test cannot go on without it.
pub(super) fn installed(program: &str) -> Option<PathBuf> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&search)
        .chain(SYSTEM_PROGRAMS.map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|path| path.is_file());
    if found.is_none() {
        skip(&format!("{program} is not installed"));
    }
    found
}

/// Says that a server is missing, which `INTEROP=required` makes a failure.
pub(super) fn skip(reason: &str) {
    crate::skip::skip("INTEROP", reason);
}

/// The processes and files of one server. Dropping it ends the former and removes the latter.
pub(super) struct Server {
    number: u8,
    directory: PathBuf,
    processes: Vec<Child>,
}

impl Server {
    /// Server number `number`, which no other server of this suite has.
    pub(super) fn new(number: u8) -> Self {
        let name = format!("cryptofeed-interop-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory).unwrap();
        Self {
            number,
            directory,
            processes: Vec::new(),
        }
    }

    /// Free ports of an address where only this server listens.
    pub(super) fn free_addresses<const N: usize>(&self) -> [SocketAddr; N] {
        let ip = Ipv4Addr::new(127, 0, 1, self.number);
        let taken = [(); N].map(|()| TcpListener::bind((ip, 0)).unwrap());
        taken.map(|listener| listener.local_addr().unwrap())
    }

    /// Its number.
    pub(super) fn number(&self) -> u8 {
        self.number
    }

    /// The address by which only this server leaves.
    pub(super) fn egress(&self) -> IpAddr {
        Ipv4Addr::new(127, 0, 2, self.number).into()
    }

    /// The path of one of its files.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes one of its files.
    pub(super) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Starts a program and returns when it listens at every one of `addresses`.
    pub(super) async fn start<A: AsRef<OsStr>>(
        &mut self,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        addresses: &[SocketAddr],
    ) {
        let log = self.path(&format!("{}.log", self.processes.len()));
        let output = File::create(&log).unwrap();
        let process = Command::new(program)
            .args(arguments)
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(0)
            .spawn()
            .unwrap();
        self.processes.push(process);
        let process = self.processes.last_mut().unwrap();
        let listens = timeout(PATIENCE, listens(process, addresses)).await;
        let said = fs::read_to_string(log).unwrap();
        assert_eq!(
            listens,
            Ok(true),
            "{} does not listen:\n{said}",
            program.display()
        );
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this asks whether a server is up, and is not a client that must use one"
)]
async fn listens(process: &mut Child, addresses: &[SocketAddr]) -> bool {
    for address in addresses {
        while TcpStream::connect(address).await.is_err() {
            if process.try_wait().unwrap().is_some() {
                return false;
            }
            sleep(POLL).await;
        }
    }
    true
}

impl Drop for Server {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            end(process);
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Asks a process to end, so that it ends its own ones too, and insists after a while.
fn end(process: &mut Child) {
    let ask = format!("kill -TERM {}", process.id());
    let _ = Command::new("sh").args(["-c", &ask]).status();
    let deadline = Instant::now() + GRACE;
    while matches!(process.try_wait(), Ok(None)) && Instant::now() < deadline {
        thread::sleep(POLL);
    }
    // What it has started may carry connections on without it.
    let insist = format!("kill -s KILL -- -{}", process.id());
    let _ = Command::new("sh")
        .args(["-c", &insist])
        .stderr(Stdio::null())
        .status();
    let _ = process.wait();
}
