//! Events in a NATS JetStream.

pub(crate) mod connection;
mod gathered;
mod late;
pub(crate) mod reading;
mod said;
mod server;
mod stored;
mod stored_ids;
mod stream;
mod subject;
mod window;

use std::fmt;
use std::time::Instant;

use async_nats::jetstream::stream::Stream;
use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::time::timeout;

use self::connection::{Answer, Connection, PATIENCE};
use self::gathered::{Gathered, Verdict};
use self::late::Late;
pub use self::server::{InvalidNatsUrl, NatsLogin, NatsServer, NatsUrl};
pub use self::stored::{Newest, StoredTrades};
pub use self::stream::NatsStream;
use self::window::Window;
use crate::record::Record;
use crate::sink::{Records, Sink, SinkError};

/// Where and how events are published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsSettings {
    /// The server.
    pub server: NatsServer,
    /// The stream.
    pub stream: NatsStream,
    /// How many events may be sent and not acknowledged.
    pub window: usize,
}

impl NatsSettings {
    /// Events in the stream `MD` of the server at `url`, without a login, as many as 1,024 on their way.
    #[must_use]
    pub fn new(url: NatsUrl) -> Self {
        Self {
            server: NatsServer {
                url,
                login: NatsLogin::None,
                ca_file: None,
            },
            stream: NatsStream::default(),
            window: 1024,
        }
    }
}

/// Stores events in a stream of a NATS JetStream, under the subjects `md.v1.<exchange>.<type>.<symbol>`.
///
/// An event is stored when the server has acknowledged it. Whatever is not, for a connection that is lost or
/// a server that is started again, is sent again in its order, and the server knows by `Nats-Msg-Id` what it
/// has already. Trades and tickers with ids have that of the exchange, so that two collectors store them
/// once; every other event is its collector's own. A trade that waited for longer than half of the time for
/// which the server knows that is looked for in the stream. So is one that stands for several, if the
/// [`Claim`](crate::Claim) of its collector is not sure: another may have stored them one by one. The header `Cryptofeed-Run` names the run that an event's
/// sequence belongs to, and `Cryptofeed-Fence` has the [`Fence`](crate::Fence) of its shard in a fleet.
pub struct NatsSink {
    settings: NatsSettings,
    connection: Option<Connected>,
    window: Window,
    /// How many events the server does not take, whatever is tried.
    refused: u64,
    /// How many trades were not sent, since others have stored all of what they tell.
    repeated: u64,
    /// How many were sent although others have stored a part of what they tell.
    overlapping: u64,
}

struct Connected {
    connection: Connection,
    stream: Stream,
    late: Late,
    gathered: Gathered,
}

impl NatsSink {
    /// Connects when there is something to store.
    #[must_use]
    pub fn new(settings: NatsSettings) -> Self {
        Self {
            window: Window::new(settings.window.max(1)),
            settings,
            connection: None,
            refused: 0,
            repeated: 0,
            overlapping: 0,
        }
    }

    /// Connects, has the streams there, and sends again what is not acknowledged.
    async fn connect(&mut self) -> Result<Connected, SinkError> {
        let connection = Connection::open(&self.settings.server).await?;
        let ensured = self.settings.stream.ensure(&connection.context()).await;
        let stream = ensured.map_err(|error| connection.said.explain(error))?;
        let late = Late::new(stream.cached_info().config.duplicate_window);
        let mut connected = Connected {
            connection,
            stream,
            late,
            gathered: Gathered::default(),
        };
        let open = self.window.unacknowledged();
        if !open.is_empty() {
            let events = open.len();
            tracing::warn!(events, "events that were not acknowledged are sent again");
        }
        connected
            .look(open.iter().map(|(_, record)| &**record))
            .await?;
        connected
            .gathered
            .note(open.iter().map(|(_, record)| &**record));
        for (place, (number, record)) in open.iter().enumerate() {
            let rest = open.iter().skip(place).map(|(_, record)| &**record);
            if self.is_stored(&mut connected, record, rest).await? {
                self.window.close(*number);
            } else {
                connected.connection.publish(*number, record).await?;
            }
        }
        Ok(connected)
    }

