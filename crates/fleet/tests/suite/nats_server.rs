//! A NATS server with JetStream, as a process.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::sleep;

/// A server that listens at a port of the loopback interface, with its files in a folder of its own.
/// Dropping it ends the process and removes the folder.
#[derive(Debug)]
pub(crate) struct NatsServer {
    process: Option<Child>,
    folder: PathBuf,
    port: u16,
}

impl NatsServer {
    /// Starts a server. `None` if there is none on this machine, unless `NATS=required`.
    pub(crate) async fn start() -> Option<Self> {
        if Command::new("nats-server")
            .arg("--version")
            .output()
            .is_err()
        {
            let is_required = std::env::var("NATS").is_ok_and(|value| value == "required");
            assert!(!is_required, "nats-server is not installed");
            // Past the test harness, which would keep it to itself.
            let _ = writeln!(io::stderr(), "skipped: nats-server is not installed");
            return None;
        }
        let name = format!("fleet-{}-{}", std::process::id(), fastrand::u64(..));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        let mut server = Self {
            process: None,
            folder,
            port: 0,
        };
        server.run().await;
        Some(server)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Removes its files, after it was killed.
    pub(crate) fn lose_files(&self) {
        fs::remove_dir_all(self.folder.join("store")).unwrap();
    }

    /// Deletes a stream, as whoever administers the server may.
    pub(crate) fn delete_stream(&self, name: &str) {
        #[expect(clippy::disallowed_methods, reason = "it is the test's own server")]
        let mut connection = TcpStream::connect(self.address()).unwrap();
        let delete = format!(
            "CONNECT {{\"verbose\":false}}\r\nSUB gone 1\r\nPUB $JS.API.STREAM.DELETE.{name} gone 0\r\n\r\n"
        );
        connection.write_all(delete.as_bytes()).unwrap();
        let lines = BufReader::new(connection).lines();
        let answer = lines.map(Result::unwrap).find(|line| line.starts_with('{'));
        assert!(answer.unwrap().contains("\"success\":true"));
    }

    /// Starts it again after it was killed, at the same port and with the same files.
    pub(crate) async fn run(&mut self) {
        let port = match self.port {
            0 => "-1".to_owned(),
            port => port.to_string(),
        };
        let store = self.folder.join("store");
        let configuration = format!(
            "host: 127.0.0.1\nport: {port}\nports_file_dir: {:?}\njetstream {{ store_dir: {store:?} }}\n",
            self.folder
        );
        let file = self.folder.join("nats.conf");
        fs::write(&file, configuration).unwrap();
        let process = Command::new("nats-server")
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let ports = self
            .folder
            .join(format!("nats-server_{}.ports", process.id()));
        self.process = Some(process);
        self.port = port_in(&ports).await;
    }
}

/// The port that a server writes once it listens.
async fn port_in(file: &Path) -> u16 {
    for _ in 0..1_000 {
        let text = fs::read_to_string(file).unwrap_or_default();
        let port = text.split("nats://127.0.0.1:").nth(1);
        if let Some(port) = port.and_then(|rest| rest.split('"').next()) {
            return port.parse().unwrap();
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("the server does not listen");
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
