//! What a user can add to every connection.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use transport::{BoxError, Message, WsRequest};

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
    /// A frame has arrived. Called before anybody else sees it, so it must be quick.
    fn observe(&self, frame: &Message, received_at: SystemTime);
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

    /// Shows every frame that arrives to `observer`.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn FrameObserver>) -> Self {
        self.observer = Some(observer);
        self
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
