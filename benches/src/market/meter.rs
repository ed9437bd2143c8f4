//! What the requests of a feed weigh.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use proxy_injector::HttpSession;
use transport::{Draws, HttpError, HttpTransport, Reloads};

/// A session that counts what is answered.
#[derive(Debug)]
pub(crate) struct Meter {
    session: HttpSession,
    counts: Mutex<BTreeMap<String, Count>>,
}

/// The requests of one kind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) requests: u64,
    /// All of them together.
    pub(crate) weight: u64,
    /// Those of them without an answer, or with a status that is no success.
    pub(crate) failed: u64,
}

impl Meter {
    pub(crate) fn new(session: HttpSession) -> Self {
        Self {
            session,
            counts: Mutex::default(),
        }
    }

    /// The counts up to now, by kind.
    pub(crate) fn counts(&self) -> BTreeMap<String, Count> {
        let counts = self.counts.lock();
        counts.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl HttpTransport for Meter {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let kind = kind(request.uri());
        let draws = Draws::of(request.extensions()).iter();
        let weight: u64 = draws.map(|draw| u64::from(draw.units)).sum();
        let answer = self.session.send(request).await;
        let is_success = answer.as_ref().is_ok_and(|it| it.status().is_success());
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(kind).or_default();
        count.requests += 1;
        count.weight += weight;
        count.failed += u64::from(!is_success);
        drop(counts);
        answer
    }

    fn reloads(&self) -> Reloads {
        self.session.reloads()
    }
}

/// The path, and of the query what decides about the weight: `/api/v3/depth limit=100`.
fn kind(uri: &Uri) -> String {
    let query = uri.query().unwrap_or_default();
    let limit = query.split('&').find(|pair| pair.starts_with("limit="));
    let words = [Some(uri.path()), limit];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_no_symbol() {
        let kind = |uri| kind(&Uri::from_static(uri));
        assert_eq!(
            kind("https://h/api/v3/depth?symbol=A&limit=100"),
            "/api/v3/depth limit=100"
        );
        assert_eq!(kind("https://h/api/v3/time"), "/api/v3/time");
    }
}
