//! SOCKS version 4, and 4A in which the client may send a name.

use std::io;
use std::net::Ipv4Addr;

use http::HeaderMap;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use transport::{BoxError, Io};

use super::client::{Client, Refusal};
use super::record::{Authentication, TunnelTarget};

const VERSION: u8 = 4;
const CONNECT: u8 = 1;
// In decimal, as the documents have them: 0x5A, 0x5B and 0x5D elsewhere.
const GRANTED: u8 = 90;
const FAILED: u8 = 91;
const WRONG_USER: u8 = 93;

/// The longest user id or name that is read.
const MAX_FIELD: u64 = 512;

pub(super) async fn serve(stream: Box<dyn Io>, client: &Client) -> Result<(), BoxError> {
    // The relay goes on with the same buffer: a client need not wait for the reply before it
    // sends more.
    let mut stream = BufReader::new(stream);
    let request = Request::read(&mut stream).await?;
    let outcome = match client.credentials() {
        None => Authentication::NotRequired,
        Some(_) if request.user_id.is_empty() => Authentication::Missing,
        Some(credentials) if credentials.is_user(&request.user_id) => Authentication::Accepted,
        Some(_) => Authentication::Wrong,
    };
    client.record_authentication(outcome);
    if !outcome.is_passed() {
        stream.write_all(&reply(WRONG_USER)).await?;
        return Ok(());
    }
    match client.open(request.target, HeaderMap::new()).await {
        Ok(target) => {
            stream.write_all(&reply(GRANTED)).await?;
            client.relay(&mut stream, target).await;
        }
        Err(Refusal::Hangup) => {}
        Err(Refusal::Told { code, .. }) => stream.write_all(&reply(low_byte(code))).await?,
        Err(Refusal::Unreached(_)) => stream.write_all(&reply(FAILED)).await?,
    }
    Ok(())
}

struct Request {
    user_id: Vec<u8>,
    target: TunnelTarget,
}

impl Request {
    async fn read(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Self> {
        //     +----+----+---------+-------+--------+-----+            +------+-----+
        //     | VN | CD | DSTPORT | DSTIP | USERID | NUL |   and 4A   | name | NUL |
        //     +----+----+---------+-------+--------+-----+            +------+-----+
        //     | 04 | 01 |    2    |   4   |  0..   | 00  |            | 1..  | 00  |
        //     +----+----+---------+-------+--------+-----+            +------+-----+
        let (version, command) = (stream.read_u8().await?, stream.read_u8().await?);
        if (version, command) != (VERSION, CONNECT) {
            return Err(invalid("not a socks4 connect request"));
        }
        let port = stream.read_u16().await?;
        let address = Ipv4Addr::from(stream.read_u32().await?);
        let user_id = read_field(stream).await?;
        // 4A: an address 0.0.0.x with x other than 0 announces a name.
        let target = match address.octets() {
            [0, 0, 0, 1..=255] => {
                let name = String::from_utf8(read_field(stream).await?)
                    .map_err(|_| invalid("name is not text"))?;
                TunnelTarget::Name(name, port)
            }
            _ => TunnelTarget::Address((address, port).into()),
        };
        Ok(Self { user_id, target })
    }
}

/// The bytes up to a zero byte.
async fn read_field(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut field = Vec::new();
    // A client that never ends a field would fill the memory.
    stream.take(MAX_FIELD).read_until(0, &mut field).await?;
    match field.pop() {
        Some(0) => Ok(field),
        _ => Err(invalid("unterminated field")),
    }
}

fn reply(code: u8) -> [u8; 8] {
    // VN, CD, DSTPORT, DSTIP; a client has no use for the last two.
    [0, code, 0, 0, 0, 0, 0, 0]
}

/// The part of a code that a SOCKS reply has room for.
pub(super) fn low_byte(code: u16) -> u8 {
    let [_, low] = code.to_be_bytes();
    low
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn target(bytes: &[u8]) -> io::Result<String> {
        let request = Request::read(&mut &*bytes).await?;
        Ok(request.target.to_string())
    }

    #[tokio::test]
    async fn both_versions_of_the_request_are_read() {
        let address = b"\x04\x01\x01\xbb\x7f\0\0\x01user\0";
        assert_eq!(target(address).await.unwrap(), "127.0.0.1:443");
        let name = b"\x04\x01\x01\xbb\0\0\0\x01\0exchange.test\0";
        assert_eq!(target(name).await.unwrap(), "exchange.test:443");
    }

    #[tokio::test]
    async fn other_requests_are_errors() {
        assert!(target(b"\x05\x01\x00").await.is_err());
        assert!(target(b"\x04\x02\x01\xbb\x7f\0\0\x01\0").await.is_err());
        assert!(target(b"\x04\x01\x01\xbb\x7f\0\0\x01user").await.is_err());
        let endless = [
            b"\x04\x01\x01\xbb\x7f\0\0\x01".as_slice(),
            &[b'u'; 600],
            b"\0",
        ]
        .concat();
        assert!(target(&endless).await.is_err());
    }
}
