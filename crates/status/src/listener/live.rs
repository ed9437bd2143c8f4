//! The page's changes, as server-sent events.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::deadline::Deadline;
use crate::board::Board;
use crate::page::{self, View};

/// How often the page is looked at.
const TICK: Duration = Duration::from_secs(1);

/// The sections of a page that have changed, each second, as long as somebody reads them.
///
/// Nothing is rendered before the reader has taken what was before: what waits is one message at most.
//
//     data: {"symbols":"<table>...</table>","events":"<ol>...</ol>"}
//
//     : nothing has changed
#[derive(Debug)]
pub(super) struct Live {
    board: Board,
    view: View,
    ticks: Interval,
    deadline: Deadline,
    /// What was sent of each section, in short.
    sent: HashMap<&'static str, u64>,
    _permit: OwnedSemaphorePermit,
}

impl Live {
    pub(super) fn new(
        board: Board,
        view: View,
        deadline: Deadline,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            board,
            view,
            ticks,
            deadline,
            sent: HashMap::new(),
            _permit: permit,
        }
    }

    fn message(&mut self) -> Bytes {
        let sections = page::sections(&self.board.status(), &self.view);
        let changed = sections.into_iter().filter(|(id, html)| {
            let mut hasher = DefaultHasher::new();
            html.hash(&mut hasher);
            let hash = hasher.finish();
            self.sent.insert(id, hash) != Some(hash)
        });
        let changed = changed.map(|(id, html)| (id.to_owned(), Value::String(html)));
        let changed: Map<_, _> = changed.collect();
        match changed.is_empty() {
            true => Bytes::from_static(b": nothing has changed\n\n"),
            // JSON has no line break.
            false => format!("data: {}\n\n", Value::Object(changed)).into(),
        }
    }
}

impl Body for Live {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.ticks.poll_tick(cx));
        self.deadline.extend();
        Poll::Ready(Some(Ok(Frame::data(self.message()))))
    }
}
