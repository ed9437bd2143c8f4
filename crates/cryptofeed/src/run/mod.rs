//! `cryptofeed run`.

mod backlog;
mod format;
mod member;
mod observed;
mod output;
mod reload;
mod routes;
mod service;
mod stores;
mod text;
mod workers;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::pin::pin;
use std::time::Duration;

use ::status::model::FleetView;
use clap::Args;
use feeds::{EventWriter, FeedEvent};
use fleet::Sharing;
use sinks::NatsUrl;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::{Instant, interval, interval_at, sleep_until, timeout_at};

use self::backlog::Backlog;
use self::format::Format;
use self::member::{Member, Pass, Turn};
use self::observed::Observed;
use self::output::Output;
use self::reload::Reloads;
use self::routes::Routes;
use self::service::Service;
use self::stores::Stores;
use self::workers::Workers;
use crate::configuration::{ConfigurationArgs, FleetSettings, GivenSink};
use crate::duration;
use crate::failure::Failure;
use crate::interrupt::Signals;
use crate::notice::Notices;
use crate::stderr;
use crate::stdout::Stdout;
use crate::streams::Streams;
use crate::tally::{Tallies, Tally};

/// How long to wait at the end for a reader of standard output, and for the exchanges.
const FAREWELL: Duration = Duration::from_secs(1);

/// How often to look for notices to sum up.
const SUMS: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  cryptofeed run --config cryptofeed.yaml
  cryptofeed run --duration 1m --format jsonl | gzip > events.jsonl.gz
  cryptofeed run --sink files=/var/lib/cryptofeed --sink nats://127.0.0.1:4222
  CRYPTOFEED_FEEDS_BINANCE__SYMBOLS=BTC-USDT,ETH-USDT \\
    CRYPTOFEED_PROXY=socks5h://proxy.example:1080 cryptofeed run --count 100";

/// Stream the configured feeds to standard output, or to other sinks
///
/// The command ends on SIGINT or SIGTERM, after --duration, or after --count events. The exit code is
/// 0 then, but 3 if events could not be written, as to an output that is closed or not read, or that
/// a feed with `backpressure: stop` does not wait for. Failed connections are retried, always on the
/// configured route.
///
/// A symbol that is not trading is looked for again and stops nothing else. Only if nothing that is
/// configured is trading at the start, the exit code is 2.
///
/// On SIGHUP, the command reads the sections `proxy` and `feeds` again, from the file and the
/// environment. Streams whose route has changed move to the new one. Feeds, symbols and channels are
/// added and removed; the others are not touched. If the new settings cannot be used, the old ones
/// stay. In any case, files that are being written are completed, and others follow.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(crate) struct Run {
    #[command(flatten)]
    configuration: ConfigurationArgs,
    /// Output format [default: text on a terminal, otherwise jsonl]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// Stop after this time: 500ms, 10s, 5m, 2h, or seconds
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    duration: Option<Duration>,
    /// Stop after this number of events
    #[arg(long, value_name = "N")]
    count: Option<NonZeroU64>,
    /// Where events go, instead of what `sinks` in the configuration says; may be repeated: stdout, files
    /// or nats (as configured), files=FOLDER, nats://HOST:PORT
    #[arg(long = "sink", value_parser = GivenSink::parse, value_name = "SINK")]
    sinks: Vec<GivenSink>,
    /// Tell what the command is doing at this address, such as 127.0.0.1:9464 [default: status.listen]
    #[arg(long, value_name = "ADDRESS")]
    status: Option<SocketAddr>,
    /// Share symbols and budgets with the other collectors of the fleet at this server, such as
    /// nats://127.0.0.1:4222 [default: fleet.url]
    #[arg(long, value_parser = NatsUrl::parse, value_name = "URL")]
    fleet: Option<NatsUrl>,
}

