//! The process-wide injector.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use proxy_config::ProxySettings;

use crate::injector::ProxyInjector;
use crate::reload::ReloadError;

/// The same one for as long as the process lives, so that whatever somebody keeps of it follows the
/// settings.
static INJECTOR: OnceLock<Arc<ProxyInjector>> = OnceLock::new();

/// Held while it is set up or reloaded, and by nobody who asks for it.
static SETTING_UP: Mutex<()> = Mutex::new(());

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
    let _turn = SETTING_UP.lock().unwrap_or_else(PoisonError::into_inner);
    match INJECTOR.get() {
        Some(injector) => drop(injector.reload(settings)?),
        None => drop(INJECTOR.set(Arc::new(ProxyInjector::new(settings)))),
    }
    Ok(proxy_injector())
}

/// The process-wide injector, if the proxy system has been initialised with enabled settings.
#[must_use]
pub fn proxy_injector() -> Option<Arc<ProxyInjector>> {
    let injector = INJECTOR.get()?;
    injector
        .settings()
        .is_enabled()
        .then(|| Arc::clone(injector))
}
