//! One request on one connection.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, sleep};

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
    let (mut head, mut incoming) = head
        .await
        .map_err(Failure::Late)?
        .map_err(|mut error| match error.take_message() {
            Some(request) => Failure::Unsent(Box::new(request), error.into_error()),
            None => Failure::Broken(error.into_error()),
        })?
        .into_parts();

    let mut body = Body::of(&head.headers, clock.limits.size);
    let mut received = 0;
    let mut last = Instant::now();
    while let Some(frame) = within(incoming.frame(), alarm.as_mut(), || {
        clock.body(last, received)
    })
    .await
    .map_err(Failure::Late)?
    {
        let frame = frame.map_err(Failure::Broken)?;
        last = Instant::now();
        let Ok(data) = frame.into_data() else {
            continue;
        };
        received += data.len();
        if let Err(bad) = body.add(data) {
            return Err(unacceptable(bad, head, line, clock));
        }
    }
    head.extensions.insert(line.info.clone());
    match body.finish(&mut head.headers) {
        Ok(body) => Ok(Response::from_parts(head, body)),
        Err(bad) => Err(unacceptable(bad, head, line, clock)),
    }
}

fn unacceptable(
    bad: BadBody,
    mut head: http::response::Parts,
    line: &Line,
    clock: &Clock,
) -> Failure {
    match bad {
        BadBody::TooLarge => Failure::TooLarge(clock.limits.size),
        BadBody::Encoding(error) => {
            head.extensions.insert(line.info.clone());
            Failure::Encoding(Box::new(Response::from_parts(head, Bytes::new())), error)
        }
    }
}
