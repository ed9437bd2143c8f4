//! SOCKS4 and SOCKS4a.
//!
//! There is no RFC: "SOCKS: A protocol for TCP proxy across firewalls" (Ying-Da Lee) defines
//! version 4, "SOCKS 4A: A Simple Extension to SOCKS 4 Protocol" adds names.

use std::net::Ipv4Addr;

use proxy_config::Credentials;
use transport::Reply;

use super::{Handshake, HandshakeError, Step};

const VERSION: u8 = 4;
const CONNECT: u8 = 1;
const REPLY_VERSION: u8 = 0;
const GRANTED: u8 = 0x5A;
const REPLY_LEN: usize = 8;
const MAX_NAME: usize = 255;

/// What a SOCKS4 request can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Socks4Address {
    /// An IPv4 address.
    Ip(Ipv4Addr),
    /// A name, to be resolved by the proxy (SOCKS4a).
    Name(String),
}

/// The client's side of one SOCKS4 or SOCKS4a `CONNECT`.
#[derive(Debug)]
pub struct Socks4 {
    request: Vec<u8>,
}

impl Socks4 {
    /// A request for `address` and `port`; the user name is sent as USERID.
    ///
    /// # Errors
    /// [`HandshakeError::Unsupported`] if the name is empty, longer than 255 bytes or holds a NUL.
    pub fn new(
        address: &Socks4Address,
        port: u16,
        credentials: Option<&Credentials>,
    ) -> Result<Self, HandshakeError> {
        let mut request = vec![VERSION, CONNECT];
        request.extend(port.to_be_bytes());
        request.extend(match address {
            Socks4Address::Ip(ip) => ip.octets(),
            Socks4Address::Name(_) => [0, 0, 0, 1],
        });
        request.extend(credentials.map_or(&[][..], Credentials::username));
        request.push(0);
        if let Socks4Address::Name(name) = address {
            if name.is_empty() || name.len() > MAX_NAME || name.contains('\0') {
                return Err(HandshakeError::Unsupported(
                    "socks4a carries names of 1 to 255 bytes",
                ));
            }
            request.extend(name.as_bytes());
            request.push(0);
        }
        Ok(Self { request })
    }
}

impl Handshake for Socks4 {
    fn opening(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.request)
    }

    fn advance(&mut self, input: &[u8]) -> Result<Step, HandshakeError> {
        match *input {
            [] | [REPLY_VERSION] => Ok(Step::Read),
            [REPLY_VERSION, GRANTED, ..] if input.len() < REPLY_LEN => Ok(Step::Read),
            [REPLY_VERSION, GRANTED, ..] => Ok(Step::Done {
                consumed: REPLY_LEN,
            }),
            [REPLY_VERSION, code @ (0x5C | 0x5D), ..] => Err(HandshakeError::Authentication {
                reply: Reply::Socks4(code),
                accepts: Vec::new(),
            }),
            [REPLY_VERSION, code, ..] => Err(HandshakeError::Rejected {
                reply: Reply::Socks4(code),
            }),
            [first, ..] => Err(HandshakeError::WrongProtocol {
                expected: "a socks4 proxy",
                hint: super::socks5::hint(first),
            }),
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
    fn an_http_or_socks5_answer_is_the_wrong_protocol() {
        let mut codec = Socks4::new(&ip(), 1, None).unwrap();
        for reply in [&b"HTTP/1.1 400 Bad Request\r\n"[..], b"\x05\xff"] {
            let error = codec.advance(reply).unwrap_err();
            assert!(matches!(error, HandshakeError::WrongProtocol { .. }));
        }
    }
}
