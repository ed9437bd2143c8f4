//! Which trades are stored last.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use feeds::{ExchangeName, Symbol};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use sinks::{NatsSettings, Newest, SinkError, StoredTrades};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, timeout_at};

/// From one try to the next.
const RETRY: Duration = Duration::from_millis(500);

/// The newest stored trade of each of some symbols.
pub(super) struct Found {
    pub(super) exchange: ExchangeName,
    pub(super) symbols: Vec<(Symbol, Option<Newest>)>,
}

/// Looks for the newest trades in the stream that others can read, if there is one.
pub(super) struct Stored {
    stream: Option<Arc<Stream>>,
    /// How long it is tried.
    patience: Duration,
    runtime: Handle,
    looks: FuturesUnordered<BoxFuture<'static, Found>>,
}

struct Stream {
    settings: NatsSettings,
    trades: OnceCell<StoredTrades>,
}

impl Stored {
    pub(super) fn new(settings: Option<NatsSettings>, patience: Duration, runtime: Handle) -> Self {
        let stream = settings.map(|settings| {
            let trades = OnceCell::new();
            Arc::new(Stream { settings, trades })
        });
        Self {
            stream,
            patience,
            runtime,
            looks: FuturesUnordered::new(),
        }
    }

    /// Looks for those of `symbols`.
    pub(super) fn look(&self, symbols: Vec<(ExchangeName, Symbol)>) {
        let mut by_exchange: HashMap<_, Vec<_>> = HashMap::new();
        for (exchange, symbol) in symbols {
            by_exchange.entry(exchange).or_default().push(symbol);
        }
        let end = Instant::now() + self.patience;
        for (exchange, symbols) in by_exchange {
            let Some(stream) = self.stream.clone() else {
                self.looks
                    .push(std::future::ready(Found::nothing(exchange, symbols)).boxed());
                continue;
            };
            let nothing = Found::nothing(exchange.clone(), symbols.clone());
            let look = async move { stream.find(exchange, symbols, end).await };
            let look = self.runtime.spawn(look);
            let look = async move { look.await.ok().flatten().unwrap_or(nothing) };
            self.looks.push(look.boxed());
        }
    }

    /// What a look has found. Cancel safe.
    pub(super) async fn found(&mut self) -> Found {
        match self.looks.next().await {
            Some(found) => found,
            None => std::future::pending().await,
        }
    }
}

impl Stream {
    /// Goes on until there is an answer, or `end`.
    async fn find(
        &self,
        exchange: ExchangeName,
        symbols: Vec<Symbol>,
        end: Instant,
    ) -> Option<Found> {
        let tried = async {
            loop {
                match self.newest(&exchange, &symbols).await {
                    Ok(newest) => break newest,
                    Err(error) => tracing::debug!(%exchange, %error, "stored trades not found"),
                }
                sleep(RETRY).await;
            }
        };
        let Ok(mut newest) = timeout_at(end, tried).await else {
            let symbols = symbols.len();
            let problem = "the stream does not say which trades are stored; some may be missing";
            tracing::error!(%exchange, symbols, problem, "symbols begin without a look back");
            return None;
        };
        let symbols = symbols.into_iter().map(|symbol| {
            let newest = newest.remove(&symbol);
            (symbol, newest)
        });
        let symbols = symbols.collect();
        Some(Found { exchange, symbols })
    }

    async fn newest(
        &self,
        exchange: &ExchangeName,
        symbols: &[Symbol],
    ) -> Result<HashMap<Symbol, Newest>, SinkError> {
        let NatsSettings { server, stream, .. } = &self.settings;
        let open = || async { StoredTrades::open(server.connect().await?, stream).await };
        let trades = self.trades.get_or_try_init(open).await?;
        trades.newest(exchange, symbols.iter().cloned()).await
    }
}

impl Found {
    fn nothing(exchange: ExchangeName, symbols: Vec<Symbol>) -> Self {
        let symbols = symbols.into_iter().map(|symbol| (symbol, None));
        let symbols = symbols.collect();
        Self { exchange, symbols }
    }
}
