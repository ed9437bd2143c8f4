//! One fault, at one exchange, on one transport, through one proxy.

use std::fmt;
use std::time::Duration;

use feeds::Registration;
use proxy_config::Transport;
use testkit::{Fault as ExchangeFault, Link, ProxyKind};
use tokio::time::{Instant, timeout};

use super::fault::{Fault, Scope};
use super::stage::{Running, Stage};

/// How long everything may take to begin.
const BEGIN: Duration = Duration::from_secs(30);

#[derive(Clone, Copy)]
pub(super) struct Cell {
    pub(super) fault: Fault,
    pub(super) transport: Transport,
    pub(super) registration: &'static Registration,
    pub(super) proxy: ProxyKind,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            fault,
            transport,
            registration,
            proxy,
        } = self;
        write!(f, "{fault:?} {transport} {} {proxy:?}", registration.id)
    }
}

impl Cell {
    /// What was seen, or what is wrong.
    pub(super) async fn run(self) -> Result<String, String> {
        let stage = Stage::start(self.registration, self.proxy).await;
        let recovered = match self.transport {
            Transport::Http => self.run_rest(&stage).await?,
            Transport::WebSocket => self.run_stream(&stage).await?,
        };
        Ok(recovered)
    }

    /// The feed begins with the fault; where snapshots are requested, one is needed during it, too.
    async fn run_rest(self, stage: &Stage) -> Result<String, String> {
        self.break_it(stage, &stage.rest).await;
        let mut feed = stage.feed();
        feed.go_on(stage, self.fault.lasts()).await;
        self.mend(stage, &stage.rest).await;
        let mut report = self.recover(stage, &mut feed).await?;
        if stage.requests_snapshots() {
            self.break_it(stage, &stage.rest).await;
            stage.exchange.inject(ExchangeFault::DropDepth(1));
            feed.go_on(stage, self.fault.lasts()).await;
            self.mend(stage, &stage.rest).await;
            report = format!("{report}; {}", self.recover(stage, &mut feed).await?);
        }
        Ok(report)
    }

    async fn run_stream(self, stage: &Stage) -> Result<String, String> {
        let mut feed = stage.feed();
        let begun = timeout(BEGIN, feed.until_right(stage)).await;
        begun.map_err(|_| "it did not begin".to_owned())?;
        self.break_it(stage, &stage.ws).await;
        feed.go_on(stage, self.fault.lasts()).await;
        self.mend(stage, &stage.ws).await;
        self.recover(stage, &mut feed).await
    }

    async fn recover(self, stage: &Stage, feed: &mut Running) -> Result<String, String> {
        let Scope::Within(limit) = self.fault.scope(self.transport) else {
            return Err("it makes no sense".to_owned());
        };
        let start = Instant::now();
        // A machine that is busy is no fault of the feed: what takes longer is reported as it is.
        let right = timeout(limit * 4, feed.until_right(stage)).await;
        let audit = &feed.audit;
        if right.is_err() {
            return Err(format!(
                "not right again: {:?} {:?}",
                audit.counts(),
                audit.findings()
            ));
        }
        let time = start.elapsed();
        let untold = audit.untold(&stage.symbol);
        match (audit.findings(), untold.as_slice()) {
            ([], []) if time <= limit => Ok(format!(
                "{:.1} s, {} trades missing and told",
                time.as_secs_f32(),
                audit.counts().missing
            )),
            ([], []) => Err(format!("right again after {time:?}, and not {limit:?}")),
            (findings, untold) => Err(format!(
                "{findings:?}, trades that nobody told of: {untold:?}"
            )),
        }
    }

    async fn break_it(self, stage: &Stage, link: &Link) {
        match self.fault {
            Fault::Restart => stage.exchange.restart(self.fault.lasts()).await,
            Fault::Ban => {
                let length = self.fault.lasts();
                stage.exchange.inject(ExchangeFault::Ban { length });
            }
            Fault::IdRestart => stage.exchange.inject(ExchangeFault::RestartIds),
            Fault::Mute => stage.exchange.inject(ExchangeFault::Mute),
            Fault::ShutdownNotice => stage.exchange.shutdown_notice(),
            _ => {}
        }
        if let Some(fault) = self.fault.of_link() {
            link.inject(fault).await.unwrap();
        }
    }

    async fn mend(self, stage: &Stage, link: &Link) {
        link.clear().await.unwrap();
        stage.exchange.resume();
    }
}
