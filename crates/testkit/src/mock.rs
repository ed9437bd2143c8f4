//! What a mock of an exchange is made of.
//!
//! A mock implements two traits: [`ExchangeProtocol`] is the exchange, and [`StreamProtocol`] one
//! WebSocket connection to it. Neither does any input or output. The market behind it makes itself up,
//! the same for all exchanges: it counts prices in ticks and quantities in lots, and gives every
//! change an id. The protocol says it in the exchange's own words.
//!
//! ```
//! use http::{StatusCode, Uri};
//! use testkit::MockExchange;
//! use testkit::mock::{
//!     Answer, Conduct, ExchangeProtocol, Frame, Instrument, RestRequest, Source, StreamProtocol,
//!     Update,
//! };
//!
//! /// An exchange that tells its best bids to everybody.
//! #[derive(Debug)]
//! struct Bids;
//!
//! impl ExchangeProtocol for Bids {
//!     fn instruments(&self) -> Vec<Instrument> {
//!         // 60000.00, and at most 5.00000 at a price.
//!         let symbol = "BTCUSDT".to_owned();
//!         vec![Instrument::spot(symbol, ["BTC", "USDT"], [2, 5], 6_000_000, 500_000)]
//!     }
//!
//!     fn conduct(&self) -> Conduct {
//!         // What the codec of the exchange has as its limits.
//!         Conduct { message_size: Some(1024), ..Conduct::default() }
//!     }
//!
//!     fn open(&self, uri: &Uri, _: Source<'_>) -> Result<Box<dyn StreamProtocol>, Answer> {
//!         match uri.path() {
//!             "/bids" => Ok(Box::new(Self)),
//!             _ => Err(Answer::not_found()),
//!         }
//!     }
//!
//!     fn answer(&self, request: &RestRequest, source: Source<'_>) -> Answer {
//!         match source.market.snapshot(&request.path[1..]) {
//!             Some(snapshot) => Answer::new(StatusCode::OK, "text/plain", snapshot.id.to_string()),
//!             None => Answer::not_found(),
//!         }
//!     }
//! }
//!
//! impl StreamProtocol for Bids {
//!     fn receive(&mut self, text: &str, _: Source<'_>) -> Vec<Frame> {
//!         vec![Frame::control(format!("not understood: {text}"))]
//!     }
//!
//!     fn frames(&mut self, update: &Update) -> Vec<Frame> {
//!         let bids = update.quotes().map(|(id, quote)| Frame {
//!             text: format!("{id} {}", update.instrument.price(quote.bid.price)),
//!             stream: Some("bids".to_owned()),
//!             is_depth: false,
//!         });
//!         bids.collect()
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let exchange = MockExchange::builder(Bids).start().await?;
//! assert!(exchange.ws_url().starts_with("ws://127.0.0.1:"));
//! # Ok::<_, testkit::SetupError>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

pub use crate::exchange::{
    Answer, Ban, Bans, Book, Breach, Change, Client, Conduct, Day, Delta, Engine, ExchangeProtocol,
    Frame, Guard, Instrument, Level, Market, MarketKind, MarketOptions, Quote, RestRequest, Side,
    Snapshot, Source, Spent, Step, StreamKind, StreamProtocol, Subscription, Subscriptions, Trade,
    Update, json_levels, now, parse_query,
};
