//! The process-wide injector.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use proxy_config::ProxySettings;

use crate::injector::ProxyInjector;
use crate::reload::ReloadError;

/// The same one as long as the process lives, so that scopes and sessions follow the settings.
static INJECTOR: OnceLock<Arc<ProxyInjector>> = OnceLock::new();

/// Held while it is set up or reloaded, but not to get it.
// Two calls at the same time: without this, the settings of one could be neither set nor reloaded.
static SETTING_UP: Mutex<()> = Mutex::new(());

/// Sets the process-wide injector up with `settings`, or [reloads](ProxyInjector::reload) it with
/// them. If they are disabled, there is none afterwards; existing scopes and sessions then take the
/// routes of disabled settings.
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
    let _turn = SETTING_UP.lock();
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
