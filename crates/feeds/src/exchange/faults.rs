//! Whether an exchange fits together.

use std::collections::HashSet;

use transport::{Draw, Draws, Window};

use super::limits::Limits;
use super::message::Stream;
use super::rules::{Renewal, Rules};
use super::{Exchange, RequestIds, StreamRequest, TradeHole};
use crate::channel::Channel;
use crate::instruments::Instrument;
use crate::symbol::Symbol;

/// How many made-up instruments an exchange is asked about.
const INSTRUMENTS: usize = 200;

/// What in an exchange does not fit together, in words: rules and limits that contradict its requests.
/// The tests of a new exchange want it to be empty.
#[must_use]
pub fn faults(exchange: &dyn Exchange) -> Vec<String> {
    let mut faults = limits_of_zero(exchange.limits());
    let instruments: Vec<_> = (0..INSTRUMENTS).filter_map(instrument).collect();
    let streams: Vec<_> = instruments
        .iter()
        .flat_map(|it| streams(exchange.channels(), it))
        .collect();
    if streams.is_empty() {
        faults.push("no channels".to_owned());
    }
    if let Some(instrument) = instruments.first() {
        let Rules { books, .. } = exchange.rules();
        let depths = books.renewal.depths();
        let is_requested = matches!(books.renewal, Renewal::Request { .. });
        let is_ascending = depths.is_sorted_by(|one, next| one < next);
        if is_requested && (depths.is_empty() || depths.contains(&0) || !is_ascending) {
            faults.push(format!("depths of snapshots: {depths:?}"));
        }
        let snapshots = match exchange
            .snapshot_request(instrument, depths.first().copied().unwrap_or_default())
        {
            Ok(request) if request.is_some() == is_requested => None,
            Ok(Some(_)) => Some("a request for snapshots that come in the stream".to_owned()),
            Ok(None) => Some("snapshots are requested, and there is no request".to_owned()),
            Err(error) => Some(format!("snapshot request: {error}")),
        };
        faults.extend(snapshots);
        faults.extend(draws_beyond(exchange, instrument));
    }

    let mut ids = RequestIds::default();
    let planned = match exchange.plan(&streams, &mut ids) {
        Ok(plan) => plan.requests,
        Err(error) => {
            faults.push(format!("plan: {error}"));
            Vec::new()
        }
    };
    let subscribed = exchange.subscribe(&streams, &mut ids);
    let unsubscribed = exchange.unsubscribe(&streams, &mut ids);
    for (requests, what) in [(&subscribed, "subscribe"), (&unsubscribed, "unsubscribe")] {
        let named: usize = requests.iter().map(|request| request.streams.len()).sum();
        if named != streams.len() {
            faults.push(format!("{what}: {named} of {} streams", streams.len()));
        }
    }
    let requests: Vec<_> = [planned, subscribed, unsubscribed].concat();
    faults.extend(requests_beyond(exchange.limits(), &requests));
    match exchange.plan(&[], &mut RequestIds::default()) {
        Ok(plan) if plan.requests.is_empty() => {}
        Ok(_) => faults.push("a quiet connection asks for something".to_owned()),
        Err(error) => faults.push(format!("plan of a quiet connection: {error}")),
    }
    faults
}

fn instrument(index: usize) -> Option<Instrument> {
    let symbol = Symbol::parse(&format!("BASE{index}-QUOTE")).ok()?;
    Some(Instrument::new(symbol, &format!("BASE{index}QUOTE")))
}

fn streams(channels: &[Channel], instrument: &Instrument) -> impl Iterator<Item = Stream> {
    channels.iter().map(|channel| Stream {
        instrument: instrument.clone(),
        channel: *channel,
    })
}

fn limits_of_zero(limits: &Limits) -> Vec<String> {
    let units = |window: Option<Window>| window.map(|window| u64::from(window.units));
    let count = |limit: Option<u32>| limit.map(u64::from);
    let bytes = |limit: Option<usize>| limit.and_then(|limit| u64::try_from(limit).ok());
    let mut named = vec![
        ("streams", count(limits.streams)),
        ("symbols", count(limits.symbols)),
        ("url", bytes(limits.url)),
        ("request", bytes(limits.request)),
        ("streams_per_request", count(limits.streams_per_request)),
        ("frame", bytes(Some(limits.frame))),
        ("messages", units(limits.messages)),
        ("operations", units(limits.operations)),
        ("dials", units(limits.dials)),
    ];
    named.extend(
        limits
            .rest
            .iter()
            .map(|window| (window.name, units(Some(*window)))),
    );
    let zeros = named.into_iter().filter(|(_, limit)| *limit == Some(0));
    zeros
        .map(|(name, _)| format!("limit of 0: {name}"))
        .collect()
}

/// Requests over REST that use a budget which is not listed, or more than there is of it.
fn draws_beyond(exchange: &dyn Exchange, instrument: &Instrument) -> Vec<String> {
    let hole = TradeHole {
        after_id: 1,
        after_ns: None,
        before_id: 3,
    };
    let depths = exchange.rules().books.renewal.depths().iter();
    let snapshots = depths.map(|levels| {
        let request = exchange.snapshot_request(instrument, *levels);
        ("snapshot", request.ok().flatten())
    });
    let requests = [
        ("metadata", exchange.metadata_request().ok()),
        ("ping", exchange.ping_request().ok()),
        (
            "trades",
            exchange
                .trades_request(instrument, &hole, None)
                .ok()
                .flatten(),
        ),
    ];
    let activities = exchange.channels().iter().map(|channel| {
        let request = exchange.activity_request(&[*channel]);
        ("activity", request.ok().flatten())
    });
    let mut faults = Vec::new();
    for (what, request) in requests.into_iter().chain(snapshots).chain(activities) {
        let Some(request) = request else { continue };
        for Draw { window, units } in Draws::of(request.extensions()).iter() {
            let name = window.name;
            if !exchange.limits().rest.contains(window) {
                faults.push(format!("{what} request: {name} is not in the limits"));
            }
            if *units == 0 || *units > window.units {
                let of = window.units;
                faults.push(format!("{what} request: {units} of {of} units of {name}"));
            }
        }
    }
    faults
}

fn requests_beyond(limits: &Limits, requests: &[StreamRequest]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut ids = HashSet::new();
    for request in requests {
        let length = request.message.as_text().map_or(0, str::len);
        if limits.request.is_some_and(|limit| length > limit) {
            faults.push(format!("a request of {length} bytes"));
        }
        let count = request.streams.len();
        let is_above = |limit| u32::try_from(count).map_or(true, |count| count > limit);
        if limits.streams_per_request.is_some_and(is_above) {
            faults.push(format!("a request of {count} streams"));
        }
        if let Some(id) = request.id
            && !ids.insert(id)
        {
            faults.push(format!("request id {id} twice"));
        }
    }
    faults
}
