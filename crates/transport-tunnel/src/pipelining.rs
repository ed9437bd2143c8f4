//! What is known about whether a proxy copes with everything at once.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use proxy_config::HandshakeMode;

/// Decides, dial by dial, how a proxy is asked for a tunnel, and learns from what came of it.
///
/// Clones learn together.
#[derive(Debug, Clone)]
pub(crate) struct PipeliningPolicy(Option<Arc<Mutex<Trust>>>);

//     `optimistic` begins at Granted, `auto` at Reserved, `standard` keeps no trust.
//
//     Reserved --opened in the standard way--> Granted
//     Granted  --success--> Earned
//     Granted  --failure--> Lost
//     Earned   --failure--> Granted
//
// Nothing leads out of Lost: that takes a new policy, which comes with new settings. A failure is
// recorded only if the standard way then got an answer; otherwise the proxy was just away.
//
// Dials run side by side. The success of one that began before another lost the trust does not
// bring it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// The proxy shall open a tunnel in the standard way first.
    Reserved,
    /// Everything at once is worth a try.
    Granted,
    /// It has worked. One failure from here is an accident.
    Earned,
    /// It has failed, where the standard way did not.
    Lost,
}

impl PipeliningPolicy {
    pub(crate) fn new(mode: HandshakeMode) -> Self {
        Self(match mode {
            HandshakeMode::Standard => None,
            HandshakeMode::Optimistic => Some(Arc::new(Mutex::new(Trust::Granted))),
            HandshakeMode::Auto => Some(Arc::new(Mutex::new(Trust::Reserved))),
        })
    }

    /// Whether the next dial shall send everything at once.
    pub(crate) fn is_due(&self) -> bool {
        self.trust()
            .is_some_and(|trust| matches!(*trust, Trust::Granted | Trust::Earned))
    }

    /// The proxy has opened a tunnel in the standard way.
    pub(crate) fn record_opened(&self) {
        self.step(|trust| match trust {
            Trust::Reserved => Trust::Granted,
            other => other,
        });
    }

    /// The proxy has opened a tunnel although it was sent everything at once.
    pub(crate) fn record_success(&self) {
        self.step(|trust| match trust {
            Trust::Granted => Trust::Earned,
            other => other,
        });
    }

    /// The proxy has answered in the standard way after it did not when sent everything at once.
    /// Returns whether that was the last time.
    pub(crate) fn record_failure(&self) -> bool {
        self.step(|trust| match trust {
            Trust::Earned => Trust::Granted,
            _ => Trust::Lost,
        }) == Some(Trust::Lost)
    }

    fn step(&self, next: impl FnOnce(Trust) -> Trust) -> Option<Trust> {
        let mut trust = self.trust()?;
        *trust = next(*trust);
        Some(*trust)
    }

    fn trust(&self) -> Option<MutexGuard<'_, Trust>> {
        let trust = self.0.as_ref()?;
        // Never held across an await. A panic cannot leave it half written: it is one assignment.
        Some(trust.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_is_never_due_whatever_happens() {
        let pipelining = PipeliningPolicy::new(HandshakeMode::Standard);
        pipelining.record_opened();
        pipelining.record_success();
        assert!(!pipelining.is_due() && !pipelining.record_failure());
    }

    #[test]
    fn auto_waits_for_one_tunnel_in_the_standard_way() {
        let pipelining = PipeliningPolicy::new(HandshakeMode::Auto);
        assert!(!pipelining.is_due());
        pipelining.record_opened();
        assert!(pipelining.is_due());
    }

    #[test]
    fn who_fails_at_the_first_try_is_not_tried_again() {
        let pipelining = PipeliningPolicy::new(HandshakeMode::Optimistic);
        assert!(pipelining.is_due());
        assert!(pipelining.record_failure());
        pipelining.record_opened();
        pipelining.record_success();
        assert!(!pipelining.is_due());
    }

    #[test]
    fn who_has_coped_once_may_fail_once_but_not_twice_in_a_row() {
        let pipelining = PipeliningPolicy::new(HandshakeMode::Optimistic);
        for _accident in 0..3 {
            pipelining.record_success();
            assert!(!pipelining.record_failure());
            assert!(pipelining.is_due());
        }
        assert!(pipelining.record_failure());
        assert!(!pipelining.is_due());
    }
}
