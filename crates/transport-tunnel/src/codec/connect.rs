//! HTTP `CONNECT` (RFC 9110, section 9.3.6) with Basic authentication (RFC 7617).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proxy_config::{Credentials, ProxyHeaders};
use transport::{Endpoint, Excerpt, HttpReply, Secrets};

use super::{Handshake, HandshakeError, Stage, Step, hint};

/// The most bytes that all response heads together may have.
const MAX_HEAD: usize = 16 * 1024;
// httparse wants room for all headers ahead; with more, a head counts as malformed.
const MAX_HEADERS: usize = 128;
const MAGIC: &[u8] = b"HTTP/";

//     refusal   input                        step
//     None      a part of a head             Read
//     None      a head with 1xx              Write, to forget it: another head follows
//     None      a head with 2xx              Done
//     None      a head with another status   Write, and refusal = Some: its body follows
//     Some      a part of the body           Read
//     Some      the body, or 256 bytes of it error, with status, reason and body
//     Some      the end of the stream        error, with as much of the body as there is
/// The client's side of one HTTP `CONNECT`.
#[derive(Clone)]
pub struct Connect {
    /// Without the empty line at its end.
    request: Vec<u8>,
    has_credentials: bool,
    secrets: Secrets,
    seen: usize,
    refusal: Option<Refusal>,
}

/// A final status other than 2xx. Its body, as far as it is wanted, may still be on its way.
#[derive(Clone)]
struct Refusal {
    status: u16,
    reason: Excerpt,
    accepts: Vec<String>,
    /// `None` if it ends with the connection or in chunks (RFC 9112, section 6.3).
    body_length: Option<usize>,
}

impl Connect {
    /// A request for `target`, with the credentials sent ahead where there are any.
    #[must_use]
    pub fn new(target: &Endpoint, credentials: Option<&Credentials>) -> Self {
        // RFC 9110, section 9.3.6; the target in authority-form (RFC 9112, section 3.2.3):
        //
        //     CONNECT stream.binance.com:9443 HTTP/1.1
        //     Host: stream.binance.com:9443
        //     Proxy-Authorization: Basic dXNlcjpwYXNz
        //     x-country: de
        //     (empty line)
        //
        // `Host` repeats the target with its port, even with 443: HAProxy answers 400 to a
        // difference (haproxy/haproxy#1159).
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
        let mut secrets = Secrets::default();
        if let Some(credentials) = credentials {
            let username = credentials.username();
            let password = credentials.password().unwrap_or_default();
            // RFC 7617, section 2: the colon stands there even without a password. Bytes, not text:
            // a login need not be UTF-8.
            let basic = STANDARD.encode([username, b":", password].concat());
            request.extend(b"Proxy-Authorization: Basic ");
            request.extend(basic.as_bytes());
            request.extend(b"\r\n");
            secrets = Secrets::of_login(username, password);
        }
        Self {
            request,
            has_credentials: credentials.is_some(),
            secrets,
            seen: 0,
            refusal: None,
        }
    }

    /// The same request with these headers, which are for the proxy.
    #[must_use]
    pub fn with_headers(mut self, headers: &ProxyHeaders) -> Self {
        for (name, value) in headers.iter() {
            self.request
                .extend(format!("{name}: {value}\r\n").as_bytes());
        }
        for secret in headers.secrets() {
            self.conceal(&Secrets::of_text(secret.as_bytes()));
        }
        self.has_credentials |= headers.has_login();
        self
    }

    fn read_head(&mut self, input: &[u8]) -> Result<Step, HandshakeError> {
        check_magic(input)?;
        // httparse keeps nothing between calls, so a head that arrives in pieces is parsed from its
        // beginning each time. It is short, and rarely in pieces.
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = httparse::ParserConfig::default()
            // RFC 9112, section 5.2: a folded line is obsolete, but a user agent has to take it.
            .allow_obsolete_multiline_headers_in_responses(true)
            .parse_response(&mut response, input)
            .map_err(malformed)?;
        let head = match parsed {
            httparse::Status::Complete(head) => head,
            httparse::Status::Partial => input.len(),
        };
        // Counted over all heads: a proxy could send 100 Continue for ever.
        if self.seen + head > MAX_HEAD {
            return Err(HandshakeError::TooLong { limit: MAX_HEAD });
        }
        if parsed.is_partial() {
            return Ok(Step::Read);
        }
        self.seen += head;
        match response.code.unwrap_or_default() {
            // RFC 9110, section 9.3.6: any 2xx is the tunnel, which begins right behind the head.
            // Content-Length and Transfer-Encoding mean nothing here.
            200..=299 => return Ok(Step::Done { consumed: head }),
            // RFC 9110, section 15.2: a client must take one or more of these before the final
            // response.
            100..=199 => {}
            ..100 => return Err(malformed(httparse::Error::Status)),
            status => self.refusal = Some(self.refused(status, &response)),
        }
        // The head is done with, and nothing is to be sent. What follows is looked at next: another
        // head, or the body of the refusal.
        Ok(Step::Write {
            consumed: head,
            output: Vec::new(),
        })
    }

