//! Two hosts with a slow wire between them, each of them a network namespace of this machine.

use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Args;

use super::delayer::Wire;
use super::world::World;
use crate::child::{Child, say, until_abandoned};
use crate::error::Result;

const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// A client's host, and one of the proxies and the exchange. Dropping it ends what runs there, and
/// with it the namespaces.
#[derive(Debug)]
pub(super) struct Network {
    client: Namespace,
    server: Namespace,
    _wire: Child,
}

impl Network {
    /// Two hosts whose packets are under way for `delay`.
    ///
    /// # Errors
    /// Why this machine does not let us.
    pub(super) fn build(delay: Duration) -> Result<Self> {
        let client = Namespace::hold(Command::new("unshare"), &["--user", "--map-root-user"])?;
        let server = Namespace::hold(client.command("unshare"), &[])?;

        let mut wire = client.command(std::env::current_exe()?);
        let milliseconds = delay.as_millis().to_string();
        wire.args(["child", "dial", "wire", &milliseconds]);
        let mut wire = Child::start(wire)?;
        let [near, far]: [String; 2] = wire.hear()?;

        let host = server.holder.id().to_string();
        run(client
            .command("ip")
            .args(["link", "set", &far, "netns", &host]))?;
        for (host, device, address) in [(&client, &near, CLIENT), (&server, &far, SERVER)] {
            let address = format!("{address}/24");
            run(host
                .command("ip")
                .args(["address", "add", &address, "dev", device]))?;
            run(host.command("ip").args(["link", "set", "lo", "up"]))?;
            run(host.command("ip").args(["link", "set", device, "up"]))?;
        }
        Ok(Self {
            client,
            server,
            _wire: wire,
        })
    }

    /// Starts the exchange and its proxies.
    pub(super) fn start_world(&self, ca_file: &Path) -> Result<(Child, World)> {
        let program = self.server.command(std::env::current_exe()?);
        World::start_by(program, SERVER, CLIENT, ca_file)
    }

    /// A command that runs `program` at the client's host.
    pub(super) fn client(&self, program: impl AsRef<OsStr>) -> Command {
        self.client.command(program)
    }
}

/// A network namespace, and the user namespace it belongs to.
#[derive(Debug)]
struct Namespace {
    /// A process that does nothing but be there. The namespace ends with it.
    holder: Child,
}

impl Namespace {
    fn hold(mut unshare: Command, options: &[&str]) -> Result<Self> {
        unshare.args(options).args(["--net", "cat"]);
        let mut holder = Child::start(unshare)?;
        // It answers as soon as it is in its namespace.
        holder.tell(&())?;
        holder.hear::<()>()?;
        Ok(Self { holder })
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.holder.id()))
            .args(["--user", "--preserve-credentials", "--net"])
            .arg(program);
        command
    }
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}

/// Runs the wire, in the client's namespace.
#[derive(Debug, Args)]
pub(crate) struct Delay {
    milliseconds: u64,
}

impl Delay {
    pub(super) fn run(&self) -> Result<()> {
        let wire = Wire::lay(Duration::from_millis(self.milliseconds))?;
        say(&wire.ends)?;
        until_abandoned()
    }
}
