//! One request on one connection.

use std::fmt;
use std::io;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use crate::body::{BadBody, Body};
use crate::clock::{Clock, within};
use crate::failure::Failure;
use crate::pool::Line;

/// Sends `request`, and waits for the whole answer. Within `patience`, something must arrive.
pub(crate) async fn answer(
    line: &mut Line,
    request: Request<Full<Bytes>>,
    clock: &Clock,
    patience: Option<Duration>,
) -> Result<Response<Bytes>, Failure> {
    let watch = &line.watch;
    watch.begin();
    let mut alarm = pin!(sleep(Duration::MAX));
    let head = within(
        line.sender.try_send_request(request),
        alarm.as_mut(),
        || clock.head(patience.filter(|_| watch.is_silent())),
    );
    let (mut head, incoming) = head
        .await
        .map_err(Failure::Late)?
        .map_err(|mut error| match error.take_message() {
            Some(request) => Failure::Unsent(Box::new(request), error.into_error()),
            None => Failure::Broken(error.into_error()),
        })?
        .into_parts();

    head.extensions.insert(line.info.clone());
    let body = whole(incoming, &mut head.headers, clock, alarm).await;
    let is_success = head.status.is_success();
    let answer = |body| Response::from_parts(head, body);
    match body {
        Ok(body) => Ok(answer(body)),
        Err(NoBody::Failed(failure)) if is_success || failure.is_of_the_route() => Err(failure),
        // What the answer is, its head tells, and for how long to wait.
        Err(no_body) => Err(Failure::Unreadable(
            Box::new(answer(Bytes::new())),
            no_body.to_string(),
        )),
    }
}

/// The whole body of an answer with `headers`, which become those of the decoded body.
async fn whole(
    mut incoming: Incoming,
    headers: &mut HeaderMap,
    clock: &Clock,
    mut alarm: Pin<&mut Sleep>,
) -> Result<Bytes, NoBody> {
    let mut body = Body::of(headers, clock.limits.size);
    let no_body = |bad| match bad {
        BadBody::TooLarge => NoBody::Failed(Failure::TooLarge(clock.limits.size)),
        BadBody::Encoding(error) => NoBody::Encoding(error),
    };
    let mut received = 0;
    let mut last = Instant::now();
    while let Some(frame) = within(incoming.frame(), alarm.as_mut(), || {
        clock.body(last, received)
    })
    .await
    .map_err(|late| NoBody::Failed(Failure::Late(late)))?
    {
        let frame = frame.map_err(|error| NoBody::Failed(Failure::Broken(error)))?;
        last = Instant::now();
        let Ok(data) = frame.into_data() else {
            continue;
        };
        received += data.len();
        body.add(data).map_err(no_body)?;
    }
    body.finish(headers).map_err(no_body)
}

/// Why an answer is not there, although its head is.
enum NoBody {
    Failed(Failure),
    /// The body is not what its encoding says.
    Encoding(io::Error),
}

impl fmt::Display for NoBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(_) => f.write_str("it is not complete"),
            Self::Encoding(error) => write!(f, "it cannot be decoded: {error}"),
        }
    }
}
