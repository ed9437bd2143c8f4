//! One connection on each way.

use std::pin::pin;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use indicatif::MultiProgress;
use proxy_injector::{EgressMirror, ProxyInjector};
use transport::ResponseLimits;
use transport_tls::TlsTrust;

use super::egress::{Egresses, ask_each, one_of_each_exit};
use super::line::Line;
use super::progress::Progress;
use super::report::Report;
use crate::configuration::ConfiguredFeed;
use crate::failure::Failure;

/// How many connections are made at the same time.
pub(super) const AT_ONCE: usize = 8;

/// What is tried in each round.
pub(super) struct Rounds<'a> {
    pub(super) feeds: Vec<&'a ConfiguredFeed>,
    pub(super) injector: &'a Arc<ProxyInjector>,
    pub(super) trust: &'a TlsTrust,
    pub(super) limits: ResponseLimits,
    /// Who is asked for the address of each exit.
    pub(super) mirror: Option<EgressMirror>,
    /// Whether each connection has a line where there is no terminal for a bar.
    pub(super) has_lines: bool,
}

impl Rounds<'_> {
    /// Tries all ways that there are now. `stop` ends it with the outcomes so far.
    pub(super) async fn next(
        &self,
        bars: &MultiProgress,
        stop: impl Future<Output = ()>,
    ) -> Result<Report, Failure> {
        let mut lines = Vec::new();
        for feed in &self.feeds {
            lines.extend(Line::of_feed(feed, self.injector).await?);
        }
        // Beside the dials, so that the outcomes so far are kept.
        let mut outcomes: Vec<_> = lines.iter().map(|_| None).collect();
        let dials = lines.iter().zip(&mut outcomes).map(|(line, outcome)| {
            let dial = line.dial(self.trust, self.limits);
            async move { (line, &*outcome.insert(dial.await)) }
        });
        let mut dials = stream::iter(dials).buffer_unordered(AT_ONCE);
        let mirror = self.mirror.as_ref();
        let asks = mirror.map(|mirror| ask_each(mirror, &lines, self.trust, self.limits));
        let questions = mirror.map_or(0, |_| one_of_each_exit(&lines).count());
        let mut egresses = Egresses::new();
        let progress = Progress::new(bars, lines.len() + questions, self.has_lines);
        let all = async {
            while let Some((line, outcome)) = dials.next().await {
                progress.show(line, outcome);
            }
            let mut asks = pin!(stream::iter(asks).flatten());
            while let Some((exit, learned)) = asks.next().await {
                progress.show_egress(exit, &learned);
                egresses.insert(exit.clone(), learned);
            }
        };
        tokio::select! {
            () = all => {}
            () = stop => {}
        }
        // The dials that are left end here, and the bar makes room for the table.
        drop((dials, progress));
        Ok(Report::new(lines, outcomes, &egresses))
    }
}
