//! What processes tell each other of the exits that they use.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use crate::egress::Egress;

/// What speaks against an egress.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HealthMark {
    /// The egress.
    pub egress: Egress,
    /// The exchange that does not want it, in lower case. `None` if it has failed itself.
    pub exchange: Option<String>,
}

/// A mark of another process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// Whose it is.
    pub adviser: Arc<str>,
    /// The mark.
    pub mark: HealthMark,
    /// When this process heard of it first.
    pub heard_at: Instant,
    /// When it ends.
    pub until: Instant,
}

/// Tells other processes what speaks against the exits of this one, and what they say of theirs.
///
/// It is advice: whoever asks prefers others, and decides by what it finds itself. Who selects an exit asks
/// for each connection, so no method waits for anything.
pub trait HealthAdvice: fmt::Debug + Send + Sync {
    /// This process has made a mark that ends at this time, or goes on until then.
    fn mark(&self, mark: HealthMark, until: Instant);

    /// A mark of this process is over, if there was one.
    fn clear(&self, mark: &HealthMark);

    /// The marks of others. It is the same list, in the same place, for as long as nothing changes.
    fn heard(&self) -> Arc<[Advice]>;
}
