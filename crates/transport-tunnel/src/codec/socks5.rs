//! SOCKS5 (RFC 1928) with user name and password (RFC 1929).

use proxy_config::Credentials;
use transport::{Endpoint, Host, Reply};

use super::{Handshake, HandshakeError, Stage, Step, hint};

const VERSION: u8 = 5;
const CONNECT: u8 = 1;
const NO_AUTH: u8 = 0;
const USER_PASS: u8 = 2;
const NO_ACCEPTABLE_METHOD: u8 = 0xFF;
const AUTH_VERSION: u8 = 1;
const ATYP_IPV4: u8 = 1;
const ATYP_NAME: u8 = 3;
const ATYP_IPV6: u8 = 4;
const SUCCEEDED: u8 = 0;

//     state    input                    output    next
//     Method   05 00                    request   Reply
//     Method   05 02                    login     Auth
//     Method   05 FF                    -         error: authentication
//     Auth     any 00                   request   Reply
//     Auth     any status               -         error: authentication
//     Reply    05 00 ..., complete      -         done
//     Reply    05 code                  -         error: rejected
//     any      the end of the stream    -         error: closed; in Auth, it is authentication
//
// Pipelined, the way through the states is the same; the outputs are empty, because login and
// request have left with the opening.
/// The client's side of one SOCKS5 `CONNECT`.
#[derive(Debug, Clone)]
pub struct Socks5 {
    credentials: Option<Credentials>,
    request: Vec<u8>,
    is_pipelined: bool,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Awaiting the method selection (RFC 1928, section 3).
    Method,
    /// Awaiting the status of the credentials (RFC 1929, section 2).
    Auth,
    /// Awaiting the reply to the request (RFC 1928, section 6).
    Reply { has_login: bool },
}

impl Socks5 {
    /// A request for `target`. Credentials are offered beside "no authentication", or alone if the
    /// handshake is [pipelined](Handshake::pipelined_opening): only one method can be chosen then.
    ///
    /// # Errors
    /// [`HandshakeError::Unsupported`] if the target's name is longer than 255 bytes.
    pub fn new(
        target: &Endpoint,
        credentials: Option<&Credentials>,
    ) -> Result<Self, HandshakeError> {
        // RFC 1928, section 4:
        //
        //     +-----+-----+-----+------+----------+----------+
        //     | VER | CMD | RSV | ATYP | DST.ADDR | DST.PORT |
        //     +-----+-----+-----+------+----------+----------+
        //     | 05  | 01  | 00  |  1   | 4, 16 or |    2     |
        //     |     |     |     |      | 1 + name |          |
        //     +-----+-----+-----+------+----------+----------+
        //
        // An address goes as an address, never as a name: `[::1]` cannot be looked up.
        let mut request = vec![VERSION, CONNECT, 0];
        match target.host() {
            Host::Ipv4(ip) => {
                request.push(ATYP_IPV4);
                request.extend(ip.octets());
            }
            Host::Ipv6(ip) => {
                request.push(ATYP_IPV6);
                request.extend(ip.octets());
            }
            Host::Domain(name) => {
                let len = u8::try_from(name.len()).map_err(|_| {
                    HandshakeError::Unsupported("socks5 carries names of at most 255 bytes")
                })?;
                request.extend([ATYP_NAME, len]);
                request.extend(name.as_bytes());
            }
        }
        request.extend(target.port().to_be_bytes());
        Ok(Self {
            credentials: credentials.cloned(),
            request,
            is_pipelined: false,
            state: State::Method,
        })
    }

    fn offered(&self) -> &'static [u8] {
        // Methods in the greeting. A proxy that knows the client by its address wants no login even
        // where one is configured, so both are offered; it chooses. Pipelined, the bytes of the
        // login follow at once, and a proxy that chose "none" would read them as the request.
        match self.credentials {
            Some(_) if self.is_pipelined => &[USER_PASS],
            Some(_) => &[NO_AUTH, USER_PASS],
            None => &[NO_AUTH],
        }
    }

    fn select_method(&mut self, method: u8) -> Result<Vec<u8>, HandshakeError> {
        // RFC 1928, section 3:
        //
        //     +-----+--------+
        //     | VER | METHOD |
        //     +-----+--------+
        //     | 05  |   1    |   FF: none of those offered
        //     +-----+--------+
        match (method, &self.credentials) {
            (NO_ACCEPTABLE_METHOD, _) => Err(HandshakeError::Authentication {
                configured: self.credentials.is_some(),
                accepts: Vec::new(),
                reply: Reply::Socks5NoMethod {
                    offered: self.offered().to_vec(),
                },
            }),
            _ if !self.offered().contains(&method) => Err(HandshakeError::Malformed(
                "it selects an authentication method that was not offered",
            )),
            (USER_PASS, Some(credentials)) => {
                let output = match self.is_pipelined {
                    true => Vec::new(),
                    false => auth_request(credentials)?,
                };
                self.state = State::Auth;
                Ok(output)
            }
            _ => Ok(self.send_request(false)),
        }
    }

    fn send_request(&mut self, has_login: bool) -> Vec<u8> {
        self.state = State::Reply { has_login };
        std::mem::take(&mut self.request)
    }
}