impl Run {
    pub(crate) async fn execute(self, signals: Option<Signals>) -> Result<(), Failure> {
        // `main` has them already, unless it did not recognise the command.
        let Signals {
            mut interrupt,
            mut hangup,
        } = signals.map_or_else(Signals::listen, Ok)?;
        let start = tokio::select! {
            start = self.configuration.load_first() => start?,
            () = interrupt.received() => return Ok(()),
        };
        let fleet = FleetSettings::given(start.configuration.fleet(), self.fleet.as_ref());
        let sharing = Sharing::default();
        let start = match fleet {
            Some(_) => start.sharing(&sharing),
            None => start,
        };
        let mut observed = Observed::start(&start, self.status).await?;
        let board = observed.as_ref().map(|it| it.board().clone());
        if let (Some(_), Some(board)) = (&fleet, &board) {
            board.set_fleet(FleetView::default());
        }
        let feeds = start.configuration.feeds();
        Routes::of(feeds).announce(&start.injector, &[]);
        // A time beyond the range of the clock never comes.
        let mut end = self
            .duration
            .and_then(|duration| Instant::now().checked_add(duration));
        let tallies = feeds
            .iter()
            .map(|feed| (feed.exchange.name().into(), Tally::default()));
        let workers = Workers::start()?;
        let service = Service::from_env();
        let sinks = start.configuration.sinks().clone().given(&self.sinks);
        let sinks = sinks.map_err(|problem| Failure::Configuration(vec![problem]))?;
        let (stdout, format) = if sinks.stdout {
            let format = self.format.unwrap_or_else(Format::for_stdout);
            (Stdout::new()?, format)
        } else {
            (Stdout::nowhere(), Format::Jsonl)
        };
        let stores = Stores::open(&workers, &sinks, start.configuration.memory()).await?;
        let member = fleet.map(|fleet| Member::join(fleet, sharing, feeds, &sinks));
        let member = member.transpose()?;
        let reopen = stores.as_ref().map(Stores::reopener);
        let mut writer = Writer {
            service: &service,
            streams: workers.run(|| {
                Streams::start(
                    &start.injector,
                    feeds.to_vec(),
                    start.configuration.memory(),
                    start.configuration.rest().limits(),
                    board.clone(),
                    member.as_ref().map(Member::share),
                )
            }),
            member,
            output: Output {
                stdout,
                format,
                json: EventWriter::default(),
                stores,
                board,
                received_ns: None,
                left: self.count.map(NonZeroU64::get),
                tallies: tallies.collect(),
                notices: Notices::default(),
            },
            backlog: Backlog::new(),
        };
        if let Some(observed) = &mut observed {
            observed.serve();
        }
        let reloads = Reloads {
            start: &start,
            service: &service,
            observed: observed.as_ref(),
            reopen,
        };
        let learning = start.injector.clone().follow_egresses();
        workers.run(|| drop(tokio::spawn(learning)));
        let mut alive = pin!(service.stays_alive(workers.run(Handle::current)));
        service.is_ready("the feeds are started");
        let outcome = loop {
            let feeds = tokio::select! {
                // In this order, nothing that the feeds do keeps a signal waiting.
                biased;
                () = interrupt.received() => match writer.leaves_first() {
                    true => {
                        service.is_stopping();
                        continue;
                    }
                    false => break Ok(()),
                },
                feeds = reloads.next(&mut hangup) => feeds,
                () = at(end) => {
                    end = None;
                    match writer.leaves_first() {
                        true => continue,
                        false => break Ok(()),
                    }
                }
                never = &mut alive => match never {},
                outcome = writer.copy() => break outcome,
            };
            if let Some(member) = &mut writer.member {
                member.change(&feeds);
            }
            writer.streams.change(feeds);
            service.is_ready("new settings apply");
        };
        service.is_stopping();
        let finished = writer.finish().await;
        let stored = match writer.output.stores.take() {
            Some(stores) => stores.close().await,
            None => Ok(()),
        };
        writer.output.notices.sum_up_all();
        summarise(&writer.output.tallies);
        match (outcome, finished) {
            (Err(Failure::Behind { exchange, .. }), Err(Failure::Unwritten { events, .. })) => {
                Err(Failure::Behind { exchange, events })
            }
            (outcome, finished) => outcome.and(finished).and(stored),
        }
    }
}

