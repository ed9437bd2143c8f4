//! `cryptofeed probe`.

mod dial;
mod line;
mod progress;
mod question;
mod report;
mod row;
mod verdict;

use clap::Args;
use futures_util::{StreamExt, stream};
use indicatif::MultiProgress;
use proxy_config::ExchangeId;

use self::line::Line;
use self::progress::Progress;
use self::report::Report;
use crate::configuration::{ConfigurationArgs, ConfiguredFeed, Start};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::stdout;

/// How many connections are made at the same time.
const AT_ONCE: usize = 8;

const DETAILS: &str = "\
Columns of the table, in milliseconds:
  dns        looking up names on this machine: the proxy's, and for socks4 and socks5 the exchange's
  tcp        connecting the socket
  proxy tls  TLS with https proxies
  handshake  asking proxies for a tunnel
  tls        TLS with the exchange
  answer     the WebSocket upgrade, or the response to the request
  total      all of it; where it failed, until then

Verdicts:
  ok, timeout, name-not-found, refused, unreachable, closed, auth, geo-blocked (403 or 451 of the
  exchange), rate-limited (418 or 429), declined, protocol, certificate, tls, unsupported, no-route,
  failed, interrupted

Examples:
  cryptofeed probe --config cryptofeed.yaml
  cryptofeed probe --exchange binance --json";

/// Try every configured proxy with every exchange and show where it fails, or how long it takes
///
/// For the REST and the WebSocket of each configured feed, it makes one real connection through
/// each proxy of the route that applies: one proxy, or each member of a pool, those with
/// `enabled: false` included. It asks for the exchange's ping, or upgrades and closes. A route that
/// is direct is probed directly, one that is refused stays refused, and no proxy stands in for
/// another. Nothing is tried twice.
///
/// Exit code 0 if every line is ok, those of disabled members aside, and 1 if any is not.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = DETAILS)]
pub(crate) struct Probe {
    #[command(flatten)]
    configuration: ConfigurationArgs,
    /// Probe the connections of this exchange alone
    #[arg(long, value_name = "NAME", value_parser = ExchangeId::new)]
    exchange: Option<ExchangeId>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Probe {
    pub(crate) async fn execute(self, bars: &MultiProgress) -> Result<(), Failure> {
        let Start {
            configuration,
            injector,
            trust,
            ..
        } = self.configuration.load_first().await?;
        let mut lines = Vec::new();
        for feed in chosen(configuration.feeds(), self.exchange.as_ref())? {
            lines.extend(Line::of_feed(feed, &injector)?);
        }

        let mut interrupt = Interrupt::listen()?;
        let mut outcomes: Vec<_> = lines.iter().map(|_| None).collect();
        let dials = lines.iter().zip(&mut outcomes).map(|(line, outcome)| {
            let trust = &trust;
            async move { (line, &*outcome.insert(line.dial(trust).await)) }
        });
        let mut dials = stream::iter(dials).buffer_unordered(AT_ONCE);
        let progress = Progress::new(bars, lines.len());
        let all = async {
            while let Some((line, outcome)) = dials.next().await {
                progress.show(line, outcome);
            }
        };
        tokio::select! {
            () = all => {}
            () = interrupt.received() => {}
        }
        drop((dials, progress));

        let report = Report::new(lines, outcomes);
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
