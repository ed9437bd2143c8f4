//! A peer behind a socket.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};

/// Listens on the loopback; a task with `serve` gets each connection.
pub(crate) async fn listen<F, Served>(serve: F) -> SocketAddr
where
    F: Fn(TcpStream) -> Served + Send + 'static,
    Served: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _peer)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}
