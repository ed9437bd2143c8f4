//! The open connections, so that a reload can reach each of them.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering, fence};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Waker};

use parking_lot::Mutex;
use proxy_config::{Exit, ProxySettings};
use transport::{Io, WebSocket};

use crate::pool::Lease;
use crate::query::RouteQuery;

/// The number of entries from which on connections that have ended are removed from the list.
const LEAST_ENTRIES: usize = 64;

/// All open connections, and some that have ended.
#[derive(Debug)]
pub(crate) struct LiveConnections {
    // Weak, because the list must not keep a connection open that its user has dropped.
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
            // Twice what is left: the next search comes after as many new connections, so that its
            // cost per connection is constant.
            self.prune_at = LEAST_ENTRIES.max(2 * self.entries.len());
        }
        self.entries.push(Arc::downgrade(connection));
    }

    /// The connections that are open, and some that have ended.
    pub(crate) fn all(&self) -> Vec<Weak<LiveConnection>> {
        self.entries.clone()
    }

    /// Revokes the routes of the connections that `settings` do not allow, and removes these from
    /// the list. [`LiveConnection::settle`] does the rest.
    pub(crate) fn revoke_stale(&mut self, settings: &ProxySettings) -> Vec<Arc<LiveConnection>> {
        let mut stale = Vec::new();
        self.entries.retain(|entry| {
            let Some(connection) = entry.upgrade() else {
                return false;
            };
            let stays = connection.query.allows(&connection.exit, settings);
            if !stays {
                connection.revoke();
                stale.push(connection);
            }
            stays
        });
        stale
    }
}

/// What happens to a connection whose route is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Revocation {
    /// It is closed at once. A WebSocket says farewell before.
    Close,
    /// Nothing more is sent. The answer to what was sent before may still arrive.
    StopSending,
}

/// One connection, and whether it may still use its route.
//
//     Granted --`revoke`, by a reload-----------------------> Revoked
//     Revoked --`settle`, by the reload---------------------> Settled
//     Revoked --`settle`, by the user of the connection-----> Settled
//
// Nothing leads back: a connection that is allowed again is a new one. From Revoked on, writes
// fail. Settling closes the connection, if that is its `Revocation`, and wakes the tasks that wait
// for it. While a WebSocket over it says farewell, which is the last that is sent on the old route, it
// is Leaving: Revoked for everybody, but for that write.
//
// The reload must not wait for the lock of a connection in use, or of the WebSocket over it: the user
// may be the very task that reloads. So it only tries the lock, and if it fails, the user settles
// after it gave the lock back. One of the two always does: the reload stores Revoked and then tries
// the lock, the user gives the lock back and then loads the right, each with a fence in between.
pub(crate) struct LiveConnection {
    query: RouteQuery,
    /// None if it is direct.
    exit: Exit,
    revocation: Revocation,
    // Beside the lock, so that a reload can revoke a connection that is in use.
    right: AtomicU8,
    state: Mutex<State>,
    /// The WebSocket over it, once it is open.
    socket: OnceLock<Weak<Slot>>,
}

/// A WebSocket, until its route is revoked or its user drops it.
pub(crate) type Slot = Mutex<Option<WebSocket>>;

/// The connection may use its route.
const GRANTED: u8 = 0;
/// It may not, and it is not settled yet.
const REVOKED: u8 = 1;
/// It may not, but for the farewell of its WebSocket.
const LEAVING: u8 = 2;
/// It may not, and everything is done.
const SETTLED: u8 = 3;

pub(crate) struct State {
    /// The connection itself, until it is closed.
    pub(crate) io: Option<Box<dyn Io>>,
    /// Whether anything has been sent.
    pub(crate) has_sent: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    lease: Option<Lease>,
}

impl LiveConnection {
    pub(crate) fn new(
        io: Box<dyn Io>,
        query: RouteQuery,
        exit: Exit,
        revocation: Revocation,
    ) -> Self {
        Self {
            query,
            exit,
            revocation,
            right: AtomicU8::new(GRANTED),
            state: Mutex::new(State {
                io: Some(io),
                has_sent: false,
                reader: None,
                writer: None,
                lease: None,
            }),
            socket: OnceLock::new(),
        }
    }

    /// By which exit it leaves.
    pub(crate) fn exit(&self) -> &Exit {
        &self.exit
    }

    /// The connection is that of `socket` from now on.
    pub(crate) fn carry(&self, socket: &Arc<Slot>) {
        // Once: a WebSocket is opened on a connection of its own.
        let _ = self.socket.set(Arc::downgrade(socket));
    }

    /// Whether its route has been revoked.
    pub(crate) fn is_revoked(&self) -> bool {
        self.right.load(Ordering::Acquire) != GRANTED
    }

    /// Whether something may be sent over it.
    pub(crate) fn may_send(&self) -> bool {
        matches!(self.right.load(Ordering::Acquire), GRANTED | LEAVING)
    }

    /// Keeps `lease` until the connection ends.
    pub(crate) fn hold(&self, lease: Option<Lease>) {
        self.with(|state| {
            // If a reload has closed it meanwhile, the lease ends at once.
            if state.io.is_some() {
                state.lease = lease;
            }
        });
    }

    /// Nothing arrives over it although something should.
    pub(crate) fn stalled(&self) {
        self.with(|state| {
            if let Some(lease) = &state.lease {
                lease.stalled();
            }
        });
    }

    /// Ends the lease: the connection is over, even if it is not dropped yet.
    pub(crate) fn release(&self) {
        self.with(State::end);
    }

    /// Closes the connection, which is no longer in use.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        let closed = (state.io.take(), state.lease.take());
        // Without the lock: dropping the stream runs code of a dialer, which may be the program's.
        drop(state);
        drop(closed);
    }

    /// Revokes the route: from now on nothing is sent.
    fn revoke(&self) {
        self.right.store(REVOKED, Ordering::SeqCst);
    }

    /// Closes a connection whose route has been revoked, if that is its [`Revocation`], and wakes
    /// the tasks that wait for it. If it is in use at this moment, its user does that afterwards.
    pub(crate) fn settle(&self) {
        // Either this gets the lock, or its holder sees the revocation after it gave the lock back.
        fence(Ordering::SeqCst);
        let state = match self.socket.get().and_then(Weak::upgrade) {
            None => self.state.try_lock(),
            Some(socket) => {
                // Whoever has taken it drops it, and with it the connection.
                let taken = socket.try_lock().and_then(|mut slot| slot.take());
                taken.map(|socket| {
                    self.right.store(LEAVING, Ordering::SeqCst);
                    // Says farewell.
                    drop(socket);
                    // Not in use any longer: whoever has the lock gives it back at once.
                    self.state.lock()
                })
            }
        };
        let Some(mut state) = state else {
            return;
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

    /// [Settles](Self::settle) what a reload could not, since it was in use.
    pub(crate) fn settle_if_revoked(&self) {
        // The lock is given back. A reload that failed to get it has stored Revoked before.
        fence(Ordering::SeqCst);
        if self.right.load(Ordering::SeqCst) == REVOKED {
            self.settle();
        }
    }

    /// Uses the connection.
    pub(crate) fn with<T>(&self, usage: impl FnOnce(&mut State) -> T) -> T {
        let result = usage(&mut self.state.lock());
        self.settle_if_revoked();
        result
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

    /// Ends the lease, because nothing more will arrive.
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