    /// Whether another has stored a trade, of which `rest` are this one and those behind it.
    async fn is_stored<'a>(
        &mut self,
        connected: &mut Connected,
        record: &Record,
        rest: impl Iterator<Item = &'a Record> + Clone + Send,
    ) -> Result<bool, SinkError> {
        loop {
            match self.judge(connected, record) {
                Verdict::Unknown => connected.look_for_gathered(rest.clone()).await?,
                verdict => return Ok(verdict == Verdict::Stored),
            }
        }
    }

    /// Whether another has stored a trade, which is counted.
    fn judge(&mut self, connected: &mut Connected, record: &Record) -> Verdict {
        let Connected { late, gathered, .. } = connected;
        let verdict = match late.has(record) {
            true => Verdict::Stored,
            false => gathered.judge(record, Instant::now),
        };
        match verdict {
            Verdict::New | Verdict::Unknown => {}
            Verdict::Stored => {
                self.repeated += 1;
                if self.repeated.is_power_of_two() {
                    let in_all = self.repeated;
                    tracing::info!(
                        in_all,
                        "a trade is not stored: another collector has done so"
                    );
                }
            }
            Verdict::Part => {
                self.overlapping += 1;
                if self.overlapping.is_power_of_two() {
                    let symbol = record.symbol.as_ref().map(feeds::Symbol::as_str);
                    let in_all = self.overlapping;
                    tracing::warn!(
                        exchange = %record.exchange,
                        symbol,
                        in_all,
                        "several trades that are told as one are stored, although another collector has stored some of them"
                    );
                }
            }
        }
        verdict
    }

    /// Sends `records` until the window is full, or what is stored is to be looked at first, and takes the
    /// answers that have come.
    async fn send(
        &mut self,
        connected: &mut Connected,
        records: &mut Records,
    ) -> Result<Sent, SinkError> {
        let mut sent = Sent::AsManyAsMay;
        while self.window.has_room()
            && let Some(record) = records.pop_front()
        {
            if !connected.connection.takes(&record) {
                let bytes = record.line.len();
                self.refuse(format_args!("{bytes} bytes are more than the server takes"));
                continue;
            }
            match self.judge(connected, &record) {
                Verdict::Stored => continue,
                Verdict::New | Verdict::Part => {}
                Verdict::Unknown => {
                    records.push_front(record);
                    sent = Sent::UpToADoubt;
                    break;
                }
            }
            let number = self.window.push(record.clone());
            connected.connection.publish(number, &record).await?;
        }
        while let Some(answer) = connected.connection.answered() {
            self.take(answer?)?;
        }
        Ok(sent)
    }

    fn take(&mut self, answer: Answer) -> Result<(), SinkError> {
        match answer {
            Answer::Stored(number) => {
                self.window.close(number);
                Ok(())
            }
            Answer::Refused(number, reason) => {
                if self.window.close(number) {
                    self.refuse(reason);
                }
                Ok(())
            }
            Answer::NoStream(number) => {
                let subject = self.window.get(number).map(subject::subject);
                let subject = subject.unwrap_or_default();
                let reason = format!("no stream takes the subject {subject}");
                Err(SinkError::new("have events acknowledged", reason))
            }
            // What follows it would be stored before it.
            Answer::Failed(reason) => Err(SinkError::new("have events acknowledged", reason)),
        }
    }

    fn refuse(&mut self, reason: impl fmt::Display) {
        self.refused += 1;
        // Of the first ones each, and then ever fewer.
        if self.refused.is_power_of_two() {
            let (problem, in_all) = (reason.to_string(), self.refused);
            tracing::error!(
                problem,
                in_all,
                "an event is not stored: the server refuses it"
            );
        }
    }

    /// Works with the connection, which is ended if that fails.
    async fn work(&mut self, records: Option<&mut Records>) -> Result<(), SinkError> {
        let mut connected = match self.connection.take() {
            Some(connected) => connected,
            None => self.connect().await?,
        };
        let worked = self.exchange(&mut connected, records).await;
        match worked {
            Ok(()) => self.connection = Some(connected),
            Err(error) => {
                let connection = connected.connection;
                let error = connection.said.explain(error);
                connection.end().await;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Sends `records` until they fit into the window, or waits until everything is acknowledged.
    async fn exchange(
        &mut self,
        connected: &mut Connected,
        mut records: Option<&mut Records>,
    ) -> Result<(), SinkError> {
        if let Some(records) = &records {
            connected.look(records.iter().map(|it| &**it)).await?;
            connected.gathered.note(records.iter().map(|it| &**it));
        }
        loop {
            let is_done = match &mut records {
                Some(records) => {
                    let sent = timeout(PATIENCE, self.send(connected, records)).await;
                    let sent = sent.map_err(|elapsed| SinkError::new("send events", elapsed))??;
                    if sent == Sent::UpToADoubt {
                        let records = records.iter().map(|it| &**it);
                        connected.look_for_gathered(records).await?;
                        continue;
                    }
                    records.is_empty() || self.window.has_room()
                }
                None => self.window.open() == 0,
            };
            if is_done {
                return Ok(());
            }
            let answer = connected.connection.answer().await?;
            self.take(answer)?;
        }
    }
}

/// How far events were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// Until there were no more, or the window was full.
    AsManyAsMay,
    /// Up to a trade that another collector may have stored.
    UpToADoubt,
}

impl Connected {
    /// Looks at what is stored of trades that may be there in another form.
    async fn look_for_gathered<'a>(
        &mut self,
        records: impl Iterator<Item = &'a Record> + Send,
    ) -> Result<(), SinkError> {
        let looked = self.gathered.look(&self.stream, records).await;
        looked.map_err(|error| SinkError::new("find what is stored", error))
    }

    /// Looks for late trades in the stream, which the server recognises no longer.
    async fn look(
        &mut self,
        records: impl Iterator<Item = &Record> + Send,
    ) -> Result<(), SinkError> {
        let now = OffsetDateTime::now_utc().unix_timestamp_nanos();
        let now_ns = i64::try_from(now).unwrap_or(i64::MAX);
        let looked = self.late.look(&self.stream, records, now_ns).await;
        looked.map_err(|error| SinkError::new("find what is stored", error))
    }
}

