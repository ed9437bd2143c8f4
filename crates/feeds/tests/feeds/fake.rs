//! Transports that follow a script, in memory.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use feeds::{
    Channel, EventQueue, Exchange, Feed, FeedEvent, FeedEventKind, QueueLimits, Subscription,
    SymbolPattern, event_queue,
};
use futures_util::stream::{self, BoxStream};
use futures_util::{Sink, Stream, StreamExt};
use http::{Request, Response};
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, timeout};
use transport::{
    ConnectionInfo, DialError, DialErrorKind, Hop, HttpError, HttpErrorKind, HttpTransport,
    Message, Phase, Reload, Reloads, Target, WebSocket, WsDialer, WsError, WsErrorKind, WsRequest,
    unreadable,
};

use crate::schema;

/// What a scripted connection does next. After its last step it is silent.
#[derive(Clone)]
pub(crate) enum Step {
    Send(Message),
    Wait(u64),
    Break,
    Unresponsive,
    Reroute,
    End,
}

pub(crate) fn say(text: impl Into<String>) -> Step {
    Step::Send(Message::text(text))
}

/// What comes of a dial.
pub(crate) enum Dial {
    Open(Vec<Step>),
    Fail(DialError),
    /// It opens after so many seconds.
    Late(u64, Vec<Step>),
    /// It is open for the first time, and then there is no network for the second.
    Cut(Duration, Duration),
}

pub(crate) fn dial_error(kind: DialErrorKind) -> DialError {
    let target = Target::parse("exchange.example", 443).unwrap();
    DialError::new(Hop::Target(target.endpoint().clone()), Phase::Tcp, kind)
}

/// The routes of both fake transports, which can be reloaded.
#[derive(Clone)]
pub(crate) struct Routes(broadcast::Sender<Reload>);

impl Default for Routes {
    fn default() -> Self {
        Self(broadcast::Sender::new(16))
    }
}

impl Routes {
    pub(crate) fn reload(&self, reload: Reload) {
        self.0.send(reload).unwrap();
    }

    fn reloads(&self) -> Reloads {
        let news = self.0.subscribe();
        Box::pin(stream::unfold(news, async |mut news| {
            Some((news.recv().await.ok()?, news))
        }))
    }
}

/// Dials as scripted; when the script is over, a dial hangs.
#[derive(Default)]
pub(crate) struct FakeWs {
    script: Mutex<VecDeque<Dial>>,
    pub(crate) dials: Mutex<Vec<(Instant, WsRequest)>>,
    /// How many messages were taken from all connections.
    pub(crate) taken: Arc<AtomicUsize>,
    /// What is said on its connections, where that may be.
    spoken: Mutex<Option<Spoken>>,
    /// Nothing that is sent is read.
    is_deaf: AtomicBool,
    /// When there is a network again.
    back_at: Mutex<Option<Instant>>,
    /// How many farewells were said.
    pub(crate) farewells: Arc<AtomicUsize>,
    routes: Routes,
}

#[async_trait]
impl WsDialer for FakeWs {
    async fn dial(&self, request: WsRequest) -> Result<WebSocket, DialError> {
        self.dials.lock().unwrap().push((Instant::now(), request));
        if self
            .back_at
            .lock()
            .unwrap()
            .is_some_and(|at| Instant::now() < at)
        {
            return Err(dial_error(DialErrorKind::Unreachable));
        }
        let next = self.script.lock().unwrap().pop_front();
        let next = match next {
            Some(Dial::Cut(open, gone)) => {
                *self.back_at.lock().unwrap() = Some(Instant::now() + open + gone);
                Some(Dial::Open(vec![Step::Wait(open.as_secs()), Step::Break]))
            }
            Some(Dial::Late(seconds, steps)) => {
                sleep(Duration::from_secs(seconds)).await;
                Some(Dial::Open(steps))
            }
            other => other,
        };
        match next {
            Some(Dial::Open(steps)) => {
                let frames = play(steps.into(), Arc::clone(&self.taken));
                let spoken = self.spoken.lock().unwrap().clone();
                let frames = Frames {
                    frames,
                    spoken,
                    is_deaf: self.is_deaf.load(Ordering::Relaxed),
                    farewells: Arc::clone(&self.farewells),
                };
                Ok(WebSocket::new(frames, ConnectionInfo::default()))
            }
            Some(Dial::Fail(error)) => Err(error),
            Some(Dial::Cut(..) | Dial::Late(..)) => unreachable!("it is open by now"),
            None => std::future::pending().await,
        }
    }

