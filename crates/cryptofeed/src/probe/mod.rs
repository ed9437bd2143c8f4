//! `cryptofeed probe`.

mod dial;
mod egress;
mod line;
mod progress;
mod question;
mod report;
mod round;
mod row;
mod verdict;
mod watch;

use std::time::Duration;

use clap::{Args, value_parser};
use indicatif::MultiProgress;
use proxy_config::{ExchangeId, HttpUrl};
use proxy_injector::EgressMirror;

use self::round::Rounds;
use self::watch::Watch;
use crate::configuration::{ConfigurationArgs, ConfiguredFeed, Start};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::stdout;

const DETAILS: &str = "\
Columns of the table, those of phases in milliseconds:
  egress     the address that exchanges see: the one that --egress has found, or else the configured
             or local one
  dns        name lookups on this machine: of the proxy, and for socks4 and socks5 of the exchange
  tcp        connecting the socket
  proxy tls  TLS with https proxies
  handshake  asking proxies for a tunnel
  tls        TLS with the exchange
  answer     the WebSocket upgrade, or the response to the request
  total      the whole attempt, up to the failure if it failed

Verdicts:
  ok, timeout, name-not-found, refused, unreachable, closed, auth, geo-blocked (403 or 451 of the
  exchange), rate-limited (418 or 429), declined, protocol, certificate, tls, unsupported, no-route,
  local, failed, interrupted

Examples:
  cryptofeed probe --config cryptofeed.yaml
  cryptofeed probe --exchange binance --json
  cryptofeed probe --egress https://mirror.example/ip
  cryptofeed probe --watch 30";

/// Try every configured proxy with every exchange, and show failures and times
///
/// For REST and WebSocket of each configured feed, the command makes one real connection through
/// each proxy of the route: the one proxy, or each member of a pool, including members with
/// `enabled: false`. For REST it requests the exchange's ping; for WebSocket it upgrades and
/// closes. A direct route is probed directly, and a refused one stays refused. There are no
/// retries, and no proxy replaces another.
///
/// With --egress, it also asks the server at that URL, once through each proxy or from each local
/// address, which address it sees. An answer that is no address is an error, and so is an address
/// that is not the configured one.
///
/// The exit code is 0 if every line is ok, except those of disabled members, and 1 otherwise. With
/// --watch, it is 0 when a signal ends the command.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = DETAILS)]
pub(crate) struct Probe {
    #[command(flatten)]
    configuration: ConfigurationArgs,
    /// Probe only this exchange
    #[arg(long, value_name = "NAME", value_parser = ExchangeId::new)]
    exchange: Option<ExchangeId>,
    /// Ask this server, which answers with the address of who asks as plain text, by each exit
    #[arg(long, value_name = "URL")]
    egress: Option<String>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Probe again and again, so many seconds after the end of the round before, until stopped
    ///
    /// The seconds are from 2 to 3600. A terminal shows the latest table only. Elsewhere, each round
    /// prints its table below the one before, or a line of JSON.
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "10",
        value_parser = value_parser!(u64).range(2..=3600),
    )]
    watch: Option<u64>,
}

impl Probe {
    pub(crate) async fn execute(self, bars: &MultiProgress) -> Result<(), Failure> {
        let Start {
            configuration,
            injector,
            trust,
            ..
        } = self.configuration.load_first().await?;
        let mirror = self.egress.as_deref().map(HttpUrl::parse).transpose();
        let mirror = mirror
            .map_err(|problem| Failure::Configuration(vec![format!("--egress: {problem}")]))?;
        let rounds = Rounds {
            feeds: chosen(configuration.feeds(), self.exchange.as_ref())?,
            injector: &injector,
            trust: &trust,
            limits: configuration.rest().limits(),
            mirror: mirror.map(EgressMirror::new),
            has_lines: self.watch.is_none(),
        };
        let mut interrupt = Interrupt::listen()?;
        if let Some(seconds) = self.watch {
            let watch = Watch {
                pause: Duration::from_secs(seconds),
                is_json: self.json,
            };
            return tokio::select! {
                failure = watch.run(&rounds, bars) => failure,
                () = interrupt.received() => Ok(()),
            };
        }
        let report = rounds.next(bars, interrupt.received()).await?;
        if self.json {
            stdout::print_json(&report)?;
        } else {
            stdout::print(&report.text())?;
        }
        report.verdict()
    }
}

/// The feeds to probe: all, or that of one exchange.
fn chosen<'a>(
    feeds: &'a [ConfiguredFeed],
    exchange: Option<&ExchangeId>,
) -> Result<Vec<&'a ConfiguredFeed>, Failure> {
    let is_chosen = |feed: &&ConfiguredFeed| exchange.is_none_or(|id| feed.id == *id);
    let chosen: Vec<_> = feeds.iter().filter(is_chosen).collect();
    match exchange {
        Some(id) if chosen.is_empty() => {
            let known: Vec<_> = feeds.iter().map(|feed| feed.id.as_str()).collect();
            let known = known.join(", ");
            let problem = format!("--exchange {id}: it has no feed; those with one are {known}");
            Err(Failure::Configuration(vec![problem]))
        }
        _ => Ok(chosen),
    }
}
