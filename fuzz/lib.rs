//! What the fuzz targets have in common.

use feeds::{Exchange, Symbol};
use transport_tunnel::codec::{Handshake, HandshakeError, Step};

/// Runs a handshake against a proxy that sends `reply`, cut after every `chunk` bytes, and then
/// closes. Returns how many bytes belonged to the handshake.
///
/// # Panics
/// If the handshake consumes more than it was shown, or goes on without end.
pub fn run_handshake(
    mut handshake: impl Handshake,
    reply: &[u8],
    chunk: usize,
) -> Result<usize, HandshakeError> {
    handshake.opening();
    let (mut consumed, mut shown) = (0, 0);
    loop {
        let input = &reply[consumed..shown];
        match handshake.advance(input)? {
            Step::Read if shown == reply.len() => return Err(handshake.finish(input)),
            Step::Read => shown = reply.len().min(shown + chunk.max(1)),
            Step::Write { consumed: n, .. } => {
                assert!(n <= input.len(), "consumed more than was there");
                assert!(n > 0, "no progress");
                consumed += n;
            }
            Step::Done { consumed: n } => {
                assert!(n <= input.len(), "consumed more than was there");
                return Ok(consumed + n);
            }
        }
    }
}

/// The outcome of a handshake must not depend on how the reply is cut.
///
/// # Panics
/// If it does.
pub fn assert_cut_makes_no_difference<H: Handshake>(make: impl Fn() -> H, data: &[u8]) {
    let Some((chunk, reply)) = data.split_first() else {
        return;
    };
    let whole = run_handshake(make(), reply, reply.len());
    let cut = run_handshake(make(), reply, usize::from(*chunk));
    match (&whole, &cut) {
        (Ok(whole), Ok(cut)) => assert_eq!(whole, cut),
        (Err(_), Err(_)) => {}
        _ => panic!("whole: {whole:?}, cut: {cut:?}"),
    }
}

/// Reads `data` as each kind of message that `exchange` can send.
pub fn read_as_every_message(exchange: &impl Exchange, metadata: &[u8], data: &[u8]) {
    let symbol = Symbol::parse("BTC-USDT").expect("a symbol");
    let _ = exchange.parse_metadata(data);
    let _ = exchange.parse_snapshot(&symbol, data, 0);
    if let (Ok(text), Ok(instruments)) = (
        std::str::from_utf8(data),
        exchange.parse_metadata(metadata),
    ) {
        let _ = exchange.decode(text, &instruments, i64::MAX);
    }
}
