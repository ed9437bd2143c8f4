//! New proxies while it runs.

use proxy_injector::ProxyInjector;

use crate::configuration::ConfigurationArgs;
use crate::failure::Failure;
use crate::interrupt::Hangup;

/// Reads the configuration again at each `hangup`, and gives its proxies to `injector`.
pub(crate) async fn at_each(
    mut hangup: Hangup,
    configuration: &ConfigurationArgs,
    injector: &ProxyInjector,
) {
    loop {
        hangup.received().await;
        match configuration.load() {
            Ok(configuration) => match injector.reload(configuration.into_settings()) {
                Ok(_) => tracing::info!("new settings apply"),
                Err(error) => tracing::error!(%error, "new settings refused; the old ones stay"),
            },
            Err(Failure::Configuration(problems)) => {
                for problem in problems {
                    tracing::error!(problem, "new settings refused; the old ones stay");
                }
            }
            Err(failure) => tracing::error!(?failure, "new settings refused; the old ones stay"),
        }
    }
}
