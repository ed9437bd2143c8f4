//! What is sent and what arrives, behind the heads.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Instant;

use crate::failure::Failure;

/// When a connection has taken a request, if it has.
pub(crate) type TakenAt = Arc<OnceLock<Instant>>;

/// The body of a request, which notes when a connection takes the request.
///
/// hyper asks a body whether it is empty when it writes the head, and not before there is a
/// connection to write to.
pub(crate) struct RequestBody {
    bytes: Full<Bytes>,
    taken_at: TakenAt,
}

impl RequestBody {
    pub(crate) fn new(bytes: Bytes, taken_at: &TakenAt) -> Self {
        Self {
            bytes: Full::new(bytes),
            taken_at: Arc::clone(taken_at),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.bytes).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.taken_at.get_or_init(Instant::now);
        self.bytes.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.bytes.size_hint()
    }
}

/// The whole of `body`, of no more than `limit` bytes. One that arrives in one piece is not copied.
pub(crate) async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, Failure> {
    let mut left = limit;
    let mut first = Bytes::new();
    let mut others = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Failure::NoBody)?.into_data() else {
            continue;
        };
        left = left.checked_sub(data.len()).ok_or(Failure::TooLarge)?;
        if first.is_empty() {
            first = data;
        } else {
            others.push(data);
        }
    }
    if others.is_empty() {
        return Ok(first);
    }
    others.insert(0, first);
    Ok(others.concat().into())
}