    fn reloads(&self) -> Reloads {
        self.routes.reloads()
    }
}

type Frame = Result<Message, WsError>;

fn play(steps: VecDeque<Step>, taken: Arc<AtomicUsize>) -> BoxStream<'static, Frame> {
    stream::unfold((steps, taken), async |(mut steps, taken)| {
        loop {
            let frame = match steps.pop_front() {
                Some(Step::Wait(seconds)) => {
                    sleep(Duration::from_secs(seconds)).await;
                    continue;
                }
                Some(Step::Send(message)) => Ok(message),
                Some(Step::Break) => Err(WsError::new(WsErrorKind::Broken, "reset by peer")),
                Some(Step::Unresponsive) => Err(WsError::new(WsErrorKind::Unresponsive, "silence")),
                Some(Step::Reroute) => Err(WsError::new(WsErrorKind::RouteChanged, "reload")),
                Some(Step::End) => return None,
                None => std::future::pending().await,
            };
            taken.fetch_add(1, Ordering::Relaxed);
            return Some((frame, (steps, taken)));
        }
    })
    .boxed()
}

/// What a feed says on its connections, and when.
pub(crate) type Spoken = Arc<Mutex<Vec<(Instant, Message)>>>;

struct Frames {
    frames: BoxStream<'static, Frame>,
    spoken: Option<Spoken>,
    is_deaf: bool,
    farewells: Arc<AtomicUsize>,
}

impl Stream for Frames {
    type Item = Frame;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        self.frames.poll_next_unpin(cx)
    }
}

/// Unless that is expected, a feed says everything when it dials and nothing after.
impl Sink<Message> for Frames {
    type Error = WsError;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        assert!(self.spoken.is_some(), "the feed spoke");
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), WsError> {
        let spoken = self.spoken.as_ref().expect("the feed spoke");
        spoken.lock().unwrap().push((Instant::now(), message));
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        match self.is_deaf {
            true => Poll::Pending,
            false => Poll::Ready(Ok(())),
        }
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        self.farewells.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

/// An answer to a REST request, and how long it takes.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: u16,
    retry_after: Option<String>,
    body: String,
    is_whole: bool,
    seconds: u64,
}

pub(crate) fn ok(body: impl Into<String>) -> Answer {
    status(200, body)
}

pub(crate) fn status(status: u16, body: impl Into<String>) -> Answer {
    Answer {
        status,
        retry_after: None,
        body: body.into(),
        is_whole: true,
        seconds: 0,
    }
}

impl Answer {
    pub(crate) fn with_retry_after(mut self, value: &str) -> Self {
        self.retry_after = Some(value.to_owned());
        self
    }

    /// Its body does not arrive.
    pub(crate) fn without_body(mut self) -> Self {
        self.is_whole = false;
        self
    }

    pub(crate) fn after(mut self, seconds: u64) -> Self {
        self.seconds = seconds;
        self
    }
}

/// Answers requests for the list of instruments, for snapshots, for trades and for what moves, each from its
/// own queue. The last answer of a queue is given again and again; an empty queue means a broken connection.
#[derive(Default)]
pub(crate) struct FakeHttp {
    metadata: Mutex<VecDeque<Answer>>,
    depth: Mutex<VecDeque<Answer>>,
    trades: Mutex<VecDeque<Answer>>,
    overview: Mutex<VecDeque<Answer>>,
    /// All but those for what moves.
    pub(crate) requests: Mutex<Vec<(Instant, String)>>,
    /// Those for what moves.
    pub(crate) looks: Mutex<Vec<(Instant, String)>>,
    under_way: AtomicUsize,
    pub(crate) most_under_way: AtomicUsize,
    routes: Routes,
}

