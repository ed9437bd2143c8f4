//! What the figures should be.

use super::cell::{Cell, Framing, Payload, Relay};
use super::contender::{Client, Contender};
use super::peers::Peer;
use crate::report::{Measurement, Target};

/// A proxy may cost the client three percent.
const PROXIED_OVER_FORWARDED: f64 = 0.97;
/// Nobody may be more than five percent faster.
const OVER_FASTEST_PEER: f64 = 0.95;

/// Adds to our rows of `cell` what they should be compared with the others.
pub(super) fn judge(cell: Cell, contenders: &[Contender], rows: &mut [Measurement]) {
    let figure = |client: Client, way: Relay| {
        let wanted = Contender { client, way };
        let position = contenders
            .iter()
            .position(|contender| *contender == wanted)?;
        rows.get(position)?.median()
    };
    let peer = |peer: Peer| figure(Client::Peer(peer), Relay::Direct);
    let Some(ours) = figure(Client::Ours, Relay::Direct) else {
        return;
    };

    let mut targets = Vec::new();
    let ways = [Relay::Socks5, Relay::Forwarded].map(|way| figure(Client::Ours, way));
    if let [Some(proxied), Some(forwarded)] = ways {
        let what = "through SOCKS5 / the same bytes forwarded without a proxy";
        targets.push(Target::at_least(
            what,
            proxied / forwarded,
            PROXIED_OVER_FORWARDED,
        ));
    }
    if let (Some(limit), Some(theirs)) = (over_tungstenite(cell), peer(Peer::Tungstenite)) {
        let what = "ours / tokio-tungstenite as shipped";
        targets.push(Target::at_least(what, ours / theirs, limit));
    }
    // Bytes alone are no library.
    let libraries = Peer::ALL.into_iter().filter(|peer| *peer != Peer::Bytes);
    let fastest = libraries.filter_map(|one| Some((one, peer(one)?)));
    if let Some((one, theirs)) = fastest.max_by(|(_, a), (_, b)| a.total_cmp(b)) {
        let what = format!("ours / fastest other library ({})", one.name());
        targets.push(Target::at_least(&what, ours / theirs, OVER_FASTEST_PEER));
    }
    if let Some(row) = rows.first_mut() {
        row.targets.extend(targets);
    }
}

/// How many times as many messages as tokio-tungstenite, with its 128 KB read buffer.
fn over_tungstenite(cell: Cell) -> Option<f64> {
    let is_text = |size| cell.payload == Payload::Text(size);
    match cell.framing {
        Framing::Burst if cell.is_secure && is_text(2000) => Some(1.7),
        Framing::Records if is_text(200) || is_text(2000) => Some(1.3),
        _ => None,
    }
}
