//! Events on their way to standard output and the other sinks.

use ::status::Board;
use ::status::model::{FleetView, Gravity};
use feeds::{EventWriter, FeedEvent};
use fleet::Standing;
use sinks::Claim;

use super::format::Format;
use super::stores::Stores;
use crate::failure::Failure;
use crate::notice::Notices;
use crate::stdout::Stdout;
use crate::tally::Tallies;

/// Counts events, logs them and makes lines of them.
pub(super) struct Output {
    pub(super) stdout: Stdout,
    pub(super) format: Format,
    pub(super) json: EventWriter,
    /// The other sinks, if there are any.
    pub(super) stores: Option<Stores>,
    pub(super) board: Option<Board>,
    /// When the last event was received that is not written.
    pub(super) received_ns: Option<i64>,
    /// How many events remain to be written, if that is limited.
    pub(super) left: Option<u64>,
    pub(super) tallies: Tallies,
    pub(super) notices: Notices,
}

impl Output {
    /// Whether as many events as were asked for have been written.
    pub(super) fn is_complete(&self) -> bool {
        self.left == Some(0)
    }

    /// Takes note of `event`, and gathers its line. In a fleet, it has the claim to its shard.
    pub(super) fn write(&mut self, event: &FeedEvent, claim: Option<Claim>) -> Result<(), Failure> {
        self.note(event);
        let lines = self.stdout.line();
        let start = lines.len();
        let is_written = self.format.write(&mut self.json, event, lines);
        let is_written = is_written.map_err(Failure::output)?;
        if let Some(stores) = &mut self.stores {
            match self.format {
                Format::Jsonl => stores.push(event, lines.get(start..).unwrap_or_default(), claim),
                Format::Text => stores.push_event(event, claim),
            }
        }
        if let Some(left) = &mut self.left
            && is_written
        {
            *left -= 1;
        }
        Ok(())
    }

    /// Takes note of `event`, which standard output does not get any longer.
    pub(super) fn leave_unwritten(&mut self, event: &FeedEvent, claim: Option<Claim>) {
        self.note(event);
        if let Some(stores) = &mut self.stores {
            stores.push_event(event, claim);
        }
    }

    /// Takes note of how the collector stands in its fleet.
    pub(super) fn note_standing(&self, standing: Standing, before: Standing) {
        let Standing {
            is_connected,
            collectors,
            owned,
            confirmed,
            differing,
        } = standing;
        if collectors != before.collectors {
            tracing::info!(
                collectors,
                shards = owned,
                "the collectors of the fleet have changed"
            );
        }
        let Some(board) = &self.board else {
            return;
        };
        board.set_fleet(FleetView {
            is_connected,
            collectors,
            owned,
            confirmed,
            differing,
        });
        if differing > 0 && before.differing == 0 {
            board.tell(
                Gravity::Warning,
                "fleet",
                "collectors of the fleet have other feeds than this one",
            );
        }
        if is_connected != before.is_connected {
            let (gravity, text) = match is_connected {
                true => (Gravity::Info, "the server of the fleet answers"),
                false => (
                    Gravity::Warning,
                    "the server of the fleet does not answer; what is had goes on",
                ),
            };
            board.tell(gravity, "fleet", text);
        }
    }

    /// All lines are written.
    pub(super) fn note_written(&mut self) {
        if let (Some(board), Some(received_ns)) = (&self.board, self.received_ns.take()) {
            board.note_written(received_ns);
        }
    }

    fn note(&mut self, event: &FeedEvent) {
        self.received_ns = Some(event.received_ns);
        if let Some(board) = &self.board {
            board.note(event);
        }
        self.notices.log(event);
        match self.tallies.get_mut(&event.exchange) {
            Some(tally) => tally.add(event),
            None => {
                let tally = self.tallies.entry(event.exchange.clone());
                tally.or_default().add(event);
            }
        }
    }
}
