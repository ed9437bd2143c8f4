//! What a service manager hears from `run`.
#![cfg(target_os = "linux")]

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::child::PATIENCE;
use crate::workspace::Workspace;
use crate::world::World;

/// A service manager with a watchdog of this time.
struct Manager {
    socket: UnixDatagram,
    name: String,
}

const WATCHDOG: &str = "400000";

impl Manager {
    /// Listens at a path.
    fn at(path: &str) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        Self::of(socket, path.to_owned())
    }

    /// Listens in the abstract namespace.
    fn abstract_at(name: &str) -> Self {
        let address = SocketAddr::from_abstract_name(name).unwrap();
        Self::of(
            UnixDatagram::bind_addr(&address).unwrap(),
            format!("@{name}"),
        )
    }

    fn of(socket: UnixDatagram, name: String) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, name }
    }

    fn variables(&self) -> [(&str, &str); 2] {
        [("NOTIFY_SOCKET", &self.name), ("WATCHDOG_USEC", WATCHDOG)]
    }

    fn message(&self) -> String {
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// The next message that is not a sign of life.
    fn notice(&self) -> String {
        loop {
            match self.message() {
                sign if sign == "WATCHDOG=1" => {}
                notice => return notice,
            }
        }
    }

    /// Whether anything has been said that is not heard yet.
    fn has_heard(&self) -> bool {
        self.socket.set_nonblocking(true).unwrap();
        self.socket.recv(&mut [0; 4096]).is_ok()
    }
}

fn microseconds(notice: &str) -> u128 {
    let (state, time) = notice.split_once("\nMONOTONIC_USEC=").unwrap();
    assert_eq!(state, "RELOADING=1");
    time.parse().unwrap()
}

/// How long the machine has been up, from another source than the clock of the program.
fn uptime() -> Duration {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    Duration::from_secs_f64(uptime.split_whitespace().next().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_start_a_reload_life_and_the_end_are_told() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let tls = format!("tls: {{ca_file: '{}'}}\n", world.ca_file.display());
    let settings = format!("proxy: direct\n{}{tls}", world.feeds());
    workspace.file("cryptofeed.yaml", &settings);
    let name = format!("cryptofeed-test-{}", std::process::id());
    let manager = Manager::abstract_at(&name);

    let run = workspace.start(&["run"], &manager.variables());
    assert_eq!(manager.message(), "READY=1\nSTATUS=the feeds are started");
    run.find(|line| line["type"] == "trade");
    for _ in 0..3 {
        assert_eq!(manager.message(), "WATCHDOG=1");
    }

    run.reload();
    let first = microseconds(&manager.notice());
    let up = uptime().as_micros();
    assert!(up.abs_diff(first) < 60_000_000, "{first} and {up}");
    assert_eq!(manager.notice(), "READY=1\nSTATUS=new settings apply");

    workspace.file("cryptofeed.yaml", "proxy: {enabled: perhaps}\n");
    run.reload();
    assert!(microseconds(&manager.notice()) > first);
    let refused = "READY=1\nSTATUS=new settings refused; the old ones stay";
    assert_eq!(manager.notice(), refused);

    run.terminate();
    let stopping = "STOPPING=1\nSTATUS=writing what has come";
    assert_eq!(manager.notice(), stopping);
    assert_eq!(run.finish().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_stuck_is_no_failure_of_the_program() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let tls = format!("tls: {{ca_file: '{}'}}\n", world.ca_file.display());
    workspace.file("cryptofeed.yaml", &(world.feeds() + &tls));
    let manager = Manager::at(workspace.path("notify").to_str().unwrap());
    let command = workspace.cryptofeed(&["run", "--format", "jsonl"], &manager.variables());
    let run = crate::child::Running::start_unread(command);
    run.logged("standard output is not read", 1);
    while manager.message() != "WATCHDOG=1" {}
    run.terminate();
    while manager.notice().split('\n').next() != Some("STOPPING=1") {}
    assert_eq!(run.finish_unread().0, Some(3));
}

#[test]
fn a_start_that_fails_is_never_ready() {
    let workspace = Workspace::new();
    let manager = Manager::at(workspace.path("notify").to_str().unwrap());
    let run = workspace.output(&["run"], &manager.variables());
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(!manager.has_heard());
}

#[test]
fn a_manager_that_is_not_there_is_one_warning() {
    let workspace = Workspace::new();
    workspace.file(
        "cryptofeed.yaml",
        "feeds: {binance: {symbols: [BTC-USDT], rest_url: 'http://127.0.0.1:1', ws_url: 'ws://127.0.0.1:1'}}\n",
    );
    let variables = [("NOTIFY_SOCKET", "/nonexistent/notify")];
    let run = workspace.output(&["run", "--duration", "100ms"], &variables);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let told = run.stderr.matches("the service manager cannot be reached");
    assert_eq!(told.count(), 1, "{}", run.stderr);
}
