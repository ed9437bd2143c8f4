//! The outcome of all connections, as a report.

use std::collections::BTreeSet;

use serde::Serialize;

use super::dial::Outcome;
use super::egress::Egresses;
use super::line::Line;
use super::row::Row;
use crate::failure::Failure;
use crate::table;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    probes: Vec<Row>,
}

impl Report {
    /// The report of `lines`, their outcomes, and the addresses of their exits.
    pub(super) fn new(
        lines: Vec<Line>,
        outcomes: Vec<Option<Outcome>>,
        egresses: &Egresses,
    ) -> Self {
        let probes = lines.into_iter().zip(outcomes);
        Self {
            probes: probes
                .map(|(line, outcome)| Row::new(line, outcome, egresses))
                .collect(),
        }
    }

    /// The report as text.
    pub(super) fn text(&self) -> String {
        let header = [
            "exchange",
            "transport",
            "proxy",
            "egress",
            "dns",
            "tcp",
            "proxy tls",
            "handshake",
            "tls",
            "answer",
            "total",
            "verdict",
        ];
        let table = table::of(header, self.probes.iter().map(Row::cells));
        let notes: String = self.probes.iter().filter_map(Row::note).collect();
        // One exit may have many lines.
        let exits: BTreeSet<_> = self.probes.iter().filter_map(Row::egress_note).collect();
        let exits: String = exits.into_iter().collect();
        format!("{table}\n{notes}{exits}")
    }

    /// # Errors
    /// [`Failure::Probe`] if a line has failed.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let of = self.probes.len();
        let failed = self.probes.iter().filter(|row| row.has_failed()).count();
        if failed == 0 {
            Ok(())
        } else {
            Err(Failure::Probe { failed, of })
        }
    }
}
