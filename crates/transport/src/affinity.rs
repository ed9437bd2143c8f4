//! Which connections belong together.

use std::sync::Arc;

use http::Extensions;

/// What requests and connections have in common that should leave by the same exit, such as the symbols
/// that they are about. Without one, the exchange is all that they have in common.
///
/// A REST request has it as an [extension](http::Request::extensions).
///
/// ```
/// use http::Request;
/// use transport::Affinity;
///
/// let request = Request::get("https://exchange.example/depth").extension(Affinity::new("BTC-USDT"));
/// # let request = request.body(()).unwrap();
/// assert_eq!(Affinity::of(request.extensions()), Some("BTC-USDT"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Affinity(Arc<str>);

impl Affinity {
    /// Equal texts belong together.
    #[must_use]
    pub fn new(key: &str) -> Self {
        Self(key.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text of the affinity that a request has as an extension.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&str> {
        extensions.get::<Self>().map(Self::as_str)
    }
}