/// RFC 1929, section 2. The lengths were checked when the credentials were configured.
fn auth_request(credentials: &Credentials) -> Result<Vec<u8>, HandshakeError> {
    //     +-----+------+----------+------+----------+
    //     | VER | ULEN |  UNAME   | PLEN |  PASSWD  |
    //     +-----+------+----------+------+----------+
    //     | 01  |  1   | 1 to 255 |  1   | 1 to 255 |
    //     +-----+------+----------+------+----------+
    //
    // VER is the version of this negotiation. An empty password goes with PLEN 0, although the RFC
    // begins at 1: there are proxies whose user name is all they need.
    let mut request = vec![AUTH_VERSION];
    for field in [
        credentials.username(),
        credentials.password().unwrap_or_default(),
    ] {
        request.push(u8::try_from(field.len()).map_err(|_| {
            HandshakeError::Unsupported(
                "socks5 carries user names and passwords of at most 255 bytes",
            )
        })?);
        request.extend(field);
    }
    Ok(request)
}

/// The length of a complete successful reply, or `None` while that is not known yet.
fn reply_len(input: &[u8]) -> Result<Option<usize>, HandshakeError> {
    // RFC 1928, section 6:
    //
    //     +-----+-----+-----+------+----------+----------+
    //     | VER | REP | RSV | ATYP | BND.ADDR | BND.PORT |
    //     +-----+-----+-----+------+----------+----------+
    //     | 05  | 00  | 00  |  1   | variable |    2     |
    //     +-----+-----+-----+------+----------+----------+
    //
    // The address itself is of no use to CONNECT, but its length is: the target's bytes follow. RSV
    // is not looked at. A name may be empty, so the shortest reply has 7 bytes (curl/curl#3165).
    const HEAD: usize = 4;
    const PORT: usize = 2;
    let address = match *input {
        [_, _, _, ATYP_IPV4, ..] => 4,
        [_, _, _, ATYP_IPV6, ..] => 16,
        [_, _, _, ATYP_NAME, len, ..] => 1 + usize::from(len),
        [_, _, _, ATYP_NAME] | [] | [_] | [_, _] | [_, _, _] => return Ok(None),
        [_, _, _, _, ..] => {
            return Err(HandshakeError::Malformed(
                "its bound address is of an unknown type",
            ));
        }
    };
    Ok(Some(HEAD + address + PORT))
}

impl Handshake for Socks5 {
    /// RFC 1928, section 3.
    fn opening(&mut self) -> Vec<u8> {
        //     +-----+----------+----------+
        //     | VER | NMETHODS | METHODS  |
        //     +-----+----------+----------+
        //     | 05  |    1     | 1 to 255 |
        //     +-----+----------+----------+
        let methods = self.offered();
        let mut opening = vec![VERSION, u8::try_from(methods.len()).unwrap_or_default()];
        opening.extend(methods);
        opening
    }

    /// The login (RFC 1929, section 2), where there is one, and the request (RFC 1928, section 4)
    /// follow.
    fn pipelined_opening(&mut self) -> Option<Vec<u8>> {
        let login = match self.credentials.as_ref().map(auth_request) {
            Some(Ok(login)) => login,
            // It shall fail only if the proxy asks for it, as it does in the standard way.
            Some(Err(_)) => return None,
            None => Vec::new(),
        };
        self.is_pipelined = true;
        Some([self.opening(), login, std::mem::take(&mut self.request)].concat())
    }

    fn advance(&mut self, input: &[u8]) -> Result<Step, HandshakeError> {
        match (self.state, input) {
            (State::Method, [first, ..]) if *first != VERSION => {
                Err(HandshakeError::WrongProtocol {
                    expected: "a socks5 proxy",
                    hint: hint(*first),
                })
            }
            (State::Method, [_, method, ..]) => Ok(Step::Write {
                consumed: 2,
                output: self.select_method(*method)?,
            }),
            // RFC 1929, section 2: VER (01), STATUS. Deployed servers put 5 or 0 into the version
            // (tinyproxy/tinyproxy#174), so only the status counts.
            (State::Auth, [_, SUCCEEDED, ..]) => Ok(Step::Write {
                consumed: 2,
                output: self.send_request(true),
            }),
            (State::Auth, [_, status, ..]) => Err(HandshakeError::Authentication {
                configured: true,
                accepts: Vec::new(),
                reply: Reply::Socks5Auth(*status),
            }),
            (State::Reply { .. }, [first, ..]) if *first != VERSION => {
                Err(HandshakeError::Malformed("its version is not 5"))
            }
            // A refusal counts from its second byte on: some servers send no address behind it
            // (romis2012/python-socks#46). Any code may come, also those that RFC 1928 leaves
            // unassigned.
            (State::Reply { .. }, [_, code, ..]) if *code != SUCCEEDED => {
                Err(HandshakeError::Rejected {
                    reply: Reply::Socks5(*code),
                })
            }
            (State::Reply { .. }, _) => Ok(match reply_len(input)? {
                Some(len) if input.len() >= len => Step::Done { consumed: len },
                _ => Step::Read,
            }),
            _ => Ok(Step::Read),
        }
    }

