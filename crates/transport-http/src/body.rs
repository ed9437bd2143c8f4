//! What is sent and what arrives, behind the heads.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Instant;

use crate::failure::Failure;

/// What a request carries behind its head, and when a connection took it, if one has.
pub(crate) struct Outgoing {
    body: Bytes,
    taken_at: OnceLock<Instant>,
}

impl Outgoing {
    pub(crate) fn new(body: Bytes) -> Self {
        Self {
            body,
            taken_at: OnceLock::new(),
        }
    }

    pub(crate) fn taken_at(&self) -> Option<Instant> {
        self.taken_at.get().copied()
    }
}

/// The body of a request, until it is sent. As small as can be: hyper moves it about.
///
/// hyper asks a body whether it has ended when it writes the head, and not before there is a
/// connection to write to: that is how one learns of the connection.
pub(crate) struct RequestBody(Option<Arc<Outgoing>>);

impl RequestBody {
    pub(crate) fn of(outgoing: &Arc<Outgoing>) -> Self {
        Self(Some(Arc::clone(outgoing)))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let body = self.0.take().map(|outgoing| outgoing.body.clone());
        let frame = body.filter(|body| !body.is_empty()).map(Frame::data);
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        let Some(outgoing) = &self.0 else {
            return true;
        };
        outgoing.taken_at.get_or_init(Instant::now);
        outgoing.body.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.0.as_ref().map_or(0, |outgoing| outgoing.body.len());
        SizeHint::with_exact(left as u64)
    }
}

/// The whole of `body`, of no more than `limit` bytes. One that arrives in one piece is not copied; of
/// one in many pieces, no piece is kept beside its copy.
pub(crate) async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, Failure> {
    let mut left = limit;
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Failure::NoBody)?.into_data() else {
            continue;
        };
        left = left.checked_sub(data.len()).ok_or(Failure::TooLarge)?;
        if first.is_empty() && joined.is_empty() {
            first = data;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut first));
            joined.extend_from_slice(&data);
        }
    }
    Ok(match joined.is_empty() {
        true => first,
        false => joined.freeze(),
    })
}
