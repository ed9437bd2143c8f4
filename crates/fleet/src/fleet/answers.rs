//! Asking a store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::time::timeout;
use transport::chain;

use super::budgets::Key;
use super::keys::{member_key, shard_key};
use crate::assignment::{Answer, Ask, Holder};
use crate::budget::LedgerAnswer;
use crate::collector::CollectorId;
use crate::shard::Shard;
use crate::store::{Store, StoreError};

/// What came of a question.
#[derive(Debug)]
pub(super) enum Answered {
    /// The server has what was said at this time.
    Presented(Instant),
    /// It does not answer, or not as expected.
    NotPresented(String),
    Shard(Shard, Answer),
    Ledger(Key, LedgerAnswer),
    /// Whether the others can know what this collector has found.
    Advised(bool),
    /// What nobody waits for is done.
    Nothing,
}

pub(super) type Answering = BoxFuture<'static, Answered>;

pub(super) fn present(
    store: Arc<dyn Store>,
    own: &CollectorId,
    said: String,
    patience: Duration,
) -> Answering {
    let key = member_key(own);
    let sent_at = tokio::time::Instant::now().into_std();
    Box::pin(async move {
        match timeout(patience, store.put(&key, said.into())).await {
            Ok(Ok(_)) => Answered::Presented(sent_at),
            Ok(Err(error)) => Answered::NotPresented(chain(&error).to_string()),
            Err(_) => Answered::NotPresented("no answer in time".to_owned()),
        }
    })
}

pub(super) fn ask(
    store: Arc<dyn Store>,
    shard: Shard,
    ask: Ask,
    owner: &CollectorId,
    patience: Duration,
) -> Answering {
    let (key, owner) = (shard_key(shard), owner.as_str().to_owned());
    Box::pin(async move {
        let answer = timeout(patience, answer(&*store, &key, ask, owner)).await;
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(StoreError::Conflict)) => Answer::Conflict,
            Ok(Err(StoreError::Unreachable(_))) | Err(_) => Answer::Unreachable,
        };
        Answered::Shard(shard, answer)
    })
}

async fn answer(
    store: &dyn Store,
    key: &str,
    ask: Ask,
    owner: String,
) -> Result<Answer, StoreError> {
    match ask {
        Ask::Take { expected } | Ask::HandOver { expected } => {
            let revision = store.update(key, owner.into(), expected).await?;
            Ok(Answer::Done(revision))
        }
        Ask::Release { expected } => {
            store.remove(key, expected).await?;
            Ok(Answer::Done(expected))
        }
        Ask::Look => {
            let Some(entry) = store.entry(key).await? else {
                return Ok(Answer::Found(None));
            };
            let owner = str::from_utf8(&entry.value).unwrap_or_default();
            match CollectorId::parse(owner) {
                Ok(owner) => Ok(Answer::Found(Some(Holder {
                    owner,
                    revision: entry.revision,
                }))),
                // Whoever wrote it has it, until the server removes it.
                Err(invalid) => Err(StoreError::Unreachable(invalid.into())),
            }
        }
    }
}
