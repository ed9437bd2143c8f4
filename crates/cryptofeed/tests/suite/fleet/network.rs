//! Two hosts, each of them a network namespace of this machine.

use std::fs::File;
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::{Builder, Runtime};

/// Where the exchange and the server are, and one collector.
pub(super) const HUB: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Where the other collector is.
const REMOTE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

#[derive(Debug, Clone, Copy)]
pub(super) enum Host {
    Hub,
    Remote,
}

/// Two hosts and the way between them. Dropping it removes them.
#[derive(Debug)]
pub(super) struct Network {
    name: String,
}

impl Network {
    /// Builds the network.
    ///
    /// # Errors
    /// Why this machine does not let us.
    pub(super) fn build() -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let network = Self {
            name: format!("fleet-{}-{number}", std::process::id()),
        };
        let [hub, remote] = [Host::Hub, Host::Remote].map(|host| network.namespace(host));
        let layout = format!(
            "netns add {hub}\n\
             netns add {remote}\n\
             -n {hub} link add out type veth peer name out netns {remote}\n\
             -n {hub} address add {HUB}/24 dev out\n\
             -n {remote} address add {REMOTE}/24 dev out\n\
             -n {hub} link set lo up\n\
             -n {hub} link set out up\n\
             -n {remote} link set lo up\n\
             -n {remote} link set out up"
        );
        for line in layout.lines() {
            run(Command::new("ip").args(line.split_whitespace()), "")?;
        }
        // To see at once whether packets can be dropped.
        network.reach()?;
        Ok(network)
    }

    /// The remote host reaches everything.
    ///
    /// # Errors
    /// What the packet filter says.
    pub(super) fn reach(&self) -> Result<(), String> {
        self.filter("add table inet cut\ndelete table inet cut\n")
    }

    /// From now on, packets between the remote host and this port vanish.
    ///
    /// # Errors
    /// What the packet filter says.
    pub(super) fn cut(&self, port: u16) -> Result<(), String> {
        self.filter(&format!(
            "table inet cut {{\n\
               chain output {{ type filter hook output priority 0; tcp dport {port} drop; }}\n\
               chain input {{ type filter hook input priority 0; tcp sport {port} drop; }}\n\
             }}\n"
        ))
    }

    fn filter(&self, rules: &str) -> Result<(), String> {
        let remote = self.namespace(Host::Remote);
        let nft = ["netns", "exec", &remote, "nft", "-f", "-"];
        run(Command::new("ip").args(nft), rules)
    }

    /// Does something on a host.
    pub(super) fn on<T: Send>(&self, host: Host, act: impl FnOnce() -> T + Send) -> T {
        let namespace = self.namespace(host);
        thread::scope(|scope| {
            let acting = scope.spawn(|| {
                enter(&namespace);
                act()
            });
            acting.join().unwrap()
        })
    }

    /// A runtime whose threads are on a host.
    pub(super) fn runtime(&self, host: Host) -> Runtime {
        let namespace = self.namespace(host);
        Builder::new_multi_thread()
            .worker_threads(2)
            .on_thread_start(move || enter(&namespace))
            .enable_all()
            .build()
            .unwrap()
    }

    fn namespace(&self, host: Host) -> String {
        format!("{}-{host:?}", self.name).to_lowercase()
    }
}

/// Moves this thread, and what it starts.
fn enter(namespace: &str) {
    let namespace = File::open(format!("/run/netns/{namespace}")).unwrap();
    let kind = Some(LinkNameSpaceType::Network);
    move_into_link_name_space(namespace.as_fd(), kind).unwrap();
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in [Host::Hub, Host::Remote] {
            let namespace = self.namespace(host);
            let _ = run(Command::new("ip").args(["netns", "delete", &namespace]), "");
        }
    }
}

/// Runs a program to its end.
fn run(command: &mut Command, input: &str) -> Result<(), String> {
    let started = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut process = started.map_err(|error| format!("{command:?}: {error}"))?;
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = process.wait_with_output().unwrap();
    match output.status.success() {
        true => Ok(()),
        false => {
            let complaint = String::from_utf8_lossy(&output.stderr);
            Err(format!("{command:?}: {}", complaint.trim()))
        }
    }
}
