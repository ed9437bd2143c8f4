//! The connections that there are, so that a reload reaches each of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Waker};

use proxy_config::ProxySettings;
use transport::Io;

use crate::decision::Way;
use crate::pool::Lease;
use crate::query::RouteQuery;

/// From how many entries on the list is looked through for connections that have ended.
const LEAST_ENTRIES: usize = 64;

/// All connections that have been handed out, and some that have ended.
#[derive(Debug)]
pub(crate) struct LiveConnections {
    entries: Vec<Weak<LiveConnection>>,
    prune_at: usize,
}

impl Default for LiveConnections {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            prune_at: LEAST_ENTRIES,
        }
    }
}

impl LiveConnections {
    pub(crate) fn add(&mut self, connection: &Arc<LiveConnection>) {
        if self.entries.len() >= self.prune_at {
            self.entries.retain(|entry| entry.strong_count() > 0);
            self.prune_at = LEAST_ENTRIES.max(2 * self.entries.len());
        }
        self.entries.push(Arc::downgrade(connection));
    }

    /// Takes out those that `settings` do not allow.
    pub(crate) fn take_stale(&mut self, settings: &ProxySettings) -> Vec<Arc<LiveConnection>> {
        let mut stale = Vec::new();
        self.entries.retain(|entry| {
            let Some(connection) = entry.upgrade() else {
                return false;
            };
            let stays = connection.query.allows(&connection.way, settings);
            if !stays {
                stale.push(connection);
            }
            stays
        });
        stale
    }
}

/// What happens to a connection whose route is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Revocation {
    /// It is closed at once.
    Close,
    /// Nothing more is sent. What was asked for before may still arrive.
    StopSending,
}

/// One connection, and the right to its route.
pub(crate) struct LiveConnection {
    query: RouteQuery,
    way: Way,
    revocation: Revocation,
    is_revoked: AtomicBool,
    state: Mutex<State>,
}

pub(crate) struct State {
    /// The connection itself, until it is closed.
    pub(crate) io: Option<Box<dyn Io>>,
    /// Something has been sent since the last time that something arrived.
    pub(crate) has_sent: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    lease: Option<Lease>,
}

impl LiveConnection {
    pub(crate) fn new(
        io: Box<dyn Io>,
        query: RouteQuery,
        way: Way,
        revocation: Revocation,
    ) -> Self {
        Self {
            query,
            way,
            revocation,
            is_revoked: AtomicBool::new(false),
            state: Mutex::new(State {
                io: Some(io),
                has_sent: false,
                reader: None,
                writer: None,
                lease: None,
            }),
        }
    }

    /// Whether its route has been taken away.
    pub(crate) fn is_revoked(&self) -> bool {
        self.is_revoked.load(Ordering::Acquire)
    }

    /// Counts for the proxy of `lease` until the connection ends.
    pub(crate) fn hold(&self, lease: Option<Lease>) {
        let mut state = self.lock();
        if state.io.is_some() {
            state.lease = lease;
        }
    }

    /// The connection is over, however long somebody keeps it.
    pub(crate) fn release(&self) {
        self.lock().lease = None;
    }

    /// Nobody uses the connection any longer.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        let closed = (state.io.take(), state.lease.take());
        drop(state);
        drop(closed);
    }

    /// Takes the route away. Whoever waits for the connection learns of it.
    pub(crate) fn revoke(&self) {
        let mut state = self.lock();
        self.is_revoked.store(true, Ordering::Release);
        if self.revocation == Revocation::StopSending {
            return;
        }
        let closed = (state.io.take(), state.lease.take());
        let waiting = [state.reader.take(), state.writer.take()];
        // Neither closing nor waking needs the lock.
        drop(state);
        drop(closed);
        for waker in waiting.into_iter().flatten() {
            waker.wake();
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The task to wake when something can be read.
    pub(crate) fn wait_to_read(&mut self, cx: &Context<'_>) {
        keep(&mut self.reader, cx);
    }

    /// The task to wake when something can be written.
    pub(crate) fn wait_to_write(&mut self, cx: &Context<'_>) {
        keep(&mut self.writer, cx);
    }

    /// Nothing more will arrive.
    pub(crate) fn end(&mut self) {
        self.lease = None;
    }
}

fn keep(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}

impl std::fmt::Debug for LiveConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveConnection")
            .field("query", &self.query)
            .field("is_revoked", &self.is_revoked())
            .finish_non_exhaustive()
    }
}
