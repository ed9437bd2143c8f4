//! New settings during a run.

use super::observed::Observed;
use super::routes::Routes;
use super::service::Service;
use crate::configuration::{ConfiguredFeed, Start};
use crate::failure::Failure;
use crate::interrupt::Hangup;

const REFUSED: &str = "new settings refused; the old ones stay";

/// What takes new settings, and who is told of them.
pub(super) struct Reloads<'a, F> {
    pub(super) start: &'a Start,
    pub(super) service: &'a Service,
    pub(super) observed: Option<&'a Observed>,
    /// Called at each hangup, whatever comes of it.
    pub(super) reopen: Option<F>,
}

impl<F: Fn()> Reloads<'_, F> {
    /// Reads the configuration again at the next `hangup` at which it can be used, and applies its proxies.
    /// Returns its feeds.
    pub(super) async fn next(&self, hangup: &mut Hangup) -> Vec<ConfiguredFeed> {
        loop {
            hangup.received().await;
            self.service.is_reloading();
            if let Some(reopen) = &self.reopen {
                reopen();
            }
            let problems = match reload(self.start, self.observed).await {
                Ok(feeds) => return feeds,
                Err(Failure::Configuration(problems)) => problems,
                Err(failure) => vec![failure.to_string()],
            };
            for problem in problems {
                tracing::error!(problem, "{REFUSED}");
                if let Some(observed) = self.observed {
                    observed.note_refusal(&problem);
                }
            }
            self.service.is_ready(REFUSED);
        }
    }
}

/// Refuses everything that a start refuses, and then changes nothing.
async fn reload(
    start: &Start,
    observed: Option<&Observed>,
) -> Result<Vec<ConfiguredFeed>, Failure> {
    let configuration = start.again.load_again().await?;
    configuration.require_feed()?;
    let reloaded = start.injector.reload(configuration.settings().clone());
    let changes =
        reloaded.map_err(|error| Failure::Configuration(vec![format!("failed to {error}")]))?;
    tracing::info!(changed_routes = changes.len(), "new settings apply");
    if let Some(observed) = observed {
        observed.note_reload(&configuration, changes.len());
    }
    Routes::of(configuration.feeds()).announce(&start.injector, &changes);
    for section in configuration.changed_since_start(&start.configuration) {
        tracing::warn!(
            section,
            "the section has changed; it applies after a restart"
        );
    }
    Ok(configuration.feeds().to_vec())
}
