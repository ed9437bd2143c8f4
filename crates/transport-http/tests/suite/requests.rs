//! What is sent.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Method, Request};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc::unbounded_channel;
use transport::HttpTransport;

use crate::common::{Piped, client, read_head};

#[tokio::test]
async fn a_method_that_has_a_body_names_its_length_even_if_it_is_empty() {
    let (sender, mut heads) = unbounded_channel();
    let dialer = Piped::new(move |mut stream: DuplexStream| {
        let sender = sender.clone();
        async move {
            sender.send(read_head(&mut stream).await).unwrap();
            let reply = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
            stream.write_all(reply).await.unwrap();
        }
    });
    let client = client(dialer);
    for (method, body, length) in [
        (Method::GET, "", None),
        (Method::HEAD, "", None),
        (Method::DELETE, "", None),
        (Method::POST, "", Some("0")),
        (Method::PUT, "", Some("0")),
        (Method::PATCH, "", Some("0")),
        (Method::POST, "a=1", Some("3")),
        (Method::DELETE, "a=1", Some("3")),
    ] {
        let request = Request::builder().method(&method).uri("http://h.example/");
        let request = request.body(Bytes::from(body)).unwrap();
        client.send(request).await.unwrap();
        let head = heads.recv().await.unwrap();
        let named = head
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{CONTENT_LENGTH}: ")));
        assert_eq!(named, length, "{head}");
    }
}
