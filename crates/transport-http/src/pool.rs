//! The connections that wait for another request.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::Uri;
use http::uri::{Authority, Scheme};
use http_body_util::Full;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};
use transport::ConnectionInfo;

use crate::io::HyperConnection;
use crate::watch::Watch;

/// How long a connection is kept that no request has taken.
const LONGEST_IDLE: Duration = Duration::from_secs(90);

/// A connection that has no request under way.
pub(crate) struct Line {
    pub(crate) sender: SendRequest<Full<Bytes>>,
    pub(crate) info: ConnectionInfo,
    pub(crate) watch: Arc<Watch>,
    /// Whether a request has been answered on it.
    pub(crate) is_reused: bool,
    idle_since: Arc<Mutex<Option<Instant>>>,
}

impl Line {
    /// HTTP/1.1 over `connection`, which ends when the line is dropped.
    ///
    /// What middleboxes do to headers is put up with (hyperium/hyper#2879): whether it can be, the
    /// [`Watch`] decides.
    pub(crate) async fn over(connection: HyperConnection) -> hyper::Result<Self> {
        let (info, watch) = (connection.info().clone(), Arc::clone(connection.watch()));
        watch.begin();
        let (sender, connection) = Builder::new()
            .ignore_invalid_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .handshake(connection)
            .await?;
        let idle_since = Arc::default();
        tokio::spawn(drive(connection, Arc::clone(&idle_since)));
        Ok(Self {
            sender,
            info,
            watch,
            is_reused: false,
            idle_since,
        })
    }
}

/// Moves what `connection` sends and receives, until it ends or has been idle for too long.
async fn drive(
    mut connection: Connection<HyperConnection, Full<Bytes>>,
    idle_since: Arc<Mutex<Option<Instant>>>,
) {
    let mut look = Instant::now() + LONGEST_IDLE;
    loop {
        tokio::select! {
            // Who sent the request learns of its failure.
            _ = &mut connection => return,
            () = sleep_until(look) => {}
        }
        let now = Instant::now();
        let idle_since = *idle_since.lock();
        look = idle_since.unwrap_or(now) + LONGEST_IDLE;
        if look <= now {
            return;
        }
    }
}

/// The idle connections of a client, by where they lead.
#[derive(Default)]
pub(crate) struct Pool(Mutex<HashMap<Place, Vec<Line>>>);

/// Scheme, host and port.
pub(crate) type Place = (Scheme, Authority);

/// Where a request for `uri` goes, if it is absolute.
pub(crate) fn place(uri: &Uri) -> Option<Place> {
    Some((uri.scheme()?.clone(), uri.authority()?.clone()))
}

impl Pool {
    /// The connection to `place` that was used last.
    pub(crate) fn take(&self, place: &Place) -> Option<Line> {
        let mut idle = self.0.lock();
        let lines = idle.get_mut(place)?;
        let line = std::iter::from_fn(|| lines.pop()).find(|line| line.sender.is_ready());
        if lines.is_empty() {
            idle.remove(place);
        }
        let line = line?;
        *line.idle_since.lock() = None;
        Some(line)
    }

    /// Drops all connections to `place`: what has befallen one of them may have befallen all.
    pub(crate) fn forget(&self, place: &Place) {
        let forgotten = self.0.lock().remove(place);
        drop(forgotten);
    }

    /// Keeps a connection whose request has been answered, once it can take another one.
    pub(crate) fn keep(self: &Arc<Self>, place: Place, mut line: Line) {
        line.is_reused = true;
        // From now on, also if it never gets ready for another request.
        *line.idle_since.lock() = Some(Instant::now());
        match line.sender.ready().now_or_never() {
            Some(Ok(())) => self.add(place, line),
            Some(Err(_closed)) => {}
            // The exchange has answered before it had the whole request.
            None => {
                let pool = Arc::downgrade(self);
                tokio::spawn(async move {
                    if line.sender.ready().await.is_ok()
                        && let Some(pool) = pool.upgrade()
                    {
                        pool.add(place, line);
                    }
                });
            }
        }
    }

    fn add(&self, place: Place, line: Line) {
        self.0.lock().entry(place).or_default().push(line);
    }
}