/// How much of the lines is written.
#[derive(Debug, Clone, Copy)]
enum Extent {
    All,
    /// As much as makes room in a full buffer.
    Full,
}

/// Carries events from the feeds to standard output and the other sinks.
struct Writer<'a> {
    streams: Streams,
    service: &'a Service,
    /// In a fleet.
    member: Option<Member>,
    output: Output,
    backlog: Backlog,
}

impl Writer<'_> {
    async fn copy(&mut self) -> Result<(), Failure> {
        let mut sums = interval(SUMS);
        let mut status = interval_at(Instant::now() + service::STATUS, service::STATUS);
        loop {
            tokio::select! {
                arrived = self.streams.arrived() => {
                    arrived?;
                    self.note_waiting();
                    while let Some(event) = self.streams.take() {
                        let Pass::Free(claim) = pass(&mut self.member, event) else {
                            continue;
                        };
                        self.output.write(event, claim)?;
                        // An event may be a line of megabytes, and hundreds may have come at once.
                        if self.output.stdout.is_full() {
                            self.relieve().await?;
                        }
                        if self.output.is_complete() {
                            return Ok(());
                        }
                    }
                }
                turn = turn(&mut self.member) => {
                    if self.take_turn(turn?)? {
                        return Ok(());
                    }
                }
                _ = sums.tick() => self.output.notices.sum_up(),
                _ = status.tick() => {
                    self.service.has_status(&service::summary(&self.output.tallies));
                }
                () = self.output.stdout.closed() => {
                    return Err(self.unwritten(Some(io::ErrorKind::BrokenPipe.into())));
                }
            }
            if let Some(member) = &mut self.member {
                member.follow_up();
            }
            // Lines are output when no event waits: at once in quiet times, in large pieces
            // otherwise. Signals have their turn although nothing has to be waited for.
            match self.streams.waiting() {
                0 => self.flush().await?,
                _ => yield_now().await,
            }
        }
    }

    /// Begins to hand over what a fleet shares, if that has not begun. Returns whether it goes on for that.
    fn leaves_first(&mut self) -> bool {
        let member = self.member.as_mut().filter(|it| !it.is_leaving());
        let leaves = member.is_some();
        if let Some(member) = member {
            member.leave();
        }
        leaves
    }

    /// Returns whether it ends: everything is handed over, or as many events as were asked for are written.
    fn take_turn(&mut self, turn: Turn) -> Result<bool, Failure> {
        match turn {
            Turn::Share(share) => self.streams.limit_to(share),
            Turn::Look => {
                let feeds = self.streams.statuses();
                if let Some(member) = &mut self.member {
                    member.look(&feeds);
                }
            }
            Turn::Begin(symbols) => {
                for begun in symbols {
                    for event in begun.events {
                        self.output.write(&event, begun.claim.clone())?;
                        if self.output.is_complete() {
                            return Ok(true);
                        }
                    }
                    if let Some(after) = begun.after {
                        self.streams.backfill(&begun.exchange, begun.symbol, &after);
                    }
                }
            }
            Turn::Standing { now, before } => self.output.note_standing(now, before),
            Turn::Left => return Ok(true),
        }
        Ok(false)
    }

    /// Writes all lines.
    async fn flush(&mut self) -> Result<(), Failure> {
        self.send_to_stores().await?;
        self.write(Extent::All).await
    }

    /// Writes as much as makes room for more lines.
    async fn relieve(&mut self) -> Result<(), Failure> {
        self.send_to_stores().await?;
        self.write(Extent::Full).await
    }

    async fn send_to_stores(&mut self) -> Result<(), Failure> {
        let Some(stores) = &mut self.output.stores else {
            return Ok(());
        };
        tokio::select! {
            biased;
            sent = stores.send() => sent,
            failure = self.streams.failed() => Err(failure),
        }
    }

    async fn write(&mut self, extent: Extent) -> Result<(), Failure> {
        let began_at = Instant::now();
        loop {
            let stdout = &mut self.output.stdout;
            let writing = async {
                match extent {
                    Extent::All => stdout.flush().await,
                    Extent::Full => stdout.relieve().await,
                }
            };
            tokio::select! {
                biased;
                written = writing => match written {
                    Ok(()) => break,
                    Err(error) => return Err(self.unwritten(Some(error))),
                },
                // A feed may be one that does not wait for the reader.
                failure = self.streams.failed() => return Err(failure),
                () = sleep_until(self.backlog.due()) => {
                    self.note_waiting();
                    self.backlog.tell(began_at, self.waiting());
                }
            }
        }
        let is_all_written = self.output.stdout.is_empty();
        if is_all_written {
            self.output.note_written();
        }
        self.note_waiting();
        if is_all_written && self.streams.waiting() == 0 {
            self.backlog.end();
        } else {
            self.backlog.note_wait(began_at);
        }
        Ok(())
    }

    /// Writes what has come until now, as far as it was asked for and is read in time. Meanwhile the feeds
    /// say farewell.
    async fn finish(&mut self) -> Result<(), Failure> {
        let end = Instant::now() + FAREWELL;
        self.streams.close();
        if let Some(stores) = &mut self.output.stores {
            stores.end();
        }
        let written = timeout_at(end, self.write_rest()).await;
        let written = written.unwrap_or_else(|_| Err(self.unwritten(None)));
        while !self.output.is_complete()
            && let Some(event) = self.streams.take_rest().await
        {
            if let Pass::Free(claim) = pass(&mut self.member, event) {
                self.output.leave_unwritten(event, claim);
            }
        }
        self.streams.leave(end).await;
        written
    }

    async fn write_rest(&mut self) -> Result<(), Failure> {
        while !self.output.is_complete()
            && let Some(event) = self.streams.take_rest().await
        {
            let Pass::Free(claim) = pass(&mut self.member, event) else {
                continue;
            };
            self.output.write(event, claim)?;
            if self.output.stdout.is_full() {
                self.relieve().await?;
            }
        }
        self.flush().await
    }

    fn unwritten(&self, cause: Option<io::Error>) -> Failure {
        // Of those that wait, as many as were asked for.
        let left = self.output.left.and_then(|left| usize::try_from(left).ok());
        let waiting = self.streams.waiting().min(left.unwrap_or(usize::MAX));
        let events = self.output.stdout.unwritten() + waiting;
        Failure::Unwritten { events, cause }
    }

    fn note_waiting(&self) {
        if let Some(board) = &self.output.board {
            board.set_waiting(self.waiting());
        }
    }

    /// How many events have come and are not written.
    fn waiting(&self) -> usize {
        self.output.stdout.unwritten() + self.streams.waiting()
    }
}

/// What a fleet has to say, or nothing without one.
async fn turn(member: &mut Option<Member>) -> Result<Turn, Failure> {
    match member {
        Some(member) => member.turn().await,
        None => std::future::pending().await,
    }
}

/// Whether `event` is to be published: without a fleet, all are.
fn pass(member: &mut Option<Member>, event: &mut FeedEvent) -> Pass {
    match member {
        Some(member) => member.take(event),
        None => Pass::Free(None),
    }
}

/// Returns at `end`, or never without one.
async fn at(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

fn summarise(tallies: &Tallies) {
    let lines = tallies.iter().map(|(exchange, tally)| {
        let Tally {
            events, reconnects, ..
        } = tally;
        format!("{exchange}: {events} events, reconnects: {reconnects}\n")
    });
    stderr::print(&lines.collect::<String>());
}
