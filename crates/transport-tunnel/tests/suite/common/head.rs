//! The head of a request.

use tokio::io::AsyncReadExt;
use transport::Io;

/// Reads up to and including the empty line; what was read is returned.
pub(crate) async fn read_head(stream: &mut (impl Io + ?Sized)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}
