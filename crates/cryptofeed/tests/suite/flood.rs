//! An exchange that sends as much as it can.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use feeds::Binance;
use testkit::MockExchange;

use crate::child::PATIENCE;
use crate::workspace::Workspace;

/// What it sends, again and again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Flood {
    /// Text that is no JSON.
    Junk,
    /// Refusals of nothing that was asked for.
    Refusals,
    /// Trades, whose ids grow.
    Trades,
    /// Changes of a book, whose ids grow, and now and then a trade.
    Changes,
    Pings,
    /// A price of 512 KiB.
    LongPrice,
}

impl Flood {
    pub(crate) const ALL: [Self; 6] = [
        Self::Junk,
        Self::Refusals,
        Self::Trades,
        Self::Changes,
        Self::Pings,
        Self::LongPrice,
    ];

    /// Frames, the first of which has this number.
    fn frames(self, first: usize) -> Vec<u8> {
        const TEXT: u8 = 0x81;
        const PING: u8 = 0x89;
        let several = |frame: Vec<u8>| frame.repeat(1000);
        match self {
            Self::Junk => several(frame(TEXT, b"{\"nonsense")),
            Self::Refusals => several(frame(TEXT, br#"{"code":1,"msg":"no"}"#)),
            Self::Pings => several(frame(PING, &[b'x'; 125])),
            Self::LongPrice => frame(TEXT, trade(first, &"9".repeat(512 << 10)).as_bytes()),
            Self::Changes => (first..first + 1000)
                .flat_map(|id| {
                    let trade =
                        (id % 100 == 0).then(|| frame(TEXT, trade(id / 100, "100.5").as_bytes()));
                    let change = frame(TEXT, change(id).as_bytes());
                    change.into_iter().chain(trade.into_iter().flatten())
                })
                .collect(),
            Self::Trades => (first..first + 1000)
                .flat_map(|id| frame(TEXT, trade(id, "100.5").as_bytes()))
                .collect(),
        }
    }
}

fn trade(id: usize, price: &str) -> String {
    format!(
        r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":1723161255342,"s":"BTCUSDT","t":{id},"p":"{price}","q":"0.02","T":1723161255342,"m":true,"M":true}}}}"#
    )
}

/// The first one reaches beyond every snapshot of the mock.
fn change(number: usize) -> String {
    let last = 2_000_000_000 + number;
    let first = if number == 1 { 1 } else { last };
    format!(
        r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":{first},"u":{last},"b":[["0.01","{number}"]],"a":[]}}}}"#
    )
}

/// A frame of a server (RFC 6455, section 5.2).
fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![head];
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(length),
        _ => {
            frame.push(127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

/// A Binance whose lists are the mock's, and whose streams are a flood.
pub(crate) struct Flooded {
    exchange: MockExchange,
    streams: u16,
    progress: Arc<Progress>,
}

#[derive(Default)]
struct Progress {
    sent: AtomicUsize,
    is_over: AtomicBool,
}

impl Flooded {
    pub(crate) async fn start(flood: Flood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let streams = listener.local_addr().unwrap().port();
        let exchange = Binance::mock().start().await.unwrap();
        let progress = Arc::<Progress>::default();
        let (mock, shared) = (exchange.ws_addr(), Arc::clone(&progress));
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let progress = Arc::clone(&shared);
                thread::spawn(move || send(socket, mock, flood, &progress));
            }
        });
        Self {
            exchange,
            streams,
            progress,
        }
    }

    /// Waits until it has sent so many bytes.
    pub(crate) fn wait_for_sent(&self, bytes: usize) {
        let end = Instant::now() + PATIENCE;
        while self.progress.sent.load(Ordering::Relaxed) < bytes {
            assert!(Instant::now() < end, "it does not send");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends nothing more, and leaves the connections open.
    pub(crate) fn stop(&self) {
        self.progress.is_over.store(true, Ordering::Relaxed);
    }

    /// Writes a configuration with trades and books of this exchange alone.
    pub(crate) fn configure(&self, workspace: &Workspace) {
        self.configure_with(workspace, "slow");
    }

    /// The same, for a reader that is behind.
    pub(crate) fn configure_with(&self, workspace: &Workspace, backpressure: &str) {
        let (rest, streams) = (self.exchange.rest_url(), self.streams);
        let yaml = format!(
            "feeds: {{binance: {{symbols: [BTC-USDT], channels: [trades, l2_book], rest_url: '{rest}', \
             ws_url: 'ws://127.0.0.1:{streams}', backpressure: {backpressure}}}}}\n"
        );
        workspace.file("cryptofeed.yaml", &yaml);
    }
}

/// Answers the upgrade as `mock` does, and sends from then on.
#[expect(clippy::disallowed_methods, reason = "to the mock of this test")]
fn send(
    mut socket: TcpStream,
    mock: SocketAddr,
    flood: Flood,
    progress: &Progress,
) -> io::Result<()> {
    let mut upgrade = TcpStream::connect(mock)?;
    relay_head(&mut socket, &mut upgrade)?;
    relay_head(&mut upgrade, &mut socket)?;
    for first in (1..).step_by(1000) {
        if progress.is_over.load(Ordering::Relaxed) {
            // Until the other side leaves.
            return io::copy(&mut socket, &mut io::sink()).map(drop);
        }
        let frames = flood.frames(first);
        socket.write_all(&frames)?;
        progress.sent.fetch_add(frames.len(), Ordering::Relaxed);
    }
    Ok(())
}

fn relay_head(from: &mut TcpStream, to: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        head.extend(byte);
    }
    to.write_all(&head)
}
