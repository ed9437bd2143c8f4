//! A network with everybody in place.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use proxy_config::ProxyUrl;
use transport::Host as Address;

use super::network::{Host, Network, Sent, Way};
use super::role::{BIND, FILES, OUTCOME, PROXY_URL, READY, ROLE, TARGET, TEST};

/// A network whose proxies and whose exchange listen. Dropping it ends all of it.
#[derive(Debug)]
pub(super) struct Stage {
    servers: Vec<Child>,
    files: PathBuf,
    network: Network,
}

/// How connecting went, and what it took.
#[derive(Debug)]
pub(super) struct Report {
    /// `Connected`, or the kind of error.
    pub(super) rest: String,
    /// The same for the stream.
    pub(super) stream: String,
    pub(super) sent: Sent,
}

impl Stage {
    /// Sets the stage.
    ///
    /// # Errors
    /// Why this machine does not let us.
    pub(super) fn set() -> Result<Self, String> {
        let network = Network::build()?;
        let files = env::temp_dir().join(network.name());
        fs::create_dir(&files).unwrap();
        let mut stage = Self {
            servers: Vec::new(),
            files,
            network,
        };
        stage.serve(Host::Exchange, "exchange");
        stage.serve(Host::Proxy, "proxies");
        Ok(stage)
    }

    /// Connects from the client to `target`, both by REST and by WebSocket, through `proxy` if
    /// there is one.
    pub(super) fn connect(&self, proxy: Option<&str>, target: &str) -> Report {
        let mut client = self.player(Host::Client, "client");
        if let Some(url) = proxy {
            client.env(PROXY_URL, url);
        }
        let way = proxy.map_or(Way::Any, |url| Way::Through(address(url)));
        self.report(client, way, target)
    }

    /// The same, directly and from the local address `bind`.
    pub(super) fn connect_from(&self, bind: Ipv4Addr, target: &str) -> Report {
        let mut client = self.player(Host::Client, "client");
        client.env(BIND, bind.to_string());
        self.report(client, Way::From(bind), target)
    }

    fn report(&self, mut client: Command, way: Way, target: &str) -> Report {
        client.env(TARGET, target);
        self.network.count(way).unwrap();
        let output = client.output().unwrap();
        let sent = self.network.sent();
        let printed = String::from_utf8(output.stdout).unwrap();
        let mut outcomes = printed
            .lines()
            .filter_map(|line| line.strip_prefix(OUTCOME));
        let (Some(rest), Some(stream)) = (outcomes.next(), outcomes.next()) else {
            let complaint = String::from_utf8_lossy(&output.stderr);
            panic!("the client did not finish:\n{printed}{complaint}");
        };
        Report {
            rest: rest.to_owned(),
            stream: stream.to_owned(),
            sent,
        }
    }

    /// Starts a server and returns when it listens.
    fn serve(&mut self, host: Host, role: &str) {
        let mut server = self.player(host, role);
        let server = server
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        self.servers.push(server);
        let output = self.servers.last_mut().unwrap().stdout.take().unwrap();
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        assert!(lines.any(|line| line == READY), "no {role}");
    }

    fn player(&self, host: Host, role: &str) -> Command {
        let mut player = self.network.command(host);
        player
            .arg(env::current_exe().unwrap())
            .args([TEST, "--exact", "--ignored", "--nocapture"])
            .env(ROLE, role)
            .env(FILES, &self.files);
        player
    }
}

fn address(proxy: &str) -> SocketAddrV4 {
    let proxy = ProxyUrl::parse(proxy).unwrap();
    match proxy.host() {
        Address::Ipv4(ip) => SocketAddrV4::new(*ip, proxy.port()),
        other => panic!("{other} is no address of this network"),
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = fs::remove_dir_all(&self.files);
    }
}