#[async_trait]
impl Sink for NatsSink {
    async fn write(&mut self, records: &mut Records) -> Result<(), SinkError> {
        self.work(Some(records)).await
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        if self.window.open() == 0 {
            return Ok(());
        }
        self.work(None).await
    }

    fn unstored(&self) -> usize {
        self.window.open()
    }
}

impl fmt::Debug for NatsSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsSink")
            .field("settings", &self.settings)
            .field("window", &self.window.open())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::sync::Arc;

    use super::*;
    use crate::record::Identity;
    use crate::run::RunId;

    #[test]
    fn a_subject_that_no_stream_takes_is_named() {
        let url = NatsUrl::parse("nats://127.0.0.1").unwrap();
        let mut sink = NatsSink::new(NatsSettings::new(url));
        let number = sink.window.push(Arc::new(Record {
            run: RunId::named("r"),
            claim: None,
            sequence: 1,
            exchange: "binance".into(),
            connection: None,
            name: "ticker",
            channel: None,
            symbol: Some(feeds::Symbol::parse("BTC-USDT").unwrap()),
            received_ns: 0,
            identity: Identity::Sequence,
            line: bytes::Bytes::new(),
        }));
        let error = sink.take(Answer::NoStream(number)).unwrap_err();
        assert_eq!(
            error.source().unwrap().to_string(),
            "no stream takes the subject md.v1.binance.ticker.BTC-USDT"
        );
        assert_eq!(sink.unstored(), 1);
    }
}
