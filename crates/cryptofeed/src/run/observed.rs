//! What a run is doing, for those who ask.

use std::net::SocketAddr;

use ::status::model::Gravity;
use ::status::{Board, Listener, Metrics};
use proxy_config::Transport;

use super::workers::Workers;
use crate::configuration::{Configuration, Start, UNPROTECTED, any_other};
use crate::failure::Failure;

/// The board of a run, and the listener that tells what it knows.
#[derive(Debug)]
pub(super) struct Observed {
    board: Board,
    listener: Option<Listener>,
    /// A runtime of its own: neither can a flood keep those waiting who ask about it, nor can they slow it down.
    workers: Workers,
}

impl Observed {
    /// Takes the address that `given` or the configuration says; `None` if neither does.
    pub(super) async fn start(
        start: &Start,
        given: Option<SocketAddr>,
    ) -> Result<Option<Self>, Failure> {
        let settings = start.configuration.status();
        let Some(address) = given.or(settings.listen) else {
            return Ok(None);
        };
        if !settings.protects(address) {
            let problem = format!("--status {address}: {UNPROTECTED}");
            return Err(Failure::Configuration(vec![problem]));
        }
        let workers = Workers::start_one("status")?;
        let Some(runtime) = workers.handle() else {
            return Ok(None);
        };
        let program = concat!("cryptofeed ", env!("VERSION_AND_COMMIT")).to_owned();
        let board = Board::new(&program, start.injector.clone(), settings.patience);
        let guard = settings.guard();
        // What protects it has been checked.
        let bound = runtime.spawn(Listener::bind_insecure(address, guard)).await;
        let listener = bound
            .map_err(|error| Failure::runtime("listen", error))?
            .map_err(|error| Failure::runtime("tell the status", error))?;
        let metrics = Metrics::install();
        let mut metrics = metrics.map_err(|error| Failure::runtime("record metrics", error))?;
        if settings.metrics_per_symbol {
            metrics = metrics.with_symbols();
        }
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "status is told");
        }
        let observed = Self {
            board,
            listener: Some(listener.with_metrics(metrics)),
            workers,
        };
        observed.note_origins(&start.configuration);
        Ok(Some(observed))
    }

    /// Answers from now on. Before the board knows the feeds, it would tell of none.
    pub(super) fn serve(&mut self) {
        if let (Some(listener), Some(runtime)) = (self.listener.take(), self.workers.handle()) {
            runtime.spawn(listener.serve(self.board.clone()));
        }
    }

    pub(super) fn board(&self) -> &Board {
        &self.board
    }

    /// New settings apply.
    pub(super) fn note_reload(&self, configuration: &Configuration, changed_routes: usize) {
        self.note_origins(configuration);
        let text = format!("new settings apply; routes that have changed: {changed_routes}");
        self.board.tell(Gravity::Info, "reloaded", text);
    }

    /// New settings are refused.
    pub(super) fn note_refusal(&self, problem: &str) {
        let text = format!("new settings refused, the old ones stay: {problem}");
        self.board.tell(Gravity::Error, "reload_refused", text);
    }

    /// Notes what set the rules.
    fn note_origins(&self, configuration: &Configuration) {
        let loaded = configuration.proxies();
        let with_rules = loaded.settings().exchanges().map(|(id, _)| id);
        let with_feeds = configuration.feeds().iter().map(|feed| &feed.id);
        let named = with_rules.chain(with_feeds);
        let named = named.map(|id| (Some(id.to_string()), id.clone()));
        let others = (None, any_other(loaded.settings()));
        let origins = named.chain([others]).flat_map(|(name, id)| {
            Transport::ALL.map(|transport| {
                let origins = loaded.explain(&id, transport, None)?;
                let key = (name.clone(), transport.to_string());
                Some((key, origins.rule()?.to_string()))
            })
        });
        self.board.set_origins(origins.flatten());
    }
}