#[async_trait]
impl HttpTransport for FakeHttp {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let uri = request.uri().to_string();
        let is_look = ["/ticker", "/Ticker"].iter().any(|it| uri.contains(it));
        let (queue, log) = match uri.contains("/depth") {
            true => (&self.depth, &self.requests),
            false if is_look => (&self.overview, &self.looks),
            false if uri.contains("rades?") => (&self.trades, &self.requests),
            false => (&self.metadata, &self.requests),
        };
        log.lock().unwrap().push((Instant::now(), uri));
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_under_way.fetch_max(under_way, Ordering::Relaxed);
        let answer = {
            let mut queue = queue.lock().unwrap();
            let is_last = queue.len() <= 1;
            if is_last {
                queue.front().cloned()
            } else {
                queue.pop_front()
            }
        };
        sleep(Duration::from_secs(
            answer.as_ref().map_or(0, |answer| answer.seconds),
        ))
        .await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        let Some(answer) = answer else {
            return Err(HttpError::new(HttpErrorKind::Broken, "reset by peer"));
        };
        let mut response = Response::builder().status(answer.status);
        if let Some(value) = answer.retry_after {
            response = response.header("Retry-After", value);
        }
        let response = response.body(Bytes::from(answer.body)).unwrap();
        match answer.is_whole {
            true => Ok(response),
            false => Err(unreadable(&response, "it is not complete")),
        }
    }

    fn reloads(&self) -> Reloads {
        self.routes.reloads()
    }
}

/// Everything around a feed.
pub(crate) struct Rig {
    pub(crate) http: Arc<FakeHttp>,
    pub(crate) ws: Arc<FakeWs>,
    pub(crate) routes: Routes,
    silence_limit: Option<Duration>,
}

impl Rig {
    pub(crate) fn new(
        metadata: impl Into<VecDeque<Answer>>,
        dials: impl Into<VecDeque<Dial>>,
    ) -> Self {
        let routes = Routes::default();
        let http = FakeHttp {
            metadata: Mutex::new(metadata.into()),
            routes: routes.clone(),
            ..FakeHttp::default()
        };
        let ws = FakeWs {
            script: Mutex::new(dials.into()),
            routes: routes.clone(),
            ..FakeWs::default()
        };
        Self {
            http: Arc::new(http),
            ws: Arc::new(ws),
            routes,
            silence_limit: None,
        }
    }

    /// Lets the feed speak on its connections.
    pub(crate) fn listen(&self) -> Spoken {
        let spoken = Spoken::default();
        *self.ws.spoken.lock().unwrap() = Some(Arc::clone(&spoken));
        spoken
    }

    /// As [`listen`](Self::listen), but what the feed says is never sent to its end.
    pub(crate) fn deafen(&self) {
        self.listen();
        self.ws.is_deaf.store(true, Ordering::Relaxed);
    }

    pub(crate) fn with_snapshots(self, answers: impl Into<VecDeque<Answer>>) -> Self {
        *self.http.depth.lock().unwrap() = answers.into();
        self
    }

    /// From now on, the list of instruments is `body`.
    pub(crate) fn list(&self, body: &str) {
        *self.http.metadata.lock().unwrap() = [ok(body)].into();
    }

    pub(crate) fn with_trades(self, answers: impl Into<VecDeque<Answer>>) -> Self {
        *self.http.trades.lock().unwrap() = answers.into();
        self
    }

    pub(crate) fn with_overviews(self, answers: impl Into<VecDeque<Answer>>) -> Self {
        *self.http.overview.lock().unwrap() = answers.into();
        self
    }

    pub(crate) fn with_silence_limit(mut self, limit: Duration) -> Self {
        self.silence_limit = Some(limit);
        self
    }

