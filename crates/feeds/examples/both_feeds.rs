//! Market data of both exchanges, each through a proxy of its own, until both have a book.
//!
//! `cargo run -p feeds --example both_feeds` brings its own exchanges and proxies, and needs no
//! network.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::collections::BTreeMap;
use std::sync::Arc;

use feeds::{
    Backpack, Binance, Channel, Feed, FeedEventKind, OrderBook, QueueLimits, Subscription, Symbol,
    event_queue,
};
use proxy_config::{ConnectionProxies, ExchangeId, ProxyConfig, ProxySettings};
use proxy_injector::ProxyInjector;
use testkit::{MockProxy, ProxyKind, TestCa};
use transport_tls::TlsTrust;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ca = TestCa::new()?;
    let tls = ca.server_config(&[])?;
    let binance = Binance::mock().tls(tls.clone()).start().await?;
    let backpack = Backpack::mock().tls(tls).start().await?;
    let one = MockProxy::builder(ProxyKind::Http).start().await?;
    let two = MockProxy::builder(ProxyKind::Socks5h).start().await?;

    let binance_id = ExchangeId::new("binance")?;
    let backpack_id = ExchangeId::new("backpack")?;
    let rule = |proxy: &MockProxy| proxy.url().parse().map(ProxyConfig::new);
    let settings = ProxySettings::enabled()
        .with_strict(true)
        .with_exchange(binance_id.clone(), ConnectionProxies::both(rule(&one)?))
        .with_exchange(backpack_id.clone(), ConnectionProxies::both(rule(&two)?));
    let trust = TlsTrust::platform().with_ca_pem(ca.pem().as_bytes())?;
    let injector = Arc::new(ProxyInjector::new(settings).with_trust(trust));

    let (queue, mut events) = event_queue(QueueLimits::default());
    let scope = injector.exchange(binance_id);
    let feed = Feed::new(
        Arc::new(Binance::new(&binance.rest_url(), &binance.ws_url())?),
        Subscription::new(
            [Symbol::parse("BTC-USDT")?],
            [Channel::Trades, Channel::L2Book],
        )?,
        Arc::new(scope.http()),
        Arc::new(scope.websocket()),
    );
    tokio::spawn(feed.run(queue.clone()));
    let scope = injector.exchange(backpack_id);
    let feed = Feed::new(
        Arc::new(Backpack::new(&backpack.rest_url(), &backpack.ws_url())?),
        Subscription::new([Symbol::parse("SOL-USDC")?], Channel::ALL)?,
        Arc::new(scope.http()),
        Arc::new(scope.websocket()),
    );
    tokio::spawn(feed.run(queue));

    let mut books: BTreeMap<_, OrderBook> = BTreeMap::new();
    let mut changes = 0;
    while let Some(event) = events.recv().await {
        let exchange = event.exchange;
        match event.kind {
            FeedEventKind::Connected { proxies, .. } => println!("{exchange} via {proxies:?}"),
            FeedEventKind::Trade(trade) => {
                println!("{} {} at {}", trade.symbol, trade.amount, trade.price);
            }
            FeedEventKind::L2Snapshot(snapshot) => {
                let book = books.entry(snapshot.symbol.clone()).or_default();
                book.apply_snapshot(&snapshot);
            }
            FeedEventKind::L2Delta(delta) => {
                let book = books.entry(delta.symbol.clone()).or_default();
                book.apply_delta(&delta)?;
                changes += 1;
            }
            FeedEventKind::BookInvalid { symbol, .. } => drop(books.remove(&symbol)),
            _ => {}
        }
        if books.len() == 2 && changes > 20 {
            break;
        }
    }
    for (symbol, book) in &books {
        if let (Some(bid), Some(ask)) = (book.best_bid(), book.best_ask()) {
            println!("{symbol}: {} / {}", bid.price, ask.price);
        }
    }
    Ok(())
}
