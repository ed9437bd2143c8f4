//! `cryptofeed mock`.

mod authority;
mod listing;
mod settings;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use feeds::{EXCHANGES, Registration};
use testkit::{ProxyKind, TestCa};

use self::authority::Authority;
use self::listing::Listing;
use self::settings::Settings;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::stage::{Exchange, Login, Ports, Proxy};
use crate::{stderr, stdout};

const DETAILS: &str = "\
Certificate authority:
  It signs the certificates of the exchanges and of the https proxy. Without --ca-dir, each process
  has its own authority, which is lost when the process ends. With --ca-dir, processes share one,
  and programs that trust it still do so after a restart. The folder also has its key.

Example, in two terminals:
  cryptofeed mock --print-config > mock.yaml
  cryptofeed run --config mock.yaml

Exchanges and proxies in two processes, to restart the proxies under a running feed:
  cryptofeed mock --ca-dir ca --only exchanges --print-config > exchanges.yaml
  cryptofeed mock --ca-dir ca --only proxies --port 9100 --print-config > proxies.yaml
  cat exchanges.yaml proxies.yaml > both.yaml; cryptofeed run --config both.yaml";

/// Which ports the servers take, and the rest of the help.
fn details() -> String {
    let mut ports = (0..).map(|offset: usize| match offset {
        0 => "N".to_owned(),
        _ => format!("N+{offset}"),
    });
    let mut next = || ports.next().unwrap_or_default();
    let mut details = "Ports, with --port N:\n".to_owned();
    for Registration { id, .. } in EXCHANGES {
        details += &format!("  {id}: REST {}, WebSocket {}\n", next(), next());
    }
    let proxies = ProxyKind::ALL.map(|kind| format!("{kind} {}", next()));
    details += &format!("  proxies: {}\n", proxies.join(", "));
    details += "  With --only proxies the proxies begin at N.\n\n";
    details + &settings::faults() + "\n" + DETAILS
}

/// The highest port at which there is one for every server.
fn last_port() -> i64 {
    let servers = 2 * EXCHANGES.len() + ProxyKind::ALL.len();
    i64::from(u16::MAX) + 1 - i64::try_from(servers).unwrap_or(i64::MAX)
}

/// Serve mock exchanges and real proxies on this machine, for tests
///
/// There is a mock of each exchange that has a feed, with REST and WebSocket over TLS, and with
/// invented but consistent data; it enforces the limits of the exchange, up to bans of an address, and
/// lists on stderr at the end what clients did that the exchange forbids. There is one proxy of each
/// of the six schemes; each connects to the exchanges from its own loopback address (its egress).
/// The command prints one line of JSON with all addresses and the test credentials, and serves until
/// SIGINT or SIGTERM. The proxies only relay to this machine.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = details())]
pub(crate) struct Mock {
    /// Serve only the exchanges, or only the proxies
    #[arg(long, value_enum, value_name = "HALF")]
    only: Option<Half>,
    /// Listen on this port and the ports after it [default: any free ports]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=last_port()))]
    port: Option<u16>,
    /// Folder of the authority [default: a new authority, with its certificate in a temporary file]
    ///
    /// It has the certificate in ca.pem and the key in ca-key.pem. A missing key is created, and an
    /// existing one is used again.
    #[arg(long, value_name = "DIR")]
    ca_dir: Option<PathBuf>,
    /// The user name that the proxies require
    #[arg(long, value_name = "NAME", default_value = "demo")]
    user: String,
    /// The password that the proxies require, except socks4 and socks4a, which have none
    #[arg(long, value_name = "TEXT", default_value = "demo")]
    password: String,
    /// Print a YAML configuration for `cryptofeed run` instead of the line of JSON
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Half {
    Exchanges,
    Proxies,
}

impl Mock {
    pub(crate) async fn execute(self) -> Result<(), Failure> {
        let mut interrupt = Interrupt::listen()?;
        let authority = match &self.ca_dir {
            Some(folder) => Authority::of(folder)?,
            None => Authority::new()?,
        };
        let ca = authority.ca();
        let mut ports = self.port.map_or(Ports::Any, Ports::From);
        let exchanges = match self.only {
            Some(Half::Proxies) => None,
            _ => {
                let set_up = |mock| self.settings.apply(mock);
                Some(Exchange::start_all(ca, &mut ports, set_up).await?)
            }
        };
        let proxies = match self.only {
            Some(Half::Exchanges) => None,
            _ => Some(self.start_proxies(ca, &mut ports).await?),
        };
        let listing = Listing {
            ca_file: authority.certificate_file(),
            exchanges: exchanges.as_deref(),
            proxies: proxies.as_deref(),
            settings: self.settings.json(),
        };
        // After everything listens: whoever reads this may connect at once.
        if self.print_config {
            stdout::print(&listing.yaml())?;
        } else {
            stdout::print_json(&listing.json())?;
        }
        interrupt.received().await;
        for exchange in exchanges.iter().flatten() {
            stderr::print(&violations(exchange));
        }
        Ok(())
    }

    async fn start_proxies(&self, ca: &TestCa, ports: &mut Ports) -> Result<Vec<Proxy>, Failure> {
        let login = Login {
            user: &self.user,
            password: &self.password,
        };
        let mut proxies = Vec::new();
        for (kind, number) in ProxyKind::ALL.into_iter().zip(2..) {
            proxies.push(Proxy::start(kind, number, login, ca, ports).await?);
        }
        Ok(proxies)
    }
}

/// A line for each violation of the limits of an exchange.
fn violations(exchange: &Exchange) -> String {
    let id = exchange.registration.id;
    let all = exchange.mock.violations().into_iter();
    all.map(|violation| format!("{id}: violation by {violation}\n"))
        .collect()
}
