//! One symbol of each exchange falls silent, and speaks again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use feeds::{Channel, EXCHANGES, Feed, FeedEventKind, InvalidReason, Registration, Subscription};
use futures_util::future::join_all;
use testkit::{Fault, MockExchange};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::advance;

use super::client;
use crate::fake::Events;
use crate::fixtures::symbol;

/// Runs `session` while its clock goes forty times as fast as that of the exchange.
fn fast<T>(session: impl Future<Output = T>) {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let clock = async {
            loop {
                // As long as somebody is busy, time does not go on by itself.
                let wait = || thread::sleep(Duration::from_millis(5));
                spawn_blocking(wait).await.unwrap();
                advance(Duration::from_millis(200)).await;
            }
        };
        tokio::select! {
            _ = session => {}
            () = clock => {}
        }
    });
}

/// The channels of which it shows at an exchange that they are silent, by what is told.
fn watched(exchange: &str) -> BTreeSet<Channel> {
    let mut channels = BTreeSet::from(Channel::ALL);
    if exchange == "okx" {
        // Its books have signs of life of their own.
        channels.remove(&Channel::L2Book);
    }
    channels
}

async fn a_symbol_falls_silent(registration: &Registration, mock: MockExchange) {
    let scope = client::direct();
    let pairs = mock.pairs();
    let feed = Feed::new(
        (registration.at)(&mock.rest_url(), &mock.ws_url()).unwrap(),
        Subscription::new(pairs.iter().map(|pair| symbol(pair)), Channel::ALL).unwrap(),
        Arc::new(scope.http()),
        Arc::new(scope.websocket()),
    );
    // A machine that is busy for a moment is no silence.
    let feed = feed.with_silence_limit(Duration::from_secs(300));
    let mut events = Events::of(feed, 4096);
    let silent = symbol(&pairs[0]);
    let watched = watched(registration.id);
    let (mut spoken, mut stale, mut told) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    // Of its book, if that is watched.
    let mut is_void = !watched.contains(&Channel::L2Book);
    let mut is_true = is_void;
    while told != watched || !stale.is_empty() || !is_true {
        let event = events.next_event().await;
        let of_silent = event.symbol() == Some(&silent);
        match event.kind {
            FeedEventKind::Stale {
                symbol, channel, ..
            } => {
                assert_eq!(symbol, silent, "{}", registration.id);
                assert!(stale.insert(channel), "{channel} is told twice");
                told.insert(channel);
            }
            FeedEventKind::Live { symbol, channel } => {
                assert_eq!(symbol, silent, "{}", registration.id);
                assert!(stale.remove(&channel), "{channel} was not stale");
            }
            FeedEventKind::BookInvalid { symbol, reason } if symbol == silent => {
                is_void |= reason == InvalidReason::Silent;
            }
            FeedEventKind::L2Snapshot(_) if of_silent => is_true |= is_void,
            FeedEventKind::Trade(_) if of_silent => {
                spoken.insert(Channel::Trades);
            }
            FeedEventKind::Ticker(_) if of_silent => {
                spoken.insert(Channel::Ticker);
            }
            FeedEventKind::L2Delta(_) if of_silent => {
                spoken.insert(Channel::L2Book);
                if spoken.len() == Channel::ALL.len() && told.is_empty() {
                    let pair = pairs[0].clone();
                    mock.inject(Fault::MuteSymbol { pair });
                }
            }
            FeedEventKind::Malformed { .. } => {
                panic!("{}: {event:?}", registration.id)
            }
            _ => {}
        }
        if told == watched && is_void {
            mock.resume();
        }
    }
}

#[test]
fn a_symbol_that_falls_silent_is_told_at_every_exchange_and_when_it_speaks_again() {
    let (started, mocks) = mpsc::channel();
    let (ended, end) = oneshot::channel::<()>();
    // With a clock of their own.
    let exchanges = thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            for registration in EXCHANGES {
                let mock = (registration.mock)()
                    .tick_interval(Duration::from_millis(20))
                    .without_limits();
                started.send(mock.start().await.unwrap()).unwrap();
            }
            drop(started);
            end.await
        })
    });
    let sessions = EXCHANGES.iter().zip(mocks);
    fast(join_all(sessions.map(|(registration, mock)| {
        a_symbol_falls_silent(registration, mock)
    })));
    drop(ended);
    exchanges.join().unwrap().unwrap_err();
}
