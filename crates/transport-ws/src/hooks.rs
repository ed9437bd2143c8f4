//! What a user can add to every connection.

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
