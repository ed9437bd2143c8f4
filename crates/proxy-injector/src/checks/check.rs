//! One check.

use std::error::Error;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{Method, Request};
use proxy_config::{DirectExit, Exit, HealthCheck, HealthCheckMethod, ProxyConfig, ProxyServer};
use transport::{BoxError, DialError, DialErrorKind, Dialer, Target, retry_after};
use transport_http::{DialerConnector, HttpClient};
use transport_tls::TlsDialer;

use super::Usage;
use crate::dialer_factory::endpoint;
use crate::failover::{Blame, blame};
use crate::injector::ProxyInjector;
use crate::live::Revocation;
use crate::pool::Verdict;
use crate::query::RouteQuery;
use crate::routed::RoutedDialer;

/// Checks `exit` as `config` says. There is no verdict if that could not be done.
pub(super) async fn check(
    injector: &Arc<ProxyInjector>,
    config: &HealthCheck,
    usage: Usage,
    exit: &Exit,
) -> Option<Verdict> {
    let timeout = config.timeout();
    let RouteQuery {
        exchange,
        transport,
        ..
    } = &usage.query;
    let dials = injector.dials();
    let dialing = dials.dialing(exchange.as_ref(), *transport, exit);
    let outcome = match (config.method(), exit.proxy()) {
        (HealthCheckMethod::Tcp, Some(proxy)) => {
            let to_proxy = endpoint(proxy.url());
            let inner = before(injector, proxy).ok()?;
            let query = RouteQuery {
                destination: None,
                ..usage.query
            };
            let dialer = routed(injector, query, exit, inner);
            let reached = dialer.dial(&Target::new(to_proxy).within(timeout)).await;
            // Whoever is on the way: it cannot be used.
            return match reached {
                Ok(_) => Some(Verdict::Passed(None)),
                Err(error) if is_ours(&error) => None,
                Err(error) => {
                    dialing.note_check(&error);
                    Some(Verdict::Failed)
                }
            };
        }
        // Nobody is between a direct exit and the target.
        (HealthCheckMethod::Tcp, None) | (HealthCheckMethod::Handshake, _) => {
            let inner = by(injector, &usage.query, exit);
            let dialer = routed(injector, usage.query, exit, inner);
            let target = Target::new(usage.target.clone()).within(timeout);
            match dialer.dial(&target).await {
                Ok(_) => Ok(None),
                Err(error) => Err(BoxError::from(error)),
            }
        }
        (HealthCheckMethod::Http, _) => answer(injector, config, &usage, exit).await,
    };
    match outcome {
        Ok(None) => Some(Verdict::Passed(Some(usage.target))),
        Ok(Some(verdict)) => Some(verdict),
        Err(error) => {
            let error: &(dyn Error + 'static) = &*error;
            if let Some(error) = DialError::find(error) {
                dialing.note_check(error);
            }
            match blame(exit, error) {
                Blame::Proxy => Some(Verdict::Failed),
                Blame::Unclear => Some(Verdict::Missed(usage.target)),
                Blame::Machine | Blame::Exchange(..) | Blame::Other => None,
            }
        }
    }
}

/// Whether a dial failed for reasons of this machine or its settings.
fn is_ours(error: &DialError) -> bool {
    matches!(
        error.kind(),
        DialErrorKind::Local | DialErrorKind::RouteChanged
    )
}

/// Asks for an answer of where the pool is used. Returns what it says about the exit's address, if it does.
async fn answer(
    injector: &Arc<ProxyInjector>,
    config: &HealthCheck,
    usage: &Usage,
    exit: &Exit,
) -> Result<Option<Verdict>, BoxError> {
    let is_tls = matches!(usage.query.destination, Some((_, true)));
    let mut inner = by(injector, &usage.query, exit);
    if is_tls {
        inner = Arc::new(TlsDialer::new(inner, injector.factory().exchange_tls()));
    }
    let dialer = routed(injector, usage.query.clone(), exit, inner);
    let connector = DialerConnector::without_tls(dialer, config.timeout());
    let scheme = if is_tls { "https" } else { "http" };
    let uri = format!("{scheme}://{}/", usage.target);
    let request = Request::builder().method(Method::HEAD).uri(uri);
    let request = request.body(Bytes::new())?;
    let client = HttpClient::over(connector);
    let response = client.send_within(request, config.timeout()).await?;
    let exchange = usage.query.exchange.clone();
    Ok(exchange.and_then(|exchange| {
        let status = response.status().as_u16();
        Verdict::of_answer(exchange, status, retry_after(response.headers()))
    }))
}

/// The dialer of what comes before `proxy`.
fn before(injector: &ProxyInjector, proxy: &ProxyConfig) -> Result<Arc<dyn Dialer>, BoxError> {
    let way = match (proxy.via().split_last(), proxy.server().bind()) {
        (Some((last, others)), _) => ProxyConfig::from(ProxyServer::clone(last))
            .with_via(others.iter().cloned())?
            .into(),
        (None, Some(bind)) => DirectExit::new(bind.clone()).into(),
        (None, None) => Exit::Direct,
    };
    Ok(injector.factory().standard_dialer(&way)?)
}

/// The dialer by `exit`.
fn by(injector: &ProxyInjector, query: &RouteQuery, exit: &Exit) -> Arc<dyn Dialer> {
    let factory = injector.factory();
    factory
        .stack(query.exchange.as_ref(), query.transport, exit)
        .dialer
}

fn routed(
    injector: &Arc<ProxyInjector>,
    query: RouteQuery,
    exit: &Exit,
    inner: Arc<dyn Dialer>,
) -> Arc<RoutedDialer> {
    Arc::new(RoutedDialer {
        injector: Arc::clone(injector),
        query,
        exit: exit.clone(),
        inner,
        revocation: Revocation::Close,
        opened: OnceLock::new(),
    })
}
