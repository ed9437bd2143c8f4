//! One connection to an exchange.

use std::collections::BTreeSet;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, Sleep, sleep, timeout};
use transport::{Affinity, Draw, Egress, Message, Secrets, WebSocket, WsDialer, WsError, through};

use super::failure::Failure;
use super::outgoing::{Outgoing, Progress, progress};
use super::request_queue::RequestQueue;
use super::requests::Requests;
use super::wait::reached;
use crate::exchange::{Decoder, Exchange, KeepAlive, RequestIds, Stream, StreamRequest};
use crate::metrics::Traffic;

/// How long an exchange has to answer a farewell (RFC 6455, section 7.1.1).
const FAREWELL: Duration = Duration::from_secs(1);

/// One connection.
pub(super) struct Connection {
    pub(super) socket: WebSocket,
    pub(super) decoder: Box<dyn Decoder>,
    pub(super) queue: RequestQueue,
    pub(super) ids: RequestIds,
    /// All that it has ever been asked for.
    pub(super) asked: Vec<Stream>,
    /// What has been asked for and not answered.
    pub(super) requests: Requests,
    /// Whether it has brought data.
    pub(super) has_data: bool,
    /// What nothing that is quoted may show.
    pub(super) secrets: Secrets,
    /// What it has brought.
    pub(super) traffic: Traffic,
    /// The exchange's endpoint, and the proxies on the way to it.
    way: String,
    egress: Egress,
    is_elsewhere: bool,
    /// What is being sent.
    outgoing: Option<Outgoing>,
    opened_at: Instant,
    heard_at: Instant,
    silence_limit: Duration,
    /// When to look how long the silence is. It is not moved for each message.
    silence: Pin<Box<Sleep>>,
    keep_alive: Option<(KeepAlive, Pin<Box<Sleep>>)>,
}

/// How a connection is opened.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub(super) exchange: Arc<dyn Exchange>,
    pub(super) streams: Vec<Stream>,
    pub(super) silence_limit: Duration,
    /// Whether the exchange answers pings, once that is known.
    pub(super) answers_pings: Option<bool>,
    /// The egresses that another one is preferred to.
    pub(super) apart_from: Vec<Egress>,
    /// Whether another host of the exchange is preferred, if it has one.
    pub(super) elsewhere: bool,
}

/// What happens on a connection.
pub(super) enum Step {
    /// A message, or the end.
    Received(Option<Result<Message, WsError>>),
    /// A request has been sent.
    Sent(StreamRequest),
    /// These were asked for, and the reply is overdue.
    Unanswered(Vec<Stream>),
    /// It is of no use any longer.
    Failed(Failure),
}

impl Connection {
    /// Opens one.
    pub(super) async fn open(opening: Opening, ws: Arc<dyn WsDialer>) -> Result<Self, Failure> {
        let Opening {
            exchange,
            streams,
            silence_limit,
            answers_pings,
            apart_from,
            elsewhere,
        } = opening;
        let mut ids = RequestIds::default();
        let plan = exchange.plan(&streams, &mut ids)?;
        let limits = exchange.limits();
        let mut queue = RequestQueue::new(limits);
        for request in plan.requests {
            queue.push(request);
        }
        let mut dial = plan.socket;
        let other = exchange.elsewhere(dial.uri()).filter(|_| elsewhere);
        let is_elsewhere = other.is_some_and(|uri| dial.set_uri(uri).is_ok());
        dial.ping_interval = Some(limits.ping_interval.unwrap_or_default());
        // A quiet stream would otherwise end again and again for want of an answer.
        dial.ping_timeout = (answers_pings == Some(false)).then_some(Duration::ZERO);
        let first = queue.take_ready();
        dial.first_messages
            .extend(first.iter().map(|request| request.message.clone()));
        dial.affinity = Some(affinity(&streams));
        dial.apart_from = apart_from;
        dial.draws = limits
            .dials
            .map(|window| Draw { window, units: 1 })
            .into_iter()
            .collect();
        let endpoint = dial.target().endpoint().clone();
        let socket = ws.dial(dial).await?;
        queue.note_sent_now();
        let mut requests = Requests::new(exchange.rules().acknowledgement);
        for request in &first {
            requests.note(request);
        }
        let opened_at = Instant::now();
        Ok(Self {
            decoder: exchange.decoder(),
            queue,
            ids,
            asked: streams,
            requests,
            has_data: false,
            secrets: socket.info().secrets().clone(),
            traffic: Traffic::new(exchange.id()),
            egress: socket.info().egress(),
            is_elsewhere,
            way: format!("{endpoint}{}", through(socket.info().hops())),
            outgoing: None,
            opened_at,
            heard_at: opened_at,
            silence_limit,
            silence: Box::pin(sleep(silence_limit)),
            keep_alive: limits.keep_alive.map(|it| (it, Box::pin(sleep(it.every)))),
            socket,
        })
    }

    /// The proxies on its way, nearest first.
    pub(super) fn proxies(&self) -> Vec<String> {
        let hops = self.socket.info().hops().iter();
        hops.map(ToString::to_string).collect()
    }

