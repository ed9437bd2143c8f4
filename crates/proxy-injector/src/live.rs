//! The connections that there are, so that a reload reaches each of them.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::task::{Context, Waker};

use proxy_config::{ProxyConfig, ProxySettings};
use transport::Io;

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

    /// Takes out those that `settings` do not allow, and their routes away. What follows from that is
    /// left to [`LiveConnection::settle`].
    pub(crate) fn revoke_stale(&mut self, settings: &ProxySettings) -> Vec<Arc<LiveConnection>> {
        let mut stale = Vec::new();
        self.entries.retain(|entry| {
            let Some(connection) = entry.upgrade() else {
                return false;
            };
            let stays = connection.query.allows(connection.proxy.as_ref(), settings);
            if !stays {
                connection.revoke();
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
    /// None if it is direct.
    proxy: Option<ProxyConfig>,
    revocation: Revocation,
    right: AtomicU8,
    state: Mutex<State>,
}

/// The route is the connection's.
const GRANTED: u8 = 0;
/// It no longer is, and somebody has to see to the rest.
const REVOKED: u8 = 1;
/// That has been done.
const SETTLED: u8 = 2;

pub(crate) struct State {
    /// The connection itself, until it is closed.
    pub(crate) io: Option<Box<dyn Io>>,
    /// Something has been sent.
    pub(crate) has_sent: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    lease: Option<Lease>,
}

impl LiveConnection {
    pub(crate) fn new(
        io: Box<dyn Io>,
        query: RouteQuery,
        proxy: Option<ProxyConfig>,
        revocation: Revocation,
    ) -> Self {
        Self {
            query,
            proxy,
            revocation,
            right: AtomicU8::new(GRANTED),
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
        self.right.load(Ordering::Acquire) != GRANTED
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
        self.lock().end();
    }

    /// Nobody uses the connection any longer.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        let closed = (state.io.take(), state.lease.take());
        drop(state);
        drop(closed);
    }

    /// Takes the route away: from now on nothing is sent.
    fn revoke(&self) {
        self.right.store(REVOKED, Ordering::SeqCst);
    }

    /// Closes a connection whose route has been taken away, if that is what is to happen to it, and
    /// wakes who waits for it. If it is in use at this moment, who uses it does that when it is done:
    /// it may be the very code that has asked for the reload.
    pub(crate) fn settle(&self) {
        // Either we get the lock, or who has it sees that the route is gone after it gave it back.
        fence(Ordering::SeqCst);
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        self.right.store(SETTLED, Ordering::SeqCst);
        let closed = match self.revocation {
            Revocation::Close => (state.io.take(), state.lease.take()),
            Revocation::StopSending => (None, None),
        };
        let waiting = [state.reader.take(), state.writer.take()];
        // Neither closing nor waking needs the lock.
        drop(state);
        drop(closed);
        for waker in waiting.into_iter().flatten() {
            waker.wake();
        }
    }

    /// Uses the connection.
    pub(crate) fn with<T>(&self, usage: impl FnOnce(&mut State) -> T) -> T {
        let result = usage(&mut self.lock());
        fence(Ordering::SeqCst);
        if self.right.load(Ordering::SeqCst) == REVOKED {
            self.settle();
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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

impl fmt::Debug for LiveConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveConnection")
            .field("query", &self.query)
            .field("is_revoked", &self.is_revoked())
            .finish_non_exhaustive()
    }
}
