//! By which address each exit leaves, as somebody outside sees it.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::header::ACCEPT;
use http::{HeaderValue, Request, Uri};
use proxy_config::Exit;
use transport::{
    HttpError, HttpTransport, ResponseLimits, Target, chain, require_success, unreadable,
};
use transport_tls::TlsTrust;

use super::line::Line;
use super::round::AT_ONCE;

/// The longest answer in bytes: many times an address.
const MOST_BYTES: usize = 1024;

/// The longest time for an answer.
const MOST_TIME: Duration = Duration::from_secs(30);

/// The address of an exit, or why it is not known.
pub(super) type Learned = Result<IpAddr, String>;

/// What is known of the exits so far.
pub(super) type Egresses = HashMap<Exit, Learned>;

/// A server that answers with the address of who asks.
#[derive(Debug)]
pub(super) struct Mirror(Uri);

impl Mirror {
    /// The one at `url`.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|_| "it is not a URL".to_owned())?;
        Target::from_http_uri(&uri).map_err(|error| error.to_string())?;
        // It would not be sent.
        match uri.authority() {
            Some(authority) if authority.as_str().contains('@') => {
                Err("it has a login, which cannot be sent".to_owned())
            }
            _ => Ok(Self(uri)),
        }
    }

    /// Asks once by each exit of `lines`, and by nothing else.
    pub(super) fn ask_each<'a>(
        &'a self,
        lines: &'a [Line],
        trust: &'a TlsTrust,
        limits: ResponseLimits,
    ) -> impl Stream<Item = (&'a Exit, Learned)> {
        let asks = one_of_each_exit(lines).map(move |(line, exit)| async move {
            let learned = self.ask(line, trust, limits).await;
            (exit, learned.map_err(|error| chain(&error).to_string()))
        });
        stream::iter(asks).buffer_unordered(AT_ONCE)
    }

    async fn ask(
        &self,
        line: &Line,
        trust: &TlsTrust,
        limits: ResponseLimits,
    ) -> Result<IpAddr, HttpError> {
        let total = limits.total.map_or(MOST_TIME, |total| total.min(MOST_TIME));
        let session = line.scope(trust).http().with_limits(ResponseLimits {
            size: MOST_BYTES,
            total: Some(total),
            ..limits
        });
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = self.0.clone();
        let text = HeaderValue::from_static("text/plain");
        request.headers_mut().insert(ACCEPT, text);
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let response = session.send(request).await?;
        require_success(response)
            .and_then(|response| {
                let address = address(response.body());
                address.ok_or_else(|| unreadable(&response, "it is not an IP address"))
            })
            .map_err(|error| error.with_request(&method, &uri))
    }
}

/// The exits of `lines`, each with one of its lines.
pub(super) fn one_of_each_exit(lines: &[Line]) -> impl Iterator<Item = (&Line, &Exit)> {
    let mut known = HashSet::new();
    let exits = lines
        .iter()
        .filter_map(|line| Some((line, line.candidate.exit()?)));
    exits.filter(move |(_, exit)| known.insert(*exit))
}

/// The address that an answer consists of.
fn address(body: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(body).ok()?;
    let address: IpAddr = text.trim().parse().ok()?;
    let address = address.to_canonical();
    (!address.is_unspecified() && !address.is_multicast()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_an_address_and_nothing_else() {
        for (body, expected) in [
            (&b"203.0.113.7"[..], Some("203.0.113.7")),
            (b" 2001:db8::7\r\n", Some("2001:db8::7")),
            (b"::ffff:203.0.113.7\n", Some("203.0.113.7")),
            (b"", None),
            (b"0.0.0.0", None),
            (b"ff02::1", None),
            (b"203.0.113.7:443", None),
            (b"203.0.113.7, 203.0.113.8", None),
            (b"{\"ip\": \"203.0.113.7\"}", None),
            (b"203.0.113.7\xFF", None),
        ] {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(address(body), expected, "{body:?}");
        }
    }

    #[test]
    fn a_url_is_one_that_can_be_asked_and_no_message_has_its_login() {
        Mirror::parse("https://mirror.example/ip?format=text").unwrap();
        for url in [
            "mirror.example",
            "/ip",
            "ftp://mirror.example",
            "http://u:s3cret@mirror.example",
            "http://u:s3cret@/",
            "http://a b/",
            "",
        ] {
            let problem = Mirror::parse(url).unwrap_err();
            assert!(!problem.contains("s3cret"), "{problem}");
        }
    }
}
