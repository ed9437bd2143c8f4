//! One real connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt;
use http::Request;
use proxy_injector::{ProxyInjector, Scope};
use tokio::time::{Instant, timeout};
use transport::{
    ConnectionInfo, HttpTransport, Phase, Timing, WsDialer, WsRequest, require_success,
};
use transport_tls::TlsTrust;

use super::line::Line;
use super::question::Question;
use super::verdict::{Trouble, Verdict};

/// How long a farewell to the exchange may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// What came of a connection.
#[derive(Debug)]
pub(super) struct Outcome {
    /// What is known about the phases: nothing where a connection could not be made.
    pub(super) timings: Vec<Timing>,
    /// From the beginning to the answer, or to the failure.
    pub(super) total: Duration,
    pub(super) trouble: Option<Trouble>,
}

impl Outcome {
    pub(super) fn verdict(&self) -> Verdict {
        self.trouble.as_ref().map_or(Verdict::Ok, |it| it.verdict)
    }
}

impl Line {
    /// Makes the connection, asks, and waits for the answer. `trust` decides about certificates.
    pub(super) async fn dial(&self, trust: &TlsTrust) -> Outcome {
        // Nothing is shared with other lines: no TLS session, and no mark on a proxy.
        let injector = ProxyInjector::new(self.candidate.settings()).with_trust(trust.clone());
        let scope = Arc::new(injector).exchange(self.exchange.clone());
        match &self.question {
            Question::Rest(request) => self.ask(&scope, request).await,
            Question::Stream(request) => self.open(&scope, request).await,
        }
    }

    async fn ask(&self, scope: &Scope, request: &Request<Bytes>) -> Outcome {
        let start = Instant::now();
        let response = scope.http().send(request.clone()).await;
        let total = start.elapsed();
        let mut info = ConnectionInfo::default();
        let success = response.and_then(|response| {
            if let Some(made) = response.extensions().get::<ConnectionInfo>() {
                info = made.clone();
                let before: Duration = info.timings().iter().map(|timing| timing.elapsed).sum();
                let answer = total.saturating_sub(before);
                info.record(self.address.hop(), Phase::Response, answer);
            }
            require_success(response)
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
                // It has answered; how it takes leave makes no difference.
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
