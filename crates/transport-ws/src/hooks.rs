//! What a user can add to every connection.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use transport::{
    BoxError, ConnectionInfo, DialError, DialErrorKind, Hop, Message, Phase, Target, WsRequest,
};

/// Prepares the request of every connection, the first and each after it.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// May change the URI, the headers and the first messages, for example to add a fresh listen
    /// key or a signed login.
    ///
    /// # Errors
    /// Any error keeps the connection from being made. A [`DialError`](transport::DialError) in its
    /// chain, such as that of a REST call, is passed on; any other is a failed authentication.
    async fn prepare(&self, request: &mut WsRequest) -> Result<(), BoxError>;
}

/// Sees the frames of every connection.
pub trait FrameObserver: Send + Sync {
    /// A frame has arrived over `connection`. Its [local](ConnectionInfo::local_addr) and its
    /// [remote](ConnectionInfo::peer_addr) address together are those of no other open connection;
    /// one of them alone may be. Called before anybody else sees the frame, so it must be quick.
    fn observe(&self, connection: &ConnectionInfo, frame: &Message, received_at: SystemTime);

    /// Whether it looks at `received_at`. If not, the clock is not read for it, which takes as long as a short
    /// frame does, and `received_at` is [`UNIX_EPOCH`](SystemTime::UNIX_EPOCH).
    fn wants_time(&self) -> bool {
        true
    }
}

/// Two observers, of which the first sees each frame first.
struct Both(Arc<dyn FrameObserver>, Arc<dyn FrameObserver>);

impl FrameObserver for Both {
    fn observe(&self, connection: &ConnectionInfo, frame: &Message, received_at: SystemTime) {
        let Self(first, second) = self;
        first.observe(connection, frame, received_at);
        second.observe(connection, frame, received_at);
    }

    fn wants_time(&self) -> bool {
        let Self(first, second) = self;
        first.wants_time() || second.wants_time()
    }
}

/// An observer and the connection that it observes.
pub(crate) struct Observation {
    observer: Arc<dyn FrameObserver>,
    wants_time: bool,
    connection: ConnectionInfo,
}

impl Observation {
    pub(crate) fn observe(&self, frame: &Message) {
        let received_at = match self.wants_time {
            true => SystemTime::now(),
            false => SystemTime::UNIX_EPOCH,
        };
        self.observer.observe(&self.connection, frame, received_at);
    }
}

/// What is added to every connection of a client. The default adds nothing.
#[derive(Clone, Default)]
pub struct Hooks {
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) observer: Option<Arc<dyn FrameObserver>>,
}

impl Hooks {
    /// Lets `authenticator` prepare the request of every connection.
    #[must_use]
    pub fn with_authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.authenticator = Some(authenticator);
        self
    }

    /// Shows every frame that arrives to `observer`, after those that are there already.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn FrameObserver>) -> Self {
        self.observer = Some(match self.observer.take() {
            Some(first) => Arc::new(Both(first, observer)),
            None => observer,
        });
        self
    }

    /// The same hooks for requests that are prepared already.
    #[must_use]
    pub fn without_authenticator(mut self) -> Self {
        self.authenticator = None;
        self
    }

    /// What is observed of `connection`, if anybody observes.
    pub(crate) fn observation(&self, connection: &ConnectionInfo) -> Option<Observation> {
        let observer = self.observer.as_ref()?;
        Some(Observation {
            observer: Arc::clone(observer),
            wants_time: observer.wants_time(),
            connection: connection.clone(),
        })
    }

    /// Lets the authenticator, if there is one, prepare `request`, for as long as a phase of a dial
    /// to `budget` may take.
    ///
    /// # Errors
    /// [`DialError`] if it fails or takes too long.
    pub async fn prepare(&self, request: &mut WsRequest, budget: &Target) -> Result<(), DialError> {
        let Some(authenticator) = &self.authenticator else {
            return Ok(());
        };
        let hop = Hop::Target(budget.endpoint().clone());
        match budget.phase(authenticator.prepare(request)).await {
            Ok(prepared) => prepared.map_err(|error| unprepared(hop, error)),
            Err(elapsed) => Err(DialError::timeout(hop, Phase::Upgrade, elapsed)),
        }
    }
}

/// A login that could not even be asked for is a failed dial; every other reason is the login's.
fn unprepared(hop: Hop, error: BoxError) -> DialError {
    match DialError::find(&*error) {
        Some(dial) => dial.clone(),
        None => {
            DialError::new(hop, Phase::Upgrade, DialErrorKind::Authentication).with_source(error)
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("authenticator", &self.authenticator.is_some())
            .field("observer", &self.observer.is_some())
            .finish()
    }
}
