//! Asking a listener.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use ::status::model::{Readiness, Status};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, StatusCode};
use proxy_config::ProxySettings;
use proxy_injector::{HttpSession, ProxyInjector};
use serde::de::DeserializeOwned;
use transport::{BoxError, HttpTransport};

use crate::configuration::StatusSettings;
use crate::failure::Failure;

const NOWHERE: &str = "no listener is configured; set `status.listen`, or name it with --address";

/// The listener that is asked, without a proxy: it is this machine's own, or one that somebody has named.
pub(super) struct Asked {
    address: SocketAddr,
    authorization: Option<HeaderValue>,
    http: HttpSession,
}

impl Asked {
    /// The listener of `run` with these settings.
    pub(super) fn of(settings: &StatusSettings) -> Result<Self, Failure> {
        let Some(listen) = settings.listen else {
            return Err(Failure::Configuration(vec![NOWHERE.to_owned()]));
        };
        let authorization = settings.token.as_ref().and_then(::status::Token::bearer);
        Ok(Self::new(reachable(listen), authorization))
    }

    /// The listener at `address`, which asks for the token in that file.
    pub(super) fn at(address: SocketAddr, token_file: Option<&Path>) -> Result<Self, Failure> {
        let authorization = match token_file {
            None => None,
            Some(path) => {
                let unusable =
                    |error: BoxError| Failure::runtime("use the file of --token-file", error);
                let text = fs::read_to_string(path).map_err(|error| unusable(error.into()))?;
                let token = ::status::Token::parse(&text);
                token.map_err(|error| unusable(error.into()))?.bearer()
            }
        };
        Ok(Self::new(address, authorization))
    }

    fn new(address: SocketAddr, authorization: Option<HeaderValue>) -> Self {
        let injector = Arc::new(ProxyInjector::new(ProxySettings::disabled()));
        Self {
            address,
            authorization,
            http: injector.anonymous().http(),
        }
    }

    /// What it is doing.
    pub(super) async fn status(&self) -> Result<Status, Failure> {
        self.get("/status.json", |code| code == StatusCode::OK)
            .await
    }

    /// Whether it is ready.
    pub(super) async fn ready(&self) -> Result<Readiness, Failure> {
        let is_verdict = |code| code == StatusCode::OK || code == StatusCode::SERVICE_UNAVAILABLE;
        self.get("/ready", is_verdict).await
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        is_answer: impl Fn(StatusCode) -> bool,
    ) -> Result<T, Failure> {
        let answer = self.answer(path, is_answer).await;
        answer.map_err(|cause| {
            let address = self.address;
            Failure::runtime(format!("ask for the status at {address}"), cause)
        })
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        path: &str,
        is_answer: impl Fn(StatusCode) -> bool,
    ) -> Result<T, BoxError> {
        let mut request = Request::get(format!("http://{}{path}", self.address));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let response = self.http.send(request.body(Bytes::new())?).await?;
        match response.status() {
            code if is_answer(code) => Ok(serde_json::from_slice(response.body())?),
            StatusCode::UNAUTHORIZED => Err("it asks for another token".into()),
            code => Err(format!("it answers {code}").into()),
        }
    }
}

/// Where what listens on `address` can be reached from this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_asked_on_the_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:9464", "127.0.0.1:9464"),
            ("[::]:1", "[::1]:1"),
            ("10.1.2.3:9464", "10.1.2.3:9464"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
