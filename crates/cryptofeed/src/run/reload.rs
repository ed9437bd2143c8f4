//! New proxies while it runs.

use std::sync::Arc;

use proxy_injector::ProxyInjector;

use super::routes::Routes;
use crate::configuration::ConfigurationArgs;
use crate::failure::Failure;
use crate::interrupt::Hangup;

/// Reads the configuration again at each `hangup`, and gives its proxies to `injector`.
pub(super) async fn at_each(
    mut hangup: Hangup,
    configuration: &ConfigurationArgs,
    injector: &Arc<ProxyInjector>,
    routes: &Routes,
) {
    loop {
        hangup.received().await;
        match reload(configuration, injector, routes).await {
            Ok(()) => {}
            Err(Failure::Configuration(problems)) => {
                for problem in problems {
                    refused(&problem);
                }
            }
            Err(failure) => tracing::error!(?failure, "new settings refused; the old ones stay"),
        }
    }
}

/// What a start would refuse is refused here as well.
async fn reload(
    configuration: &ConfigurationArgs,
    injector: &Arc<ProxyInjector>,
    routes: &Routes,
) -> Result<(), Failure> {
    let configuration = configuration.load_again().await?;
    configuration.require_feed()?;
    match injector.reload(configuration.into_settings()) {
        Ok(changes) => {
            tracing::info!(changed_routes = changes.len(), "new settings apply");
            routes.announce(injector, &changes);
        }
        Err(error) => refused(&format!("failed to {error}")),
    }
    Ok(())
}

fn refused(problem: &str) {
    tracing::error!(problem, "new settings refused; the old ones stay");
}