    fn finish(&mut self, input: &[u8]) -> HandshakeError {
        HandshakeError::Closed {
            stage: match self.state {
                State::Method => Stage::Opening { has_login: false },
                State::Auth => Stage::Login,
                State::Reply { has_login } => Stage::Request { has_login },
            },
            received: input.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use transport::Target;

    fn target(host: &str) -> Endpoint {
        Target::parse(host, 443).unwrap().endpoint().clone()
    }

    fn anonymous(host: &str) -> Socks5 {
        Socks5::new(&target(host), None).unwrap()
    }

    fn alice() -> Credentials {
        Credentials::new("alice", Some("secret"))
    }

    fn write(consumed: usize, output: &[u8]) -> Result<Step, HandshakeError> {
        Ok(Step::Write {
            consumed,
            output: output.to_vec(),
        })
    }

    #[test]
    fn without_credentials_only_no_authentication_is_offered() {
        let mut codec = anonymous("h.example");
        assert_eq!(codec.opening(), [5, 1, 0]);
        assert_eq!(
            codec.advance(&[5, 0]),
            write(2, b"\x05\x01\x00\x03\x09h.example\x01\xbb")
        );
    }

    #[test]
    fn credentials_are_sent_only_when_the_proxy_selects_them() {
        let mut codec = Socks5::new(&target("192.0.2.1"), Some(&alice())).unwrap();
        assert_eq!(codec.opening(), [5, 2, 0, 2]);
        assert_eq!(codec.advance(&[5, 2]), write(2, b"\x01\x05alice\x06secret"));
        assert_eq!(
            codec.advance(&[1, 0]),
            write(2, b"\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb")
        );
    }

    #[test]
    fn a_proxy_that_selects_no_authentication_gets_no_credentials() {
        let mut codec = Socks5::new(&target("::1"), Some(&alice())).unwrap();
        codec.opening();
        let mut request = vec![5, 1, 0, 4];
        request.extend([0; 15]);
        request.extend([1, 1, 0xbb]);
        assert_eq!(codec.advance(&[5, 0]), write(2, &request));
    }

    #[test]
    fn all_messages_can_leave_at_once_and_nothing_is_left_to_send() {
        let mut codec = anonymous("h.example");
        assert_eq!(
            codec.pipelined_opening().unwrap(),
            b"\x05\x01\x00\x05\x01\x00\x03\x09h.example\x01\xbb"
        );
        assert_eq!(codec.advance(&[5, 0]), write(2, b""));
        let granted = b"\x05\0\0\x01\0\0\0\0\0\0ServerHello";
        assert_eq!(codec.advance(granted), Ok(Step::Done { consumed: 10 }));
    }

    #[test]
    fn a_login_that_leaves_at_once_is_the_only_method_offered() {
        let mut codec = Socks5::new(&target("192.0.2.1"), Some(&alice())).unwrap();
        assert_eq!(
            codec.pipelined_opening().unwrap(),
            b"\x05\x01\x02\x01\x05alice\x06secret\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb"
        );
        let other = codec.clone().advance(&[5, 0]).unwrap_err();
        assert_eq!(other.kind(), transport::DialErrorKind::Protocol);
        let none = codec.clone().advance(&[5, 0xFF]).unwrap_err();
        let offered = vec![2];
        assert_eq!(none.reply(), Some(&Reply::Socks5NoMethod { offered }));
        assert_eq!(codec.advance(&[5, 2]), write(2, b""));
        assert_eq!(codec.advance(&[1, 0]), write(2, b""));
        let granted = b"\x05\0\0\x01\0\0\0\0\0\0";
        assert_eq!(codec.advance(granted), Ok(Step::Done { consumed: 10 }));
    }

    #[test]
    fn a_login_too_long_to_send_is_not_sent_ahead() {
        let long = Credentials::new("x".repeat(256), Some("secret"));
        let mut codec = Socks5::new(&target("h"), Some(&long)).unwrap();
        assert_eq!(codec.pipelined_opening(), None);
        assert_eq!(codec.opening(), [5, 2, 0, 2]);
    }

    #[test]
    fn user_password_and_name_may_be_255_bytes_each() {
        let long = "x".repeat(255);
        let credentials = Credentials::new(long.as_str(), Some(long.as_str()));
        let name = [long.get(..63).unwrap(); 4].join(".");
        let mut codec = Socks5::new(&target(&name), Some(&credentials)).unwrap();
        let Ok(Step::Write { output, .. }) = codec.advance(&[5, 2]) else {
            panic!("no credentials");
        };
        assert_eq!(output.len(), 3 + 255 + 255);
        let Ok(Step::Write { output, .. }) = codec.advance(&[1, 0]) else {
            panic!("no request");
        };
        assert_eq!(output.len(), 5 + 255 + 2);
    }

    #[test]
    fn a_method_that_was_not_offered_is_malformed_and_none_is_authentication() {
        for method in [1, 2, 3, 0x80] {
            let error = anonymous("h").advance(&[5, method]).unwrap_err();
            assert!(matches!(error, HandshakeError::Malformed(_)), "{method}");
        }
        let error = anonymous("h").advance(&[5, 0xFF]).unwrap_err();
        assert_eq!(error.kind(), transport::DialErrorKind::Authentication);
    }

    #[test]
    fn every_reply_code_but_zero_is_reported_from_its_second_byte_on() {
        for code in 1..=255 {
            let mut codec = anonymous("h");
            codec.advance(&[5, 0]).unwrap();
            let error = codec.advance(&[5, code]).unwrap_err();
            assert_eq!(error.reply(), Some(&Reply::Socks5(code)));
        }
    }

    #[test]
    fn every_type_of_bound_address_is_consumed_exactly() {
        let bound: [&[u8]; 4] = [
            &[1, 0, 0, 0, 0],
            &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[3, 3, b'a', b'b', b'c'],
            &[3, 0],
        ];
        for address in bound {
            let mut codec = anonymous("h");
            codec.advance(&[5, 0]).unwrap();
            let reply = [&[5, 0, 0x7F], address, &[0, 80], b"tunnel"].concat();
            let len = reply.len() - b"tunnel".len();
            for split in 0..len {
                assert_eq!(codec.advance(&reply[..split]), Ok(Step::Read), "{split}");
            }
            assert_eq!(codec.advance(&reply), Ok(Step::Done { consumed: len }));
        }
    }

    #[test]
    fn a_reply_of_another_version_after_the_negotiation_is_malformed() {
        let mut codec = anonymous("h");
        codec.advance(&[5, 0]).unwrap();
        let error = codec.advance(&[4, 0]).unwrap_err();
        assert_eq!(error.kind(), transport::DialErrorKind::Protocol);
    }

    #[test]
    fn the_status_of_the_credentials_counts_whatever_its_version_says() {
        let login = |reply: [u8; 2]| {
            let mut codec = Socks5::new(&target("h"), Some(&alice())).unwrap();
            codec.advance(&[5, 2]).unwrap();
            codec.advance(&reply)
        };
        for version in [0, 1, 5, 0xFF] {
            assert!(login([version, 0]).is_ok());
            let error = login([version, 7]).unwrap_err();
            assert_eq!(error.reply(), Some(&Reply::Socks5Auth(7)));
        }
    }

    #[test]
    fn a_close_says_what_had_been_agreed() {
        let closed = |credentials: Option<&Credentials>, replies: &[[u8; 2]]| {
            let mut codec = Socks5::new(&target("h"), credentials).unwrap();
            for reply in replies {
                codec.advance(reply).unwrap();
            }
            codec.finish(b"")
        };
        let alice = Some(&alice());
        for (error, stage) in [
            (closed(alice, &[]), Stage::Opening { has_login: false }),
            (closed(alice, &[[5, 2]]), Stage::Login),
            (
                closed(alice, &[[5, 2], [1, 0]]),
                Stage::Request { has_login: true },
            ),
            (
                closed(alice, &[[5, 0]]),
                Stage::Request { has_login: false },
            ),
        ] {
            let is_login = stage == Stage::Login;
            assert_eq!(error, HandshakeError::Closed { stage, received: 0 });
            assert_eq!(
                error.kind() == transport::DialErrorKind::Authentication,
                is_login
            );
        }
    }

    #[test]
    fn a_bound_address_of_an_unknown_type_is_malformed() {
        let mut codec = anonymous("h");
        codec.advance(&[5, 0]).unwrap();
        let error = codec.advance(&[5, 0, 0, 2]).unwrap_err();
        assert_eq!(error.kind(), transport::DialErrorKind::Protocol);
    }

    #[test]
    fn an_http_answer_is_the_wrong_protocol() {
        let error = anonymous("h").advance(b"HTTP/1.1 400").unwrap_err();
        assert_eq!(
            error.to_string(),
            "not a socks5 proxy: it answers in http; is the scheme http?"
        );
    }
}
