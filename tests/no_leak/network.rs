//! A network of three hosts, each of them a network namespace of this machine.

use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// Where the proxies are. The client's way to everywhere else leads through the same host, which
/// forwards what it gets: a connection past the proxies would work.
pub(super) const PROXY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Where the exchange is.
pub(super) const EXCHANGE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// Another address of the client.
pub(super) const SECOND: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 3);

/// An address that no host has.
pub(super) const NOBODY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 4);

/// The far side of the proxies' host.
const EGRESS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// A host of the network.
#[derive(Debug, Clone, Copy)]
pub(super) enum Host {
    Client,
    Proxy,
    Exchange,
}

/// The way that the client is told to take.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    Any,
    Through(SocketAddrV4),
    From(Ipv4Addr),
}

/// How many packets the client has sent to others than itself.
#[derive(Debug)]
pub(super) struct Sent {
    /// By TCP, to the one proxy it shall use.
    pub(super) to_proxy: u64,
    /// By TCP to the exchange, from the one address that they shall have.
    pub(super) from_address: u64,
    /// To any name server.
    pub(super) to_name_server: u64,
    /// All others.
    pub(super) elsewhere: u64,
}

/// A client, proxies and an exchange in a row. Dropping it removes them.
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
            name: format!("cryptofeed-{}-{number}", std::process::id()),
        };
        for line in network.layout().lines() {
            run(Command::new("ip").args(line.split_whitespace()), "")?;
        }
        network
            .write_resolver_files()
            .map_err(|error| format!("/etc/netns: {error}"))?;
        let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
        run(network.command(Host::Proxy).args(["sh", "-c", forward]), "")?;
        network.count(Way::Any)?;
        Ok(network)
    }

    fn layout(&self) -> String {
        let [client, proxy, exchange] =
            [Host::Client, Host::Proxy, Host::Exchange].map(|host| self.namespace(host));
        format!(
            "netns add {client}\n\
             netns add {proxy}\n\
             netns add {exchange}\n\
             -n {client} link add out type veth peer name near netns {proxy}\n\
             -n {exchange} link add out type veth peer name far netns {proxy}\n\
             -n {client} address add {CLIENT}/24 dev out\n\
             -n {client} address add {SECOND}/24 dev out\n\
             -n {proxy} address add {PROXY}/24 dev near\n\
             -n {proxy} address add {EGRESS}/24 dev far\n\
             -n {exchange} address add {EXCHANGE}/24 dev out\n\
             -n {client} link set lo up\n\
             -n {client} link set out up\n\
             -n {proxy} link set lo up\n\
             -n {proxy} link set near up\n\
             -n {proxy} link set far up\n\
             -n {exchange} link set lo up\n\
             -n {exchange} link set out up\n\
             -n {client} route add default via {PROXY}\n\
             -n {exchange} route add default via {EGRESS}"
        )
    }

    /// Makes the client look names up at a name server, where there is none, and nowhere else.
    fn write_resolver_files(&self) -> io::Result<()> {
        let directory = self.resolver_files();
        fs::create_dir_all(&directory)?;
        let resolver = format!("nameserver {PROXY}\noptions timeout:1 attempts:1\n");
        fs::write(directory.join("resolv.conf"), resolver)?;
        fs::write(directory.join("nsswitch.conf"), "hosts: files dns\n")
    }

    /// `ip netns exec` puts these files in place of those of the same names in `/etc`.
    fn resolver_files(&self) -> PathBuf {
        PathBuf::from("/etc/netns").join(self.namespace(Host::Client))
    }

    fn namespace(&self, host: Host) -> String {
        format!("{}-{host:?}", self.name).to_lowercase()
    }

    /// What this network is called, and no other of this machine.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A command that is run at a host. The program and its arguments are to be added.
    pub(super) fn command(&self, host: Host) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(host)]);
        command
    }

    /// Begins to count the client's packets anew.
    ///
    /// # Errors
    /// What the packet filter says.
    pub(super) fn count(&self, way: Way) -> Result<(), String> {
        let as_set = match way {
            Way::Any => String::new(),
            Way::Through(proxy) => {
                let (ip, port) = (proxy.ip(), proxy.port());
                format!("ip daddr {ip} tcp dport {port} counter name to_proxy accept")
            }
            Way::From(ip) => format!(
                "ip saddr {ip} ip daddr {EXCHANGE} meta l4proto tcp counter name from_address accept"
            ),
        };
        // ICMPv6 is the kernel's own, about its addresses.
        let rules = format!(
            "add table inet leak\n\
             delete table inet leak\n\
             table inet leak {{\n\
               counter to_proxy {{}}\n\
               counter from_address {{}}\n\
               counter to_name_server {{}}\n\
               counter elsewhere {{}}\n\
               chain output {{\n\
                 type filter hook output priority 0\n\
                 oif lo accept\n\
                 meta l4proto ipv6-icmp accept\n\
                 {as_set}\n\
                 meta l4proto {{ tcp, udp }} th dport 53 counter name to_name_server accept\n\
                 counter name elsewhere\n\
               }}\n\
             }}\n"
        );
        run(self.command(Host::Client).args(["nft", "-f", "-"]), &rules)?;
        Ok(())
    }

    /// What the client has sent since [`count`](Self::count).
    pub(super) fn sent(&self) -> Sent {
        let list = ["nft", "-j", "list", "counters"];
        let listed = run(self.command(Host::Client).args(list), "").unwrap();
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let packets = |name: &str| {
            let counters = listed["nftables"].as_array().unwrap().iter();
            let mut counters = counters.map(|entry| &entry["counter"]);
            let counter = counters.find(|counter| counter["name"] == name).unwrap();
            counter["packets"].as_u64().unwrap()
        };
        Sent {
            to_proxy: packets("to_proxy"),
            from_address: packets("from_address"),
            to_name_server: packets("to_name_server"),
            elsewhere: packets("elsewhere"),
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in [Host::Client, Host::Proxy, Host::Exchange] {
            let delete = ["netns", "delete", &self.namespace(host)];
            let _ = run(Command::new("ip").args(delete), "");
        }
        let _ = fs::remove_dir_all(self.resolver_files());
    }
}

/// Runs a program to its end and returns what it printed, or what it complained about.
fn run(command: &mut Command, input: &str) -> Result<String, String> {
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    process
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = process.wait_with_output().unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(format!("{command:?}: {}", complaint.trim()))
    }
}
