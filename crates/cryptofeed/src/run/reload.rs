//! New proxies during a run.

use super::routes::Routes;
use crate::configuration::Start;
use crate::failure::Failure;
use crate::interrupt::Hangup;

/// Reads the configuration again at each `hangup`, and applies its proxies.
pub(super) async fn at_each(mut hangup: Hangup, start: &Start, routes: &Routes) {
    loop {
        hangup.received().await;
        match reload(start, routes).await {
            Ok(()) => {}
            Err(Failure::Configuration(problems)) => {
                for problem in problems {
                    refused(&problem);
                }
            }
            Err(failure) => refused(&failure.to_string()),
        }
    }
}

/// Refuses everything that a start refuses.
async fn reload(start: &Start, routes: &Routes) -> Result<(), Failure> {
    let configuration = start.again.load_again().await?;
    configuration.require_feed()?;
    match start.injector.reload(configuration.settings().clone()) {
        Ok(changes) => {
            tracing::info!(changed_routes = changes.len(), "new settings apply");
            routes.announce(&start.injector, &changes);
        }
        Err(error) => refused(&format!("failed to {error}")),
    }
    for section in configuration.changed_since_start(&start.configuration) {
        tracing::warn!(
            section,
            "the section has changed; it applies after a restart"
        );
    }
    Ok(())
}

fn refused(problem: &str) {
    tracing::error!(problem, "new settings refused; the old ones stay");
}
