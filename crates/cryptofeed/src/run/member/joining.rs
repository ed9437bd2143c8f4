//! Becoming part of a fleet.

use std::time::Duration;

use fleet::{CollectorId, Fleet, JoinError, Sharing, Stores};
use tokio::time::sleep;
use transport::chain;

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
            Ok(Err(error)) => match key_of(&error) {
                Some(key) => {
                    let name = &settings.name;
                    let problem = format!("fleet.{key}: {error}; the name of this one is {name}");
                    return Err(Failure::Configuration(vec![problem]));
                }
                None => chain(&error).to_string(),
            },
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
    let client = client.map_err(|error| chain(&error).to_string())?;
    Ok(Stores::over(client, &settings.name, settings.shards, settings.terms).await)
}

/// The key to change, where trying again is of no use.
fn key_of(error: &JoinError) -> Option<&'static str> {
    match error {
        JoinError::OtherLease(_) => Some("lease_seconds"),
        JoinError::OtherShards(_) => Some("shards"),
        JoinError::OtherBucket(_) => Some("name"),
        _ => None,
    }
}
