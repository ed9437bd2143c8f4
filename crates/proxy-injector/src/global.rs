//! The process-wide injector.

use std::sync::{Arc, PoisonError, RwLock};

use proxy_config::ProxySettings;

use crate::injector::ProxyInjector;

static INJECTOR: RwLock<Option<Arc<ProxyInjector>>> = RwLock::new(None);

/// Sets the process-wide injector up with `settings`. With settings that are not enabled there is
/// none afterwards, whatever there was before.
///
/// Injectors made by [`ProxyInjector::new`] are not affected.
pub fn init_proxy_system(settings: ProxySettings) -> Option<Arc<ProxyInjector>> {
    let injector = settings
        .is_enabled()
        .then(|| Arc::new(ProxyInjector::new(settings)));
    INJECTOR
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .clone_from(&injector);
    injector
}

/// The process-wide injector, if the proxy system has been initialised with enabled settings.
#[must_use]
pub fn proxy_injector() -> Option<Arc<ProxyInjector>> {
    INJECTOR
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}
