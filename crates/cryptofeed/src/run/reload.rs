//! New settings during a run.

use super::routes::Routes;
use super::service::Service;
use crate::configuration::{ConfiguredFeed, Start};
use crate::failure::Failure;
use crate::interrupt::Hangup;

const REFUSED: &str = "new settings refused; the old ones stay";

/// Reads the configuration again at the next `hangup` at which it can be used, and applies its proxies.
/// Returns its feeds. `reopen` is called at each.
pub(super) async fn at_next(
    hangup: &mut Hangup,
    start: &Start,
    service: &Service,
    reopen: impl Fn(),
) -> Vec<ConfiguredFeed> {
    loop {
        hangup.received().await;
        service.is_reloading();
        reopen();
        match reload(start).await {
            Ok(feeds) => return feeds,
            Err(Failure::Configuration(problems)) => {
                for problem in problems {
                    refused(&problem);
                }
            }
            Err(failure) => refused(&failure.to_string()),
        }
        service.is_ready(REFUSED);
    }
}

/// Refuses everything that a start refuses, and then changes nothing.
async fn reload(start: &Start) -> Result<Vec<ConfiguredFeed>, Failure> {
    let configuration = start.again.load_again().await?;
    configuration.require_feed()?;
    let reloaded = start.injector.reload(configuration.settings().clone());
    let changes =
        reloaded.map_err(|error| Failure::Configuration(vec![format!("failed to {error}")]))?;
    tracing::info!(changed_routes = changes.len(), "new settings apply");
    Routes::of(configuration.feeds()).announce(&start.injector, &changes);
    for section in configuration.changed_since_start(&start.configuration) {
        tracing::warn!(
            section,
            "the section has changed; it applies after a restart"
        );
    }
    Ok(configuration.feeds().to_vec())
}

fn refused(problem: &str) {
    tracing::error!(problem, "{REFUSED}");
}