    pub(crate) fn feed(
        &self,
        exchange: impl Exchange + 'static,
        symbols: &[&str],
        channels: &[Channel],
    ) -> Feed {
        let symbols = symbols
            .iter()
            .map(|text| SymbolPattern::parse(text).unwrap());
        let subscription = Subscription::new(symbols, channels.iter().copied()).unwrap();
        let feed = Feed::new(
            Arc::new(exchange),
            subscription,
            self.http.clone(),
            self.ws.clone(),
        );
        match self.silence_limit {
            Some(limit) => feed.with_silence_limit(limit),
            None => feed,
        }
    }

    /// Starts a feed of BTC-USDT.
    pub(crate) fn start(&self, channel: Channel) -> Events {
        let feed = self.feed(feeds::Binance::default(), &["BTC-USDT"], &[channel]);
        Events::of(feed, 1024)
    }

    pub(crate) fn dial_times(&self) -> Vec<Instant> {
        let dials = self.ws.dials.lock().unwrap();
        dials.iter().map(|(at, _)| *at).collect()
    }

    pub(crate) fn request_times(&self) -> Vec<Instant> {
        let requests = self.http.requests.lock().unwrap();
        requests.iter().map(|(at, _)| *at).collect()
    }
}

/// A queue in which so many events may wait.
pub(crate) fn queue_of(events: usize) -> (EventQueue, feeds::Events) {
    event_queue(QueueLimits {
        events,
        ..QueueLimits::default()
    })
}

/// The events of a running feed.
pub(crate) struct Events {
    events: feeds::Events,
    /// The number of the last event.
    sequence: u64,
}

impl Events {
    pub(crate) fn of(feed: Feed, capacity: usize) -> Self {
        Self::through(feed, queue_of(capacity))
    }

    pub(crate) fn through(feed: Feed, (queue, events): (EventQueue, feeds::Events)) -> Self {
        tokio::spawn(feed.run(queue));
        Self {
            events,
            sequence: 0,
        }
    }

    pub(crate) async fn next(&mut self) -> FeedEventKind {
        self.next_event().await.kind
    }

    /// The next event with all that there is about it. It is what the schema says.
    pub(crate) async fn next_event(&mut self) -> FeedEvent {
        let next = timeout(Duration::from_secs(100_000), self.events.recv()).await;
        let event = next
            .expect("no event within a day")
            .expect("the feed has ended");
        self.sequence += 1;
        assert_eq!(event.sequence, self.sequence, "{event:?}");
        schema::check(&event);
        event
    }

    /// The next event that `wanted` takes; the others are skipped.
    pub(crate) async fn find<T>(&mut self, wanted: impl Fn(FeedEventKind) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.next().await) {
                return found;
            }
        }
    }

    /// Whether nothing more comes within `seconds`.
    pub(crate) async fn are_over_for(&mut self, seconds: u64) -> bool {
        let next = timeout(Duration::from_secs(seconds), self.events.recv()).await;
        next.is_err()
    }

    /// The next disconnection: reason, delay and attempt.
    pub(crate) async fn disconnected(&mut self) -> (String, Duration, u32) {
        self.find(|event| match event {
            FeedEventKind::Disconnected {
                reason,
                retry_in,
                attempt,
                ..
            } => Some((reason, retry_in, attempt)),
            _ => None,
        })
        .await
    }
}

pub(crate) const LISTED: &str = r#"{"symbols":[
    {"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT"},
    {"symbol":"ETHUSDT","status":"TRADING","baseAsset":"ETH","quoteAsset":"USDT"}]}"#;

pub(crate) fn trade(id: u64) -> Step {
    say(format!(
        r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":{id},"p":"1.5","q":"2","T":1723161255342,"m":true,"M":true}}}}"#
    ))
}

/// A change of the book: the bid of `bid` gets the size `last_id`.
pub(crate) fn depth(first_id: u64, last_id: u64, bid: &str) -> Step {
    say(format!(
        r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":{first_id},"u":{last_id},"b":[["{bid}","{last_id}"]],"a":[]}}}}"#
    ))
}

pub(crate) fn snapshot(last_id: u64) -> Answer {
    ok(format!(
        r#"{{"lastUpdateId":{last_id},"bids":[["9.0","1"]],"asks":[["10.0","1"]]}}"#
    ))
}
