//! All files that are open.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use feeds::ExchangeName;

use super::FileSettings;
use super::name;
use super::open_file::{OpenFile, Rotation};
use crate::record::Record;
use crate::sink::Records;

/// What belongs to no channel, or to all.
const NO_CHANNEL: &str = "feed";

/// Where channels are not told apart.
const ALL_CHANNELS: &str = "";

type Partition = (ExchangeName, &'static str);

/// The folder that files are written to. The time is passed in: nanoseconds since 1970, UTC.
#[derive(Debug)]
pub(super) struct Folder {
    settings: FileSettings,
    rotation: Rotation,
    open: HashMap<Partition, OpenFile>,
    /// How many files there have been.
    files: u64,
}

impl Folder {
    pub(super) fn new(settings: FileSettings) -> Self {
        let age_ns = settings.rotate_after.map(|it| it.as_nanos());
        let rotation = Rotation {
            age_ns: age_ns.map(|age| i64::try_from(age).unwrap_or(i64::MAX)),
            bytes: settings.rotate_bytes,
        };
        Self {
            settings,
            rotation,
            open: HashMap::new(),
            files: 0,
        }
    }

    /// Takes records until one cannot be taken.
    pub(super) fn write(&mut self, records: &mut Records, now_ns: i64) -> io::Result<()> {
        while let Some(record) = records.front() {
            self.file_of(record, now_ns)?.push(&record.line)?;
            records.pop_front();
        }
        Ok(())
    }

    /// The file that `record` belongs to.
    fn file_of(&mut self, record: &Record, now_ns: i64) -> io::Result<&mut OpenFile> {
        let pattern = &self.settings.pattern;
        let channel = match record.channel {
            _ if !pattern.is_by_channel() => ALL_CHANNELS,
            Some(channel) => channel.as_str(),
            None => NO_CHANNEL,
        };
        let partition = (record.exchange.clone(), channel);
        let period = pattern.period(record.received_ns);
        if let Some(file) = self.open.get_mut(&partition) {
            // What comes late stays with what came before: its order is that of the sequence.
            let is_over = file.run != record.run
                || file.period < period
                || file.is_due(self.rotation, |_| file.period, now_ns);
            if is_over {
                file.complete()?;
                self.open.remove(&partition);
            }
        }
        match self.open.entry(partition) {
            std::collections::hash_map::Entry::Occupied(file) => Ok(file.into_mut()),
            std::collections::hash_map::Entry::Vacant(place) => {
                // Also if it fails: what is left of it must not be in the way of the next.
                self.files += 1;
                let path = pattern.path(record.exchange.as_str(), channel, record.received_ns);
                let compression = self.settings.compression;
                let path = name::complete(&path, &record.run, self.files, compression);
                let path: PathBuf = self.settings.folder.join(path);
                let run = record.run.clone();
                let file = OpenFile::create(path, compression, run, period, now_ns)?;
                Ok(place.insert(file))
            }
        }
    }

    /// Writes what is due, and completes the files whose time is over. One that fails keeps no other one.
    pub(super) fn flush(&mut self, now_ns: i64) -> io::Result<()> {
        let (pattern, rotation) = (&self.settings.pattern, self.rotation);
        let mut outcome = Ok(());
        self.open.retain(|_, file| {
            let is_due = file.is_due(rotation, |time_ns| pattern.period(time_ns), now_ns);
            let done = match is_due {
                true => file.complete(),
                false => file.flush(now_ns),
            };
            let is_left = !is_due || done.is_err();
            if outcome.is_ok() {
                outcome = done;
            }
            is_left
        });
        outcome
    }

    /// Completes every file.
    pub(super) fn complete(&mut self) -> io::Result<()> {
        let mut outcome = Ok(());
        self.open.retain(|_, file| {
            let done = file.complete();
            let is_left = done.is_err();
            if outcome.is_ok() {
                outcome = done;
            }
            is_left
        });
        outcome
    }

    /// How many lines are not written.
    pub(super) fn unstored(&self) -> usize {
        self.open.values().map(|file| file.unstored).sum()
    }
}
