//! By which address each exit leaves, as somebody outside sees it.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use futures_util::{Stream, StreamExt, stream};
use proxy_config::Exit;
use proxy_injector::EgressMirror;
use transport::{HttpError, ResponseLimits, chain};
use transport_tls::TlsTrust;

use super::line::Line;
use super::round::AT_ONCE;

/// The address of an exit, or why it is not known.
pub(super) type Learned = Result<IpAddr, String>;

/// What is known of the exits so far.
pub(super) type Egresses = HashMap<Exit, Learned>;

/// Asks `mirror` once by each exit of `lines`, and by nothing else.
pub(super) fn ask_each<'a>(
    mirror: &'a EgressMirror,
    lines: &'a [Line],
    trust: &'a TlsTrust,
    limits: ResponseLimits,
) -> impl Stream<Item = (&'a Exit, Learned)> {
    let asks = one_of_each_exit(lines).map(move |(line, exit)| async move {
        let learned = ask(mirror, line, trust, limits).await;
        (exit, learned.map_err(|error| chain(&error).to_string()))
    });
    stream::iter(asks).buffer_unordered(AT_ONCE)
}

async fn ask(
    mirror: &EgressMirror,
    line: &Line,
    trust: &TlsTrust,
    limits: ResponseLimits,
) -> Result<IpAddr, HttpError> {
    let limits = EgressMirror::limits(limits);
    let session = line.scope(trust).http().with_limits(limits);
    mirror.ask(&session).await
}

/// The exits of `lines`, each with one of its lines.
pub(super) fn one_of_each_exit(lines: &[Line]) -> impl Iterator<Item = (&Line, &Exit)> {
    let mut known = HashSet::new();
    let exits = lines
        .iter()
        .filter_map(|line| Some((line, line.candidate.exit()?)));
    exits.filter(move |(_, exit)| known.insert(*exit))
}
