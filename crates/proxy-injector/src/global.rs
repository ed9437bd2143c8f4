//! The process-wide injector.

use std::sync::{Arc, PoisonError, RwLock};

use proxy_config::ProxySettings;

use crate::injector::ProxyInjector;
use crate::reload::ReloadError;

/// The same one for as long as the process lives, so that whatever somebody keeps of it follows the
/// settings.
static INJECTOR: RwLock<Option<Arc<ProxyInjector>>> = RwLock::new(None);

/// Sets the process-wide injector up with `settings`, or [reloads](ProxyInjector::reload) it with
/// them. With settings that are disabled there is none afterwards, and what somebody keeps of it
/// takes the routes that disabled settings give.
///
/// Injectors made by [`ProxyInjector::new`] are not affected.
///
/// # Errors
/// [`ReloadError`] if the settings cannot apply. Everything stays as it was.
pub fn init_proxy_system(
    settings: ProxySettings,
) -> Result<Option<Arc<ProxyInjector>>, ReloadError> {
    if settings.lacks_enabled() {
        return Err(ReloadError::NotEnabled);
    }
    let mut injector = INJECTOR.write().unwrap_or_else(PoisonError::into_inner);
    match &*injector {
        Some(injector) => drop(injector.reload(settings)?),
        None => *injector = Some(Arc::new(ProxyInjector::new(settings))),
    }
    Ok(injector.clone().filter(is_enabled))
}

/// The process-wide injector, if the proxy system has been initialised with enabled settings.
#[must_use]
pub fn proxy_injector() -> Option<Arc<ProxyInjector>> {
    let injector = INJECTOR.read().unwrap_or_else(PoisonError::into_inner);
    injector.clone().filter(is_enabled)
}

fn is_enabled(injector: &Arc<ProxyInjector>) -> bool {
    injector.settings().is_enabled()
}
