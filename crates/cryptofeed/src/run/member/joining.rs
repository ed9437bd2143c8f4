//! Becoming part of a fleet.

use std::time::Duration;

use fleet::{CollectorId, Fleet, JoinError, Sharing, Stores};
use tokio::time::sleep;

use crate::configuration::FleetSettings;
use crate::failure::Failure;

/// From one try to the next.
const RETRY: Duration = Duration::from_secs(2);

/// Tries until the server is there.
pub(super) async fn join(
    settings: FleetSettings,
    own: CollectorId,
    sharing: Sharing,
) -> Result<Fleet, Failure> {
    let mut is_told = false;
    let stores = loop {
        let problem = match connect(&settings).await {
            Ok(Ok(stores)) => break stores,
            Ok(Err(error @ JoinError::OtherLease(_))) => {
                let problem = format!("fleet.lease_seconds: {error}");
                return Err(Failure::Configuration(vec![problem]));
            }
            Ok(Err(error)) => said(&error),
            Err(problem) => problem,
        };
        if !is_told {
            let server = settings.server.url.to_string();
            tracing::warn!(server, problem, "the fleet is not there yet; trying again");
            is_told = true;
        }
        sleep(RETRY).await;
    };
    Ok(Fleet::join_with(
        stores,
        own,
        settings.shards,
        settings.terms,
        sharing,
    ))
}

async fn connect(settings: &FleetSettings) -> Result<Result<Stores, JoinError>, String> {
    let client = settings.server.connect().await;
    let client = client.map_err(|error| said(&error))?;
    Ok(Stores::over(client, &settings.name, settings.terms).await)
}

/// An error with its cause.
fn said(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
