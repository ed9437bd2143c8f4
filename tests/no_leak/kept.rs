//! What a program keeps while the settings change.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http::{Request, Uri};
use proxy_config::Transport;
use proxy_injector::{HttpSession, Scope, WsSession};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use transport::{
    BoxError, Connection, Dialer, HttpTransport, Message, Target, WebSocket, WsDialer, WsRequest,
};
use transport_ws::{Authenticator, Hooks};

use super::plan::EXEMPT;
use super::property::Place;

/// How often a stream is read that never ends by itself.
const READS: usize = 100;

/// Sessions and dialers of one scope, made before any settings applied.
pub(super) struct Kept {
    rest: Arc<HttpSession>,
    streams: WsSession,
    /// Leads every request from an exempt host to where it is to go.
    strays: WsSession,
    bytes: Arc<dyn Dialer>,
    transport: Transport,
    uri: Uri,
    target: Target,
}

/// A connection that somebody holds.
pub(super) enum Held {
    Halves(SplitSink<WebSocket, Message>, SplitStream<WebSocket>),
    Bytes(Connection),
}

/// Connections that are being made.
pub(super) struct UnderWay(JoinSet<Vec<Held>>);

/// Lets everything come to rest: time is paused, so it goes on when nothing else does.
pub(super) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

impl Kept {
    pub(super) fn of(scope: &Scope, transport: Transport, place: &Place) -> Self {
        let uri = place.uri(transport);
        let elsewhere = Hooks::default().with_authenticator(Arc::new(Elsewhere(uri.clone())));
        Self {
            rest: Arc::new(scope.http()),
            streams: scope.websocket(),
            strays: scope.websocket().with_hooks(elsewhere),
            bytes: scope.dialer(transport),
            transport,
            target: Target::from_uri(&uri).unwrap(),
            uri,
        }
    }

    /// Begins to connect in every way.
    pub(super) fn begin(&self) -> UnderWay {
        let mut dials = JoinSet::new();
        let kept = self.clone();
        dials.spawn(async move { kept.by_protocol().await });
        let kept = self.clone();
        dials.spawn(async move { kept.by_bytes().await });
        UnderWay(dials)
    }

    /// Connects in every way, one after the other. Whether it works is not the question here.
    pub(super) async fn connect(&self) -> Vec<Held> {
        let mut held = self.by_protocol().await;
        held.extend(self.by_bytes().await);
        held
    }

    async fn by_protocol(&self) -> Vec<Held> {
        match self.transport {
            Transport::Http => {
                let request = Request::get(&self.uri).body(Bytes::new()).unwrap();
                // The session holds the connection.
                drop(self.rest.send(request).await);
                Vec::new()
            }
            Transport::WebSocket => {
                let request = WsRequest::new(self.uri.clone()).unwrap();
                let stray = WsRequest::new(format!("wss://{EXEMPT}/").parse().unwrap()).unwrap();
                let sockets = [
                    self.streams.dial(request).await,
                    self.strays.dial(stray).await,
                ];
                let halves = sockets.into_iter().flatten().map(StreamExt::split);
                halves
                    .map(|(sink, stream)| Held::Halves(sink, stream))
                    .collect()
            }
        }
    }

    async fn by_bytes(&self) -> Vec<Held> {
        // A dialer by itself knows no limit.
        let target = self.target.clone().within(Duration::from_secs(30));
        let connection = self.bytes.dial(&target).await.ok();
        connection.map(Held::Bytes).into_iter().collect()
    }

    fn clone(&self) -> Self {
        Self {
            rest: Arc::clone(&self.rest),
            streams: self.streams.clone(),
            strays: self.strays.clone(),
            bytes: Arc::clone(&self.bytes),
            transport: self.transport,
            uri: self.uri.clone(),
            target: self.target.clone(),
        }
    }
}

/// Leads every request to the same place.
struct Elsewhere(Uri);

#[async_trait]
impl Authenticator for Elsewhere {
    async fn prepare(&self, request: &mut WsRequest) -> Result<(), BoxError> {
        Ok(request.set_uri(self.0.clone())?)
    }
}

impl Held {
    /// Reads and writes, whether the other side likes it or not.
    pub(super) async fn use_again(&mut self) {
        match self {
            Self::Halves(sink, stream) => {
                drop(sink.send(Message::text("again")).await);
                for _ in 0..READS {
                    if !matches!(stream.next().await, Some(Ok(_))) {
                        break;
                    }
                }
                drop(sink.send(Message::text("and again")).await);
            }
            Self::Bytes(connection) => {
                drop(connection.write_all(b"GET / HTTP/1.1\r\n\r\n").await);
                drop(connection.flush().await);
            }
        }
    }
}

impl UnderWay {
    /// Waits for all of them.
    pub(super) async fn end(self) -> Vec<Held> {
        self.0.join_all().await.into_iter().flatten().collect()
    }
}
