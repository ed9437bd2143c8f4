//! Which of the symbols that are asked for are meant here.

use std::fmt;
use std::sync::Arc;

use crate::symbol::Symbol;

/// Which symbols one of several programs streams, of those that all of them are asked for.
///
/// Cheap to clone. A feed asks it again whenever what is trading or asked for has changed, so it must answer
/// the same for the same symbol, and at once.
#[derive(Clone)]
pub struct SymbolFilter(Arc<dyn Fn(&Symbol) -> bool + Send + Sync>);

impl SymbolFilter {
    /// A filter that has the symbols for which `has` is true.
    #[must_use]
    pub fn new(has: impl Fn(&Symbol) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(has))
    }

    /// Whether it has `symbol`.
    #[must_use]
    pub fn has(&self, symbol: &Symbol) -> bool {
        (self.0)(symbol)
    }
}

impl fmt::Debug for SymbolFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SymbolFilter").finish_non_exhaustive()
    }
}
