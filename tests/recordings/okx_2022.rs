//! OKX as it was in 2022.

use bytes::Bytes;
use feeds::exchange::{TradeHole, TradePage, unnumbered};
use feeds::{
    AnswerError, ConnectionPlan, Decoder, Exchange, Instrument, Instruments, InvalidUrl, Limits,
    Okx, RequestIds, Rules, Stream, StreamRequest, Symbol,
};
use http::Request;

/// The codec of today, but for two things: books have checksums and no ids, and a swap and a future are
/// listed.
#[derive(Debug)]
pub(super) struct Okx2022 {
    okx: Okx,
    rules: Rules,
}

impl Okx2022 {
    /// The names of the exchange and ours.
    pub(super) const INSTRUMENTS: &[(&str, &str)] = &[
        ("BTC-USDT", "BTC-USDT"),
        ("UNI-USD-SWAP", "UNI-USD-SWAP"),
        ("BTC-USD-220527", "BTC-USD-220527"),
    ];

    pub(super) fn new(rest: &str, ws: &str) -> Self {
        let okx = Okx::new(rest, ws).unwrap();
        let mut rules = *okx.rules();
        rules.books.follows = unnumbered;
        Self { okx, rules }
    }
}

impl Exchange for Okx2022 {
    fn id(&self) -> &'static str {
        self.okx.id()
    }

    fn limits(&self) -> &Limits {
        self.okx.limits()
    }

    fn rules(&self) -> &Rules {
        &self.rules
    }

    fn metadata_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        self.okx.metadata_request()
    }

    fn parse_metadata(&self, body: &[u8]) -> Result<Instruments, AnswerError> {
        let spot = self.okx.parse_metadata(body)?;
        assert!(spot.symbol_of("BTC-USDT").is_some());
        let instrument =
            |(name, symbol): &(&str, &str)| Instrument::new(symbol.parse().unwrap(), name);
        Ok(Self::INSTRUMENTS.iter().map(instrument).collect())
    }

    fn ping_request(&self) -> Result<Request<Bytes>, InvalidUrl> {
        self.okx.ping_request()
    }

    fn plan(&self, streams: &[Stream], ids: &mut RequestIds) -> Result<ConnectionPlan, InvalidUrl> {
        self.okx.plan(streams, ids)
    }

    fn subscribe(&self, streams: &[Stream], ids: &mut RequestIds) -> Vec<StreamRequest> {
        self.okx.subscribe(streams, ids)
    }

    fn unsubscribe(&self, streams: &[Stream], ids: &mut RequestIds) -> Vec<StreamRequest> {
        self.okx.unsubscribe(streams, ids)
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        self.okx.decoder()
    }

    fn trades_request(
        &self,
        of: &Instrument,
        hole: &TradeHole,
        cursor: Option<&str>,
    ) -> Result<Option<Request<Bytes>>, InvalidUrl> {
        self.okx.trades_request(of, hole, cursor)
    }

    fn parse_trades(&self, of: &Symbol, body: &[u8]) -> Result<TradePage, AnswerError> {
        self.okx.parse_trades(of, body)
    }
}
