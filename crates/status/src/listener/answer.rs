//! The answers to requests.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::deadline::Deadline;
use super::guard::{Access, Guard};
use super::live::Live;
use crate::board::Board;
use crate::metrics::Metrics;
use crate::page::{self, View};

/// How many pages may be kept live at a time.
const LIVE: usize = 16;

/// How many answers that grow with the symbols are kept for their readers at a time. With 1,500 symbols, each has some
/// megabytes.
const LARGE: usize = 8;

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// With every answer: nothing is loaded from elsewhere, framed, guessed at or kept.
const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// What requests are answered from.
#[derive(Debug)]
pub(super) struct Answers {
    board: Board,
    guard: Guard,
    metrics: Option<Metrics>,
    live: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Answers {
    pub(super) fn new(board: Board, guard: Guard, metrics: Option<Metrics>) -> Self {
        Self {
            board,
            guard,
            metrics,
            live: Arc::new(Semaphore::new(LIVE)),
            large: Arc::new(Semaphore::new(LARGE)),
        }
    }

    /// Answers `request`, whose connection ends at `deadline`.
    pub(super) fn to(&self, request: &Request<Incoming>, deadline: Deadline) -> Answer {
        let access = match self.guard.admit(request.headers()) {
            Ok(access) => access,
            Err(refused) => return text(StatusCode::FORBIDDEN, refused.to_string()),
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
            let headers = answer.headers_mut();
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match (request.uri().path(), access) {
            ("/live", _) => text(StatusCode::OK, "live"),
            ("/ready", _) => self.ready(access),
            (_, Access::Verdicts) => unauthorized(),
            ("/", Access::Whole) => {
                let view = View::parse(request.uri().query().unwrap_or_default());
                let html = page::render(&self.board.status(), &view);
                whole(StatusCode::OK, HTML, html)
            }
            ("/updates", Access::Whole) => self.updates(request.uri().query(), deadline),
            ("/status.json", Access::Whole) => self.large(JSON, || encode(&*self.board.status())),
            ("/metrics", Access::Whole) => match &self.metrics {
                Some(metrics) => {
                    self.large(METRICS, || Ok(self.board.render(metrics).into_bytes()))
                }
                None => text(StatusCode::NOT_FOUND, "no metrics are recorded"),
            },
            (path, Access::Whole) => match page::asset(path) {
                Some((kind, content)) => whole(StatusCode::OK, kind, content),
                None => text(StatusCode::NOT_FOUND, "there is no such page"),
            },
        }
    }

    fn ready(&self, access: Access) -> Answer {
        let status = self.board.status();
        let code = match status.readiness.is_ready {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        match access {
            Access::Whole => json(code, &status.readiness),
            Access::Verdicts => {
                let verdict = serde_json::json!({"is_ready": status.readiness.is_ready});
                json(code, &verdict)
            }
        }
    }

    /// Answers with something that grows with the symbols, unless too many do not take theirs.
    fn large(
        &self,
        kind: &'static str,
        content: impl FnOnce() -> Result<Vec<u8>, Error>,
    ) -> Answer {
        let Ok(permit) = Arc::clone(&self.large).try_acquire_owned() else {
            return text(StatusCode::SERVICE_UNAVAILABLE, "too many read this now");
        };
        match content() {
            Ok(content) => {
                let kept = Kept {
                    content,
                    _permit: permit,
                };
                whole(StatusCode::OK, kind, Bytes::from_owner(kept))
            }
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }

    fn updates(&self, query: Option<&str>, deadline: Deadline) -> Answer {
        let Ok(permit) = Arc::clone(&self.live).try_acquire_owned() else {
            return text(StatusCode::SERVICE_UNAVAILABLE, "too many pages are open");
        };
        let view = View::parse(query.unwrap_or_default());
        let live = Live::new(self.board.clone(), view, deadline, permit);
        answer(StatusCode::OK, "text/event-stream", live.boxed())
    }
}

/// What a reader has not taken yet.
struct Kept {
    content: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.content
    }
}

fn answer(code: StatusCode, kind: &'static str, body: BoxBody<Bytes, Infallible>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = code;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    answer
}

fn whole(code: StatusCode, kind: &'static str, content: impl Into<Bytes>) -> Answer {
    answer(code, kind, Full::new(content.into()).boxed())
}

fn text(code: StatusCode, text: impl Into<String>) -> Answer {
    whole(code, TEXT, text.into() + "\n")
}

fn json(code: StatusCode, value: &impl Serialize) -> Answer {
    match encode(value) {
        Ok(json) => whole(code, JSON, json),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut json = serde_json::to_vec(value)?;
    json.push(b'\n');
    Ok(json)
}

/// Has a browser ask for the token.
fn unauthorized() -> Answer {
    let mut answer = text(
        StatusCode::UNAUTHORIZED,
        "the token is missing or wrong; send it as a bearer, or as the password of any user",
    );
    let ask = HeaderValue::from_static("Basic realm=\"status\", charset=\"UTF-8\"");
    answer.headers_mut().insert(WWW_AUTHENTICATE, ask);
    answer
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proxy_config::ProxySettings;
    use proxy_injector::ProxyInjector;

    use super::*;

    #[tokio::test]
    async fn eight_readers_that_do_not_take_what_they_asked_for_are_all_that_memory_is_kept_for() {
        let injector = Arc::new(ProxyInjector::new(ProxySettings::disabled()));
        let board = Board::new("test 1.0.0", injector, Duration::from_secs(30));
        let answers = Answers::new(board, Guard::open(), None);
        let ask = || answers.large(JSON, || Ok(b"{}".to_vec()));
        let mut kept = Vec::new();
        for _ in 0..LARGE {
            let body = ask().into_body().collect().await.unwrap();
            kept.push(body.to_bytes());
        }
        assert_eq!(ask().status(), StatusCode::SERVICE_UNAVAILABLE);
        // Sent, or given up with the connection.
        drop(kept.pop());
        assert_eq!(ask().status(), StatusCode::OK);
    }
}
