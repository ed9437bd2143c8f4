//! Being told of new settings.

use std::pin::Pin;

use futures_util::Stream;

/// What new settings do to the connections that are made from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// They take the same route as before. What the route needs, such as a certificate authority,
    /// may have been read anew.
    SameRoute,
    /// They take another route: through another proxy, with another login, or directly.
    OtherRoute,
}

/// The reloads from some time on. Those that nobody has asked about come as one.
///
/// Who waits before the next try can stop to wait: what made the last one fail may be mended, and
/// what the other side imposed on the old route does not bind a new one.
pub type Reloads = Pin<Box<dyn Stream<Item = Reload> + Send>>;
