//! One connection to an exchange.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, sleep_until, timeout};
use transport::{Draw, Secrets, WebSocket, WsDialer, through};

use super::failure::Failure;
use super::outgoing::Outgoing;
use super::request_queue::RequestQueue;
use super::requests::Requests;
use crate::exchange::{Decoder, Exchange, RequestIds, Stream};

/// How long an exchange has to answer a farewell (RFC 6455, section 7.1.1).
const FAREWELL: Duration = Duration::from_secs(1);

/// One connection.
pub(super) struct Connection {
    pub(super) socket: WebSocket,
    pub(super) decoder: Box<dyn Decoder>,
    pub(super) queue: RequestQueue,
    /// What is being sent.
    pub(super) outgoing: Option<Outgoing>,
    pub(super) ids: RequestIds,
    /// What has been asked for and not answered.
    pub(super) requests: Requests,
    pub(super) opened_at: Instant,
    pub(super) has_data: bool,
    /// The exchange's endpoint, and the proxies on the way to it.
    pub(super) way: String,
    /// What nothing that is quoted may show.
    pub(super) secrets: Secrets,
}

impl Connection {
    /// Opens one for `streams`. Whoever does not answer pings is not expected to.
    pub(super) async fn open(
        exchange: Arc<dyn Exchange>,
        ws: Arc<dyn WsDialer>,
        streams: Vec<Stream>,
        answers_pings: Option<bool>,
    ) -> Result<Self, Failure> {
        let mut ids = RequestIds::default();
        let plan = exchange.plan(&streams, &mut ids)?;
        let limits = exchange.limits();
        let mut queue = RequestQueue::new(limits);
        for request in plan.requests {
            queue.push(request);
        }
        let mut dial = plan.socket;
        dial.ping_interval = Some(limits.ping_interval.unwrap_or_default());
        // A quiet stream would otherwise end again and again for want of an answer.
        dial.ping_timeout = (answers_pings == Some(false)).then_some(Duration::ZERO);
        let first = queue.take_ready();
        dial.first_messages
            .extend(first.iter().map(|request| request.message.clone()));
        dial.draws = limits
            .dials
            .map(|window| Draw { window, units: 1 })
            .into_iter()
            .collect();
        let endpoint = dial.target().endpoint().clone();
        let socket = ws.dial(dial).await?;
        queue.note_sent_now();
        let mut requests = Requests::default();
        for request in first {
            requests.note(request);
        }
        Ok(Self {
            decoder: exchange.decoder(),
            queue,
            outgoing: None,
            ids,
            requests,
            opened_at: Instant::now(),
            has_data: false,
            way: format!("{endpoint}{}", through(socket.info().hops())),
            secrets: socket.info().secrets().clone(),
            socket,
        })
    }

    /// Ends when it has been tried for `limit` to send something.
    pub(super) fn overdue(&self, limit: Duration) -> impl Future<Output = ()> + use<> {
        let since = self.outgoing.as_ref().map(Outgoing::since);
        let end = since.and_then(|since| since.checked_add(limit));
        async move {
            match end {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
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
