//! SOCKS4 and SOCKS4a.
//!
//! There is no RFC: "SOCKS: A protocol for TCP proxy across firewalls" (Ying-Da Lee) defines
//! version 4, "SOCKS 4A: A Simple Extension to SOCKS 4 Protocol" adds names.

use std::fmt;
use std::net::Ipv4Addr;

use proxy_config::Credentials;
use transport::Reply;

use super::{Handshake, HandshakeError, Stage, Step, hint};

const VERSION: u8 = 4;
const CONNECT: u8 = 1;
// The reply's VN is the version of the reply code, which is 0, not that of the protocol.
const REPLY_VERSION: u8 = 0;
// Beside it: 0x5B rejected or failed, 0x5C the server cannot reach the client's identd, 0x5D identd
// names another user than USERID.
const GRANTED: u8 = 0x5A;
const REPLY_LEN: usize = 8;
// The documents set no limit for the fields that a NUL ends. This is the limit of SOCKS5, and no
// name of DNS is longer.
const MAX_FIELD: usize = 255;

/// What a SOCKS4 request can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Socks4Address {
    /// An IPv4 address.
    Ip(Ipv4Addr),
    /// A name, to be resolved by the proxy (SOCKS4a).
    Name(String),
}

/// The client's side of one SOCKS4 or SOCKS4a `CONNECT`.
#[derive(Clone)]
pub struct Socks4 {
    request: Vec<u8>,
    has_user_id: bool,
}

impl Socks4 {
    /// A request for `address` and `port`; the user name is sent as USERID.
    ///
    /// # Errors
    /// [`HandshakeError::Unsupported`] if the name is empty, or the name or the user name is longer
    /// than 255 bytes or holds a NUL, which would end it.
    pub fn new(
        address: &Socks4Address,
        port: u16,
        credentials: Option<&Credentials>,
    ) -> Result<Self, HandshakeError> {
        // SOCKS4:
        //
        //     +----+----+---------+-------+--------+-----+
        //     | VN | CD | DSTPORT | DSTIP | USERID | NUL |
        //     +----+----+---------+-------+--------+-----+
        //     | 04 | 01 |    2    |   4   |  0..   | 00  |
        //     +----+----+---------+-------+--------+-----+
        //
        // SOCKS4A, where DSTIP is 0.0.0.x with x other than 0, an address that nobody has:
        //
        //     ... | 00 00 00 01 | USERID | 00 | name | 00 |
        //
        // One NUL ends USERID and one the name. With another between them, the name is empty for
        // the server and the rest of the request goes to the target (hyperium/hyper-util#307).
        let mut request = vec![VERSION, CONNECT];
        request.extend(port.to_be_bytes());
        request.extend(match address {
            Socks4Address::Ip(ip) => ip.octets(),
            Socks4Address::Name(_) => [0, 0, 0, 1],
        });
        let user_id = credentials.map_or(&[][..], Credentials::username);
        if !is_field(user_id) {
            return Err(HandshakeError::Unsupported(
                "socks4 carries user names of at most 255 bytes",
            ));
        }
        request.extend(user_id);
        request.push(0);
        if let Socks4Address::Name(name) = address {
            if name.is_empty() || !is_field(name.as_bytes()) {
                return Err(HandshakeError::Unsupported(
                    "socks4a carries names of 1 to 255 bytes",
                ));
            }
            request.extend(name.as_bytes());
            request.push(0);
        }
        Ok(Self {
            request,
            has_user_id: credentials.is_some(),
        })
    }
}

/// Whether `bytes` can stand before the NUL that ends a field.
fn is_field(bytes: &[u8]) -> bool {
    bytes.len() <= MAX_FIELD && !bytes.contains(&0)
}

/// Does not show the request, which holds the user name.
impl fmt::Debug for Socks4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socks4").finish_non_exhaustive()
    }
}

