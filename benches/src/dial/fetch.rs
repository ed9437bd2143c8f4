//! REST requests of every contender.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use transport::{HttpTransport, require_success};

use super::connector::{Connector, Visitor, secure, visit};
use super::contender::Contender;
use super::ours::{Ours, session};
use super::prepared_route::PreparedRoute;
use crate::error::Result;

/// Sends one request and returns the body of the answer.
pub(crate) type Fetcher = Box<dyn Fn() -> LocalBoxFuture<'static, Result<Bytes>>>;

/// What sends `contender`'s requests along `way`: by connections that it keeps, or each by a new
/// one.
pub(crate) fn fetcher(
    contender: Contender,
    way: &PreparedRoute,
    keep_alive: bool,
) -> Result<Fetcher> {
    let uri: Uri = way.rest_uri().parse()?;
    match contender {
        Contender::Standard | Contender::Optimistic | Contender::QuickAck => {
            let ours = Ours::new(contender, way)?;
            let kept = keep_alive.then(|| Arc::new(ours.rest_client()));
            // A client keeps its connections to itself, so a new one begins without any.
            let client = move || kept.clone().unwrap_or_else(|| Arc::new(ours.rest_client()));
            Ok(fetch_by_ours(client, uri))
        }
        Contender::Injected if keep_alive => {
            let session = Arc::new(session(way)?);
            Ok(fetch_by_ours(move || Arc::clone(&session), uri))
        }
        Contender::HyperUtil(_) | Contender::HyperUtilOptimistic => {
            let visitor = FetchByConnector {
                way,
                uri,
                keep_alive,
            };
            visit(contender, way, visitor)?
        }
        Contender::Reqwest => fetch_by_reqwest(way, keep_alive),
        _ => Err("it sends no requests".into()),
    }
}

fn fetch_by_ours<T: HttpTransport + 'static>(
    client: impl Fn() -> Arc<T> + 'static,
    uri: Uri,
) -> Fetcher {
    Box::new(move || {
        let (client, uri) = (client(), uri.clone());
        Box::pin(async move {
            let response = client.send(Request::get(uri).body(Bytes::new())?).await?;
            Ok(require_success(response)?.into_body())
        })
    })
}

struct FetchByConnector<'a> {
    way: &'a PreparedRoute,
    uri: Uri,
    keep_alive: bool,
}

impl Visitor for FetchByConnector<'_> {
    type Output = Result<Fetcher>;

    fn visit(self, connector: impl Connector) -> Result<Fetcher> {
        let mut client = Client::builder(TokioExecutor::new());
        if !self.keep_alive {
            client.pool_max_idle_per_host(0);
        }
        let client = client.build::<_, Empty<Bytes>>(secure(connector, self.way)?);
        let uri = self.uri;
        Ok(Box::new(move || {
            let response = client.get(uri.clone());
            Box::pin(async move { Ok(response.await?.collect().await?.to_bytes()) })
        }))
    }
}

fn fetch_by_reqwest(way: &PreparedRoute, keep_alive: bool) -> Result<Fetcher> {
    let mut client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([certificate(&way.ca_file)?]);
    if let Some(url) = &way.proxy {
        client = client.proxy(reqwest::Proxy::all(url)?);
    }
    if !keep_alive {
        client = client.pool_max_idle_per_host(0);
    }
    let (client, uri) = (client.build()?, way.rest_uri());
    Ok(Box::new(move || {
        let request = client.get(&uri);
        Box::pin(async move {
            let response = request.send().await?.error_for_status()?;
            Ok(response.bytes().await?)
        })
    }))
}

fn certificate(file: &Path) -> Result<reqwest::Certificate> {
    Ok(reqwest::Certificate::from_pem(&std::fs::read(file)?)?)
}
