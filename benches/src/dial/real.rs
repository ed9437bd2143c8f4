//! Proxy servers that others wrote, where they are installed.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::prepared_route::{PreparedRoute, Route};
use crate::error::Result;

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);

/// A proxy server, and what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Software {
    Microsocks,
    Dante,
    Tinyproxy,
    Squid,
}

impl Software {
    pub(super) const ALL: [Self; 4] = [Self::Microsocks, Self::Dante, Self::Tinyproxy, Self::Squid];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Microsocks => "microsocks",
            Self::Dante => "dante",
            Self::Tinyproxy => "tinyproxy",
            Self::Squid => "squid",
        }
    }

    pub(super) fn route(self) -> Route {
        match self {
            Self::Microsocks | Self::Dante => Route::Socks5h,
            Self::Tinyproxy | Self::Squid => Route::Connect,
        }
    }

    /// Whether it reads what arrives before it has answered. microsocks takes that for a part of
    /// its current message.
    pub(super) fn can_pipeline(self) -> bool {
        self != Self::Microsocks
    }

    fn program(self) -> &'static str {
        match self {
            Self::Microsocks => "microsocks",
            Self::Dante => "danted",
            Self::Tinyproxy => "tinyproxy",
            Self::Squid => "squid",
        }
    }

    /// By which address it leaves.
    fn egress(self) -> Ipv4Addr {
        let number = match self {
            Self::Microsocks => 21,
            Self::Dante => 22,
            Self::Tinyproxy => 23,
            Self::Squid => 24,
        };
        Ipv4Addr::new(127, 0, 9, number)
    }

    /// Its configuration file, for the one that has none on its command line.
    fn configuration(self, address: SocketAddr) -> String {
        let (ip, port, egress) = (address.ip(), address.port(), self.egress());
        match self {
            Self::Microsocks => String::new(),
            Self::Dante => format!(
                "logoutput: stderr\n\
                 internal: {ip} port = {port}\n\
                 external: {egress}\n\
                 clientmethod: none\n\
                 socksmethod: none\n\
                 client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n\
                 socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n"
            ),
            Self::Tinyproxy => {
                format!("Listen {ip}\nPort {port}\nBind {egress}\nTimeout 60\nMaxClients 50\n")
            }
            Self::Squid => format!(
                "visible_hostname localhost\n\
                 pid_filename none\n\
                 access_log none\n\
                 cache_log /dev/null\n\
                 cache deny all\n\
                 netdb_filename none\n\
                 pinger_enable off\n\
                 shutdown_lifetime 0 seconds\n\
                 tcp_outgoing_address {egress}\n\
                 http_access allow all\n\
                 http_port {address}\n"
            ),
        }
    }

    fn command(self, address: SocketAddr, configuration: &Path) -> Command {
        let mut command = Command::new(self.program());
        match self {
            Self::Microsocks => {
                let (ip, port) = (address.ip().to_string(), address.port().to_string());
                let egress = self.egress().to_string();
                command.args(["-i", &ip, "-p", &port, "-b", &egress]);
            }
            Self::Dante => {
                let pid = configuration.with_extension("pid");
                command.arg("-f").arg(configuration).arg("-p").arg(pid);
            }
            Self::Tinyproxy => {
                command.arg("-d").arg("-c").arg(configuration);
            }
            Self::Squid => {
                // In the foreground. The name is that of its shared memory.
                let name = format!("benches{}", std::process::id());
                command.args(["-N", "-n", &name, "-f"]).arg(configuration);
            }
        }
        command
    }
}

/// A running proxy server. Dropping it ends it.
#[derive(Debug)]
pub(super) struct RealProxy {
    process: Child,
    address: SocketAddr,
    software: Software,
}

impl RealProxy {
    /// Starts it, with its files in `directory`.
    ///
    /// # Errors
    /// Why it does not run, as it stands in the tables.
    pub(super) fn start(software: Software, directory: &Path) -> Result<Self> {
        let name = software.name();
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let configuration = directory.join(format!("{name}.conf"));
        std::fs::write(&configuration, software.configuration(address))?;
        let output = File::create(directory.join(format!("{name}.log")))?;
        let process = software
            .command(address, &configuration)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|error| format!("{}: {error}", software.program()))?;
        let mut proxy = Self {
            process,
            address,
            software,
        };
        proxy.wait()?;
        Ok(proxy)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this asks whether a proxy is up, and is not a client that must use one"
    )]
    fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).is_err() {
            if self.process.try_wait()?.is_some() || Instant::now() > deadline {
                return Err(format!("{} does not listen", self.software.name()).into());
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// The way through this proxy to where `direct` leads.
    pub(super) fn way(&self, direct: &PreparedRoute) -> PreparedRoute {
        let scheme = match self.software.route() {
            Route::Connect => "http",
            _ => "socks5h",
        };
        PreparedRoute {
            route: self.software.route(),
            proxy: Some(format!("{scheme}://{}", self.address)),
            egress: self.software.egress().into(),
            ..direct.clone()
        }
    }
}

impl Drop for RealProxy {
    fn drop(&mut self) {
        // Asked politely, one of several processes ends the others too.
        let ask = format!("kill -TERM {}", self.process.id());
        let _ = Command::new("sh").args(["-c", &ask]).status();
        let deadline = Instant::now() + Duration::from_secs(2);
        while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(POLL);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
