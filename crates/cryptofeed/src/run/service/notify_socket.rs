//! The socket of a service manager.

#[cfg(target_os = "linux")]
use std::{
    env,
    ffi::OsStr,
    io,
    os::linux::net::SocketAddrExt as _,
    os::unix::ffi::OsStrExt as _,
    os::unix::net::{SocketAddr, UnixDatagram},
    time::Duration,
};

/// Names the socket: a path, or `@` and a name in the abstract namespace.
#[cfg(target_os = "linux")]
const VARIABLE: &str = "NOTIFY_SOCKET";

/// How long a manager may take to make room for a message. It costs the data no more than that.
#[cfg(target_os = "linux")]
const PATIENCE: Duration = Duration::from_millis(100);

/// Where the messages go, if anybody wants them. There is no such socket on systems other than Linux.
#[derive(Debug)]
pub(super) struct NotifySocket {
    #[cfg(target_os = "linux")]
    socket: Option<UnixDatagram>,
}

#[cfg(target_os = "linux")]
impl NotifySocket {
    pub(super) fn from_env() -> Self {
        let socket = env::var_os(VARIABLE)
            .filter(|name| !name.is_empty())
            .map(|name| connect(name.as_bytes()))
            .transpose()
            .inspect_err(|error| {
                tracing::warn!(%error, "the service manager cannot be reached; it is not told anything");
            });
        Self {
            socket: socket.ok().flatten(),
        }
    }

    /// A message that cannot be sent is lost: the manager has gone, or does not read.
    pub(super) fn send(&self, message: &str) {
        if let Some(Err(error)) = self.socket.as_ref().map(|it| it.send(message.as_bytes())) {
            tracing::debug!(%error, "the service manager was not told");
        }
    }

    /// Sends `message` with the time, which tells it from those that were sent before a request of the
    /// manager.
    pub(super) fn send_with_time(&self, message: &str) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let microseconds = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        self.send(&format!("{message}\nMONOTONIC_USEC={microseconds}"));
    }
}

#[cfg(target_os = "linux")]
fn connect(name: &[u8]) -> io::Result<UnixDatagram> {
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(OsStr::from_bytes(name))?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

#[cfg(not(target_os = "linux"))]
impl NotifySocket {
    pub(super) fn from_env() -> Self {
        Self {}
    }

    pub(super) fn send(&self, _message: &str) {}

    pub(super) fn send_with_time(&self, _message: &str) {}
}
