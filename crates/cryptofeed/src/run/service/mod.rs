//! What the service manager is told, such as systemd: that the start is done, that settings are read,
//! that the end has come, and that the program is alive.

mod notify_socket;
mod watchdog;

use std::convert::Infallible;
use std::time::Duration;

use tokio::runtime::Handle;

use self::notify_socket::NotifySocket;
use crate::tally::Tallies;

/// How often the status line is written. It is for people.
pub(super) const STATUS: Duration = Duration::from_secs(10);

//     start:    READY=1                 the settings are valid, and the feeds run
//     SIGHUP:   RELOADING=1, READY=1    whether the new settings are used or not
//     the end:  STOPPING=1
//     always:   WATCHDOG=1              while both runtimes answer
/// The service manager that has started this process, or nobody (`sd_notify(3)`).
#[derive(Debug)]
pub(super) struct Service {
    socket: NotifySocket,
    watchdog: Option<Duration>,
}

impl Service {
    /// The one that the environment names.
    pub(super) fn from_env() -> Self {
        Self {
            socket: NotifySocket::from_env(),
            watchdog: watchdog::interval_from_env(),
        }
    }

    /// The start or a reload is done.
    pub(super) fn is_ready(&self, status: &str) {
        self.socket.send(&format!("READY=1\n{}", line(status)));
    }

    /// New settings are read.
    pub(super) fn is_reloading(&self) {
        self.socket.send_with_time("RELOADING=1");
    }

    /// The end has come.
    pub(super) fn is_stopping(&self) {
        self.socket.send("STOPPING=1\nSTATUS=writing what has come");
    }

    /// What the program does, in a few words.
    pub(super) fn has_status(&self, status: &str) {
        self.socket.send(&line(status));
    }

    /// Tells for ever that the program is alive, if that is wanted: this runtime and that of `feeds`.
    pub(super) async fn stays_alive(&self, feeds: Handle) -> Infallible {
        match self.watchdog {
            Some(interval) => {
                watchdog::run(interval, &feeds, || self.socket.send("WATCHDOG=1")).await
            }
            None => std::future::pending().await,
        }
    }
}

/// What the feeds have delivered, in one line.
pub(super) fn summary(tallies: &Tallies) -> String {
    let feeds = tallies.iter().map(|(exchange, tally)| {
        let (events, reconnects) = (tally.events, tally.reconnects);
        format!("{exchange}: {events} events, reconnects: {reconnects}")
    });
    feeds.collect::<Vec<_>>().join("; ")
}

fn line(status: &str) -> String {
    // Another line would be another message.
    format!("STATUS={}", status.replace(char::is_control, " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_cannot_add_a_message_of_its_own() {
        assert_eq!(line("a\nSTOPPING=1"), "STATUS=a STOPPING=1");
    }
}
