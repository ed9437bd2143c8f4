//! One real connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt;
use http::{Request, Response};
use proxy_injector::{HttpSession, ProxyInjector, Scope};
use tokio::time::{Instant, timeout};
use transport::{
    ConnectionInfo, HttpError, HttpTransport, Phase, ResponseLimits, Timing, WsDialer, WsRequest,
    require_success, unreadable,
};
use transport_tls::TlsTrust;

use super::line::Line;
use super::question::Question;
use super::verdict::{Trouble, Verdict};

/// How long the close of a WebSocket may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// The outcome of a connection.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The times of the phases; none if the connection failed.
    pub(super) timings: Vec<Timing>,
    /// From the start to the answer, or to the failure.
    pub(super) total: Duration,
    pub(super) trouble: Option<Trouble>,
}

impl Outcome {
    pub(super) fn verdict(&self) -> Verdict {
        self.trouble.as_ref().map_or(Verdict::Ok, |it| it.verdict)
    }
}

/// A login page of a network, or one about maintenance, has a status of success as well. No exchange
/// answers a ping with a page or with nothing.
fn require_answer(response: Response<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let response = require_success(response)?;
    let body = response.body().trim_ascii_start();
    match body.first() {
        Some(b'<') => Err(unreadable(&response, "it is a page")),
        Some(_) => Ok(response),
        None => Err(unreadable(&response, "its body is empty")),
    }
}

impl Line {
    /// Makes the connection, sends the request, and waits for the answer, within `limits`. `trust`
    /// verifies certificates.
    pub(super) async fn dial(&self, trust: &TlsTrust, limits: ResponseLimits) -> Outcome {
        let scope = self.scope(trust);
        match &self.question {
            Question::Rest(request) => self.ask(&scope.http().with_limits(limits), request).await,
            Question::Stream(request) => self.open(&scope, request).await,
        }
    }

    /// What makes its connections, on its way alone. `trust` verifies certificates.
    pub(super) fn scope(&self, trust: &TlsTrust) -> Scope {
        // An injector per line: a TLS session or a mark from another line would change the result.
        let injector = ProxyInjector::new(self.candidate.settings()).with_trust(trust.clone());
        Arc::new(injector).exchange(self.exchange.clone())
    }

    async fn ask(&self, session: &HttpSession, request: &Request<Bytes>) -> Outcome {
        let start = Instant::now();
        let response = session.send(request.clone()).await;
        let total = start.elapsed();
        let mut info = ConnectionInfo::default();
        let success = response.and_then(|response| {
            // The times of the connection are a part of the total, since this is its first request.
            if let Some(made) = response.extensions().get::<ConnectionInfo>() {
                info = made.clone();
                let before: Duration = info.timings().iter().map(|timing| timing.elapsed).sum();
                let answer = total.saturating_sub(before);
                info.record(self.address.hop(), Phase::Response, answer);
            }
            require_answer(response)
                .map_err(|error| error.with_request(request.method(), request.uri()))
        });
        Outcome {
            timings: info.timings().to_vec(),
            total,
            trouble: success
                .err()
                .map(|error| Trouble::of_request(&error, self.address.hop())),
        }
    }

    async fn open(&self, scope: &Scope, request: &WsRequest) -> Outcome {
        let start = Instant::now();
        let socket = scope.websocket().dial(request.clone()).await;
        let total = start.elapsed();
        match socket {
            Ok(mut socket) => {
                // It has answered. Whether the close succeeds makes no difference.
                let _ = timeout(FAREWELL, socket.close()).await;
                Outcome {
                    timings: socket.info().timings().to_vec(),
                    total,
                    trouble: None,
                }
            }
            Err(error) => Outcome {
                timings: Vec::new(),
                total,
                trouble: Some(Trouble::of_dial(&error)),
            },
        }
    }
}