    /// The exchange's endpoint, and the proxies on the way to it.
    pub(super) fn way(&self) -> &str {
        &self.way
    }

    /// By which address it leaves.
    pub(super) fn egress(&self) -> &Egress {
        &self.egress
    }

    /// Whether it goes to another host of the exchange than the usual one.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.is_elsewhere
    }

    /// For how long it has been open.
    pub(super) fn age(&self) -> Duration {
        self.opened_at.elapsed()
    }

    /// What was received has been dealt with, which may have meant waiting for the subscriber.
    pub(super) fn note_heard(&mut self) {
        self.heard_at = Instant::now();
    }

    /// Nobody has read since then, so that this was not the exchange's silence.
    pub(super) fn note_unread(&mut self, since: Instant) {
        self.heard_at += since.elapsed();
    }

    /// Whether everything has been said that waited to be.
    pub(super) fn is_all_said(&self) -> bool {
        self.outgoing.is_none() && self.queue.is_empty()
    }

    /// Goes on: sends what waits for its turn, and takes what arrives. Dropping the future loses nothing.
    pub(super) async fn step(&mut self) -> Step {
        self.traffic.flush();
        loop {
            let limit = self.silence_limit;
            let outgoing_since = self.outgoing.as_ref().map(Outgoing::since);
            let overdue = outgoing_since.and_then(|since| since.checked_add(limit));
            tokio::select! {
                // What has come counts before silence.
                biased;
                progress = progress(&mut self.socket, self.outgoing.as_mut()) => match progress {
                    Progress::Received(message) => return Step::Received(message),
                    Progress::Sent(Ok(())) => {
                        if let Some(request) = self.outgoing.take().map(Outgoing::into_request) {
                            self.requests.note(&request);
                            return Step::Sent(request);
                        }
                    }
                    Progress::Sent(Err(error)) => return Step::Failed(error.into()),
                },
                request = self.queue.next(), if self.outgoing.is_none() => {
                    self.outgoing = Some(Outgoing::new(request));
                }
                streams = self.requests.overdue() => return Step::Unanswered(streams),
                () = reached(overdue) => {
                    self.socket.report_stall();
                    return Step::Failed(Failure::new(format!("nothing could be sent for {limit:?}")));
                }
                () = &mut self.silence => {
                    if self.heard_at.elapsed() >= limit {
                        self.socket.report_stall();
                        return Step::Failed(Failure::new(format!("nothing received for {limit:?}")));
                    }
                    self.silence.as_mut().reset(self.heard_at + limit);
                }
                message = unsaid(&mut self.keep_alive) => self.queue.push_sign_of_life(message),
            }
        }
    }

    /// What has come and needs no wait, unless there is something to be sent, which is for a
    /// [`step`](Self::step) to do.
    pub(super) async fn more(&mut self) -> Option<Option<Result<Message, WsError>>> {
        if !self.is_all_said() {
            return None;
        }
        poll_fn(|cx| {
            Poll::Ready(match self.socket.poll_next_unpin(cx) {
                Poll::Ready(received) => Some(received),
                Poll::Pending => None,
            })
        })
        .await
    }

    /// The message that was received, or why the connection has ended.
    pub(super) fn message(
        &self,
        received: Option<Result<Message, WsError>>,
    ) -> Result<Message, Failure> {
        match received {
            Some(Ok(Message::Close(frame))) => Err(closed(frame, &self.secrets)),
            Some(received) => Ok(received?),
            None => Err(Failure::new("the connection ended without a close frame")),
        }
    }

    /// Says farewell, and waits for the answer.
    pub(super) async fn leave(self) {
        let mut socket = self.socket;
        let farewell = async {
            if socket.close().await.is_ok() {
                while let Some(Ok(_)) = socket.next().await {}
            }
        };
        // Whoever does not answer is left all the same.
        let _ = timeout(FAREWELL, farewell).await;
    }
}

/// What a connection for `streams` has in common with the next one for them.
fn affinity(streams: &[Stream]) -> Affinity {
    let symbols: BTreeSet<_> = streams
        .iter()
        .map(|it| it.instrument.symbol().to_string())
        .collect();
    Affinity::new(&symbols.into_iter().collect::<Vec<_>>().join(","))
}

fn closed(frame: Option<(u16, String)>, secrets: &Secrets) -> Failure {
    Failure::new(match frame {
        Some((code, reason)) if reason.is_empty() => format!("closed by the exchange: {code}"),
        Some((code, reason)) => {
            let reason = secrets.quote(reason.as_bytes());
            format!("closed by the exchange: {code} {reason}")
        }
        None => "closed by the exchange without a code".to_owned(),
    })
}

/// What is to be said again and again, when it is time.
async fn unsaid(keep_alive: &mut Option<(KeepAlive, Pin<Box<Sleep>>)>) -> Message {
    match keep_alive {
        Some((keep_alive, timer)) => {
            timer.as_mut().await;
            timer.as_mut().reset(Instant::now() + keep_alive.every);
            Message::text(keep_alive.text)
        }
        None => pending().await,
    }
}