impl Handshake for Socks4 {
    fn opening(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.request)
    }

    fn advance(&mut self, input: &[u8]) -> Result<Step, HandshakeError> {
        //     +----+----+---------+-------+
        //     | VN | CD | DSTPORT | DSTIP |
        //     +----+----+---------+-------+
        //     | 00 | CD |    2    |   4   |   port and address are to be ignored
        //     +----+----+---------+-------+
        //
        // A refusal is known from its second byte on, whether more follows or not. A grant is
        // consumed whole: what is behind its eight bytes is the target's.
        match *input {
            [] | [REPLY_VERSION] => Ok(Step::Read),
            [REPLY_VERSION, GRANTED, ..] if input.len() < REPLY_LEN => Ok(Step::Read),
            [REPLY_VERSION, GRANTED, ..] => Ok(Step::Done {
                consumed: REPLY_LEN,
            }),
            // Both are about who the client is.
            [REPLY_VERSION, code @ (0x5C | 0x5D), ..] => Err(HandshakeError::Authentication {
                configured: self.has_user_id,
                accepts: Vec::new(),
                reply: Reply::Socks4(code),
            }),
            [REPLY_VERSION, code, ..] => Err(HandshakeError::Rejected {
                reply: Reply::Socks4(code),
            }),
            [VERSION, ..] => Err(HandshakeError::Malformed("its version is not 0")),
            [first, ..] => Err(HandshakeError::WrongProtocol {
                expected: "a socks4 proxy",
                hint: hint(first),
            }),
        }
    }

    fn finish(&mut self, input: &[u8]) -> HandshakeError {
        HandshakeError::Closed {
            stage: Stage::Opening {
                has_login: self.has_user_id,
            },
            received: input.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip() -> Socks4Address {
        Socks4Address::Ip(Ipv4Addr::new(192, 0, 2, 1))
    }

    #[test]
    fn the_request_holds_port_address_and_user_id() {
        let user = Credentials::new("alice", None::<&str>);
        let mut codec = Socks4::new(&ip(), 443, Some(&user)).unwrap();
        assert_eq!(codec.opening(), b"\x04\x01\x01\xbb\xc0\x00\x02\x01alice\0");
    }

    #[test]
    fn a_name_follows_the_marker_address_with_one_nul_each() {
        let name = Socks4Address::Name("h.example".to_owned());
        let mut codec = Socks4::new(&name, 80, None).unwrap();
        assert_eq!(
            codec.opening(),
            b"\x04\x01\x00\x50\x00\x00\x00\x01\0h.example\0"
        );
    }

    #[test]
    fn a_name_of_255_bytes_fits_and_one_of_256_does_not() {
        let name = |len| Socks4Address::Name("a".repeat(len));
        assert!(Socks4::new(&name(255), 1, None).is_ok());
        assert!(Socks4::new(&name(256), 1, None).is_err());
        assert!(Socks4::new(&name(0), 1, None).is_err());
    }

    #[test]
    fn a_user_name_of_255_bytes_fits_and_one_of_256_or_with_a_nul_does_not() {
        let user = |name: Vec<u8>| {
            let credentials = Credentials::new(name, None::<&str>);
            Socks4::new(&ip(), 1, Some(&credentials))
        };
        assert!(user(vec![b'u'; 255]).is_ok());
        assert!(user(vec![b'u'; 256]).is_err());
        assert!(user(b"alice\0h.example".to_vec()).is_err());
    }

    #[test]
    fn all_eight_bytes_of_a_grant_are_consumed_and_no_more() {
        let mut codec = Socks4::new(&ip(), 1, None).unwrap();
        let reply = b"\0\x5A\x01\x02\x03\x04\x05\x06tunnel";
        for split in 0..8 {
            assert_eq!(codec.advance(&reply[..split]), Ok(Step::Read));
        }
        assert_eq!(codec.advance(reply), Ok(Step::Done { consumed: 8 }));
    }

    #[test]
    fn a_refusal_is_known_after_two_bytes() {
        let mut codec = Socks4::new(&ip(), 1, None).unwrap();
        for code in (0..=255).filter(|code| *code != GRANTED) {
            let error = codec.advance(&[0, code]).unwrap_err();
            assert_eq!(error.reply(), Some(&Reply::Socks4(code)));
        }
    }

    #[test]
    fn a_reply_of_version_4_is_malformed() {
        let mut codec = Socks4::new(&ip(), 1, None).unwrap();
        let error = codec.advance(&[4, GRANTED]).unwrap_err();
        assert_eq!(error.kind(), transport::DialErrorKind::Protocol);
    }

    #[test]
    fn an_http_or_socks5_answer_is_the_wrong_protocol() {
        let mut codec = Socks4::new(&ip(), 1, None).unwrap();
        for reply in [&b"HTTP/1.1 400 Bad Request\r\n"[..], b"\x05\xff"] {
            let error = codec.advance(reply).unwrap_err();
            assert!(matches!(error, HandshakeError::WrongProtocol { .. }));
        }
    }
}
