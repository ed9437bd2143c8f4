//! Who takes part.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::exchange::Addresses;
use super::lines::Lines;
use crate::error::Result;
use crate::measure::{Pinned, Process};
use crate::{command, python};

/// A program that writes events to its standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    Ours,
    Cryptofeed,
    /// Not a feed, but what a feed over the same transport cannot be faster than.
    Copy,
}

impl Contender {
    pub(super) const ALL: [Self; 3] = [Self::Ours, Self::Cryptofeed, Self::Copy];

    /// Events of one burst: as many as take some seconds.
    pub(super) fn events(self) -> u64 {
        match self {
            Self::Ours | Self::Copy => 1_000_000,
            Self::Cryptofeed => 200_000,
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "ours, `cryptofeed run`",
            Self::Cryptofeed => "cryptofeed 2.4.1, Python",
            Self::Copy => "the bound: our transport, messages copied as they come",
        })
    }
}

/// What the contenders need.
#[derive(Debug)]
pub(super) struct Stage {
    command: PathBuf,
    addresses: Addresses,
    folder: TempDir,
}

impl Stage {
    pub(super) fn new(addresses: Addresses) -> Result<Self> {
        let (command, folder) = (command::build()?, TempDir::new()?);
        fs::write(folder.path().join("ca.pem"), &addresses.ca_pem)?;
        let Addresses {
            exchange, proxy, ..
        } = addresses;
        fs::write(
            folder.path().join("run.json"),
            format!(
                r#"{{"proxy":{{"enabled":true,"default":"socks5://{proxy}"}},"tls":{{"ca_file":"ca.pem"}},"feeds":{{"binance":{{"symbols":["BTC-USDT"],"channels":["ticker","l2_book"],"rest_url":"https://{exchange}","ws_url":"wss://{exchange}"}}}}}}"#
            ),
        )?;
        Ok(Self {
            command,
            addresses,
            folder,
        })
    }

    /// Starts a contender on a core of its own.
    pub(super) fn start(&self, contender: Contender) -> Result<Running> {
        let _pinned = Pinned::to(0);
        let mut command = match contender {
            Contender::Ours => self.ours(),
            Contender::Cryptofeed => self.cryptofeed()?,
            Contender::Copy => self.copy()?,
        };
        let mut process = command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipe = process.stdout.take().ok_or("a contender without output")?;
        Ok(Running {
            process,
            lines: Lines::of(pipe),
        })
    }

    /// It ends by itself if it does not deliver.
    fn ours(&self) -> Command {
        let mut command = Command::new(&self.command);
        command.args(["run", "--config", "run.json", "--duration", "60s"]);
        command.args(["--format", "jsonl"]).stderr(Stdio::null());
        command
    }

    fn cryptofeed(&self) -> Result<Command> {
        let Addresses {
            exchange, proxy, ..
        } = self.addresses;
        let ca: &Path = &self.folder.path().join("ca.pem");
        let mut command = Command::new(python::interpreter()?);
        command
            .arg(python::script("pipeline.py"))
            .args([exchange.to_string(), format!("socks5://{proxy}")])
            .env("SSL_CERT_FILE", ca)
            .env("REQUESTS_CA_BUNDLE", ca);
        Ok(command)
    }

    fn copy(&self) -> Result<Command> {
        let Addresses {
            exchange, proxy, ..
        } = self.addresses;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["child", "copy"]);
        command.args([exchange.to_string(), proxy.to_string()]);
        command.arg("ca.pem");
        Ok(command)
    }
}

/// A contender that runs. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Running {
    process: Child,
    pub(super) lines: Lines,
}

impl Running {
    pub(super) fn process(&self) -> Process {
        Process(self.process.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