    fn refused(&self, status: u16, response: &httparse::Response<'_, '_>) -> Refusal {
        let header = |name: &'static str| {
            response
                .headers
                .iter()
                .filter(move |header| header.name.eq_ignore_ascii_case(name))
                .filter_map(|header| std::str::from_utf8(header.value).ok())
        };
        // RFC 9112, section 6.3: where both are there, Transfer-Encoding counts. A chunked body is
        // quoted as it arrives; its size line in front does no harm to a reader.
        let is_encoded = header("transfer-encoding").next().is_some();
        let length = header("content-length").find_map(|length| length.parse().ok());
        Refusal {
            status,
            reason: self
                .secrets
                .quote(response.reason.unwrap_or_default().as_bytes()),
            // `Proxy-Authenticate: Basic realm="x"`, one line per scheme (RFC 9110, section
            // 11.7.1). Only the scheme is kept.
            accepts: header("proxy-authenticate")
                .filter_map(|value| value.split_ascii_whitespace().next())
                .map(|scheme| self.secrets.quote(scheme.as_bytes()).to_string())
                .collect(),
            body_length: length.filter(|_| !is_encoded),
        }
    }

    fn error(&self, refusal: Refusal, body: &[u8]) -> HandshakeError {
        // Whatever stands behind the body is another message, and no part of the refusal.
        let length = refusal.body_length;
        let body = length.and_then(|length| body.get(..length)).unwrap_or(body);
        let body = self.secrets.quote(body);
        let reply = HttpReply::new(refusal.status, refusal.reason, body).into();
        // 401 is what tinyproxy answers to a wrong password.
        if matches!(refusal.status, 401 | 407) {
            HandshakeError::Authentication {
                configured: self.has_credentials,
                accepts: refusal.accepts,
                reply,
            }
        } else {
            HandshakeError::Rejected { reply }
        }
    }
}

impl Refusal {
    /// Whether `body` holds all of the body that will be shown.
    fn is_complete(&self, body: &[u8]) -> bool {
        body.len() >= self.body_length.unwrap_or(Excerpt::MAX).min(Excerpt::MAX)
    }
}

/// Does not show the request, which may hold credentials.
impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("has_credentials", &self.has_credentials)
            .finish_non_exhaustive()
    }
}

fn check_magic(input: &[u8]) -> Result<(), HandshakeError> {
    // Looked at before httparse does: for it, a page or a reply of SOCKS is a malformed status
    // line, but the first byte can tell the user which scheme is right.
    let len = input.len().min(MAGIC.len());
    match input.first() {
        Some(first) if input.get(..len) != MAGIC.get(..len) => Err(HandshakeError::WrongProtocol {
            expected: "an http proxy",
            hint: hint(*first),
        }),
        _ => Ok(()),
    }
}

fn malformed(error: httparse::Error) -> HandshakeError {
    HandshakeError::Malformed(match error {
        httparse::Error::Status => "its status line is invalid",
        httparse::Error::Version => "its http version is unknown",
        httparse::Error::TooManyHeaders => "it has too many headers",
        _ => "its headers are invalid",
    })
}

impl Handshake for Connect {
    fn conceal(&mut self, secrets: &Secrets) {
        self.secrets = self.secrets.and(secrets);
    }

    fn opening(&mut self) -> Vec<u8> {
        // Not kept: it is sent once, and may hold a login.
        let mut request = std::mem::take(&mut self.request);
        request.extend(b"\r\n");
        request
    }

    fn advance(&mut self, input: &[u8]) -> Result<Step, HandshakeError> {
        // While a refusal is known, `input` is its body, the head being consumed.
        match self.refusal.take_if(|refusal| refusal.is_complete(input)) {
            Some(refusal) => Err(self.error(refusal, input)),
            None if self.refusal.is_some() => Ok(Step::Read),
            None => self.read_head(input),
        }
    }

    fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }

    fn finish(&mut self, input: &[u8]) -> HandshakeError {
        match self.refusal.take() {
            Some(refusal) => self.error(refusal, input),
            None => HandshakeError::Closed {
                stage: Stage::Opening {
                    has_login: self.has_credentials,
                },
                received: self.seen + input.len(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use transport::{Reply, Target};

    fn codec() -> Connect {
        let target = Target::parse("h.example", 443).unwrap();
        Connect::new(target.endpoint(), None)
    }

    /// Feeds all of `input` at once, then the end of it.
    fn run(input: &[u8]) -> Result<usize, HandshakeError> {
        let mut codec = codec();
        let mut total = 0;
        loop {
            match codec.advance(&input[total..])? {
                Step::Read => return Err(codec.finish(&input[total..])),
                Step::Write { consumed, .. } => total += consumed,
                Step::Done { consumed } => return Ok(total + consumed),
            }
        }
    }

    fn reply(input: &[u8]) -> Reply {
        run(input).unwrap_err().reply().unwrap().clone()
    }

    #[test]
    fn host_carries_the_port_even_if_it_is_the_default() {
        assert_eq!(
            codec().opening(),
            b"CONNECT h.example:443 HTTP/1.1\r\nHost: h.example:443\r\n\r\n"
        );
    }

    #[test]
    fn an_ipv6_target_has_brackets_in_both_places() {
        let target = Target::parse("::1", 443).unwrap();
        assert_eq!(
            Connect::new(target.endpoint(), None).opening(),
            b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"
        );
    }

    #[test]
    fn credentials_are_bytes_and_a_missing_password_is_empty() {
        let target = Target::parse("h", 1).unwrap();
        let request = |credentials: Credentials| {
            let request = Connect::new(target.endpoint(), Some(&credentials)).opening();
            String::from_utf8(request).unwrap()
        };
        let binary = Credentials::new("al\u{ef}ce", Some(vec![0xFF, b':', b'@']));
        assert!(request(binary).contains("Proxy-Authorization: Basic YWzDr2NlOv86QA==\r\n"));
        let bare = Credentials::new("alice", None::<&str>);
        assert!(request(bare).contains("Basic YWxpY2U6\r\n"));
    }

    #[test]
    fn any_2xx_opens_the_tunnel_and_its_length_headers_are_ignored() {
        for head in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.0 200 Connection established\r\n\r\n",
            "HTTP/1.1 204\r\n\r\n",
            "HTTP/1.1 201 Created\nX: y\n\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: folded\r\n  line\r\n\r\n",
        ] {
            let input = format!("{head}tunnel");
            assert_eq!(run(input.as_bytes()), Ok(head.len()), "{head}");
        }
    }

    #[test]
    fn interim_replies_are_skipped() {
        let head = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(run(head.as_bytes()), Ok(head.len()));
    }

    #[test]
    fn a_refusal_carries_status_reason_and_the_beginning_of_the_body() {
        let input = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>";
        assert_eq!(
            reply(input).to_string(),
            "status 502 Bad Gateway, body \"<html>\""
        );
    }

    #[test]
    fn a_refusal_waits_for_its_body_but_not_for_ever() {
        let mut codec = codec();
        let head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 600\r\n\r\n";
        assert!(matches!(codec.advance(head), Ok(Step::Write { .. })));
        assert!(codec.is_refused());
        assert_eq!(codec.advance(b"only this"), Ok(Step::Read));
        let error = codec.finish(b"only this");
        assert_eq!(
            error.reply().unwrap().to_string(),
            "status 403 Forbidden, body \"only this\""
        );
    }

    #[test]
    fn a_body_ends_where_its_length_says_or_with_the_connection() {
        let input = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nnoHTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(
            reply(input).to_string(),
            "status 403 Forbidden, body \"no\""
        );
        let mut codec = codec();
        let head = b"HTTP/1.0 403 Forbidden\r\n\r\n";
        assert!(matches!(codec.advance(head), Ok(Step::Write { .. })));
        assert_eq!(codec.advance(b""), Ok(Step::Read));
        assert_eq!(codec.advance(b"not yet all"), Ok(Step::Read));
        let body = [b'x'; Excerpt::MAX];
        assert!(codec.advance(&body).is_err());
    }

    #[test]
    fn a_proxy_that_repeats_credentials_is_not_quoted() {
        let target = Target::parse("h", 1).unwrap();
        let alice = Credentials::new("alice", Some("s3cret"));
        for (said, shown) in [
            (
                "403 No\r\n\r\nnot you, alice",
                "status 403 No, body \"***\"",
            ),
            (
                "403 No\r\n\r\nnot with s3cret",
                "status 403 No, body \"***\"",
            ),
            (
                "403 No\r\n\r\nBasic YWxpY2U6czNjcmV0",
                "status 403 No, body \"***\"",
            ),
            (
                "403 YWxpY2U6czNjcmV0\r\n\r\nno",
                "status 403 ***, body \"no\"",
            ),
        ] {
            let mut codec = Connect::new(target.endpoint(), Some(&alice));
            let reply = format!("HTTP/1.1 {said}");
            let Ok(Step::Write { consumed, .. }) = codec.advance(reply.as_bytes()) else {
                panic!("{said}");
            };
            let error = codec.finish(&reply.as_bytes()[consumed..]);
            assert_eq!(error.reply().unwrap().to_string(), shown);
        }
        let mut codec = Connect::new(target.endpoint(), Some(&alice));
        let reply = b"HTTP/1.1 407 No\r\nProxy-Authenticate: YWxpY2U6czNjcmV0\r\n\r\n";
        codec.advance(reply).unwrap();
        assert!(codec.finish(b"").to_string().ends_with("it asks for ***"));
    }

    #[test]
    fn a_proxy_is_not_quoted_with_the_login_of_another_hop() {
        let target = Target::parse("h", 1).unwrap();
        let mut codec = Connect::new(target.endpoint(), None);
        codec.conceal(&Secrets::of_login(b"alice", b"s3cret"));
        let reply = b"HTTP/1.1 407 You, Alice\r\nProxy-Authenticate: %73%33cret\r\n\r\n&#97;lice";
        let Ok(Step::Write { consumed, .. }) = codec.advance(reply) else {
            panic!("it is a refusal");
        };
        let error = codec.finish(&reply[consumed..]);
        assert_eq!(
            format!("{error}: {}", error.reply().unwrap()),
            "the proxy wants credentials and none are configured; it asks for ***: \
             status 407 ***, body \"***\""
        );
    }

    #[test]
    fn no_debug_form_shows_a_request() {
        let target = Target::parse("h", 1).unwrap();
        let alice = Credentials::new("alice", Some("s3cret"));
        let mut codec = Connect::new(target.endpoint(), Some(&alice));
        assert_eq!(
            format!("{codec:?}"),
            "Connect { has_credentials: true, .. }"
        );
        let step = Step::Write {
            consumed: 2,
            output: codec.opening(),
        };
        let shown = "Write { consumed: 2, output: 80 bytes }";
        assert_eq!(format!("{step:?}"), shown);
    }

    #[test]
    fn no_length_of_the_body_is_beyond_the_parser() {
        for length in [
            "18446744073709551615",
            "99999999999999999999",
            "-1",
            "",
            "1, 1",
        ] {
            let input = format!("HTTP/1.1 502 Bad\r\nContent-Length: {length}\r\n\r\nbody");
            assert_eq!(
                reply(input.as_bytes()).to_string(),
                "status 502 Bad, body \"body\"",
                "{length}"
            );
        }
    }

    #[test]
    fn a_demand_for_credentials_names_the_schemes() {
        let input = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Digest realm=\"x\"\r\nproxy-authenticate: Basic\r\n\r\n";
        assert_eq!(
            run(input).unwrap_err().to_string(),
            "the proxy wants credentials and none are configured; it asks for Digest, Basic"
        );
        let old = run(b"HTTP/1.0 407 No\r\n\r\n").unwrap_err();
        assert_eq!(old.kind(), transport::DialErrorKind::Authentication);
    }

    #[test]
    fn what_is_no_http_is_the_wrong_protocol() {
        for input in [
            &b"<html>"[..],
            b"\x05\xff",
            b"\x15\x03\x01",
            b"NOT-HTTP 503",
            b"SSH-2.0-x",
        ] {
            let error = run(input).unwrap_err();
            assert!(
                matches!(error, HandshakeError::WrongProtocol { .. }),
                "{input:?}"
            );
        }
    }

    #[test]
    fn a_malformed_head_is_a_protocol_error() {
        for input in [
            &b"HTTP/1.1 2000 OK\r\n\r\n"[..],
            b"HTTP/1.1 0503\r\n\r\n",
            b"HTTP/1.1 099 Low\r\n\r\n",
            b"HTTP/2 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX\x01: a\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: \x1b[31m\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        ] {
            assert_eq!(
                run(input).unwrap_err().kind(),
                transport::DialErrorKind::Protocol
            );
        }
    }

    #[test]
    fn a_head_without_end_fails_at_the_limit() {
        let input = [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; MAX_HEAD]].concat();
        assert_eq!(
            run(&input),
            Err(HandshakeError::TooLong { limit: MAX_HEAD })
        );
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
        assert_eq!(
            run(&interim),
            Err(HandshakeError::TooLong { limit: MAX_HEAD })
        );
    }

    #[test]
    fn an_early_close_says_how_much_had_arrived() {
        let stage = Stage::Opening { has_login: false };
        for (input, received) in [(&b""[..], 0), (b"HTTP/1.1 2", 10)] {
            assert_eq!(run(input), Err(HandshakeError::Closed { stage, received }));
        }
    }
}
