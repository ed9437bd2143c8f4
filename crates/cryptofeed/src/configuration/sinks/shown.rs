//! Where events go, for `check`.

use std::fmt::Write as _;

use feeds::Backpressure;
use serde::Serialize;
use sinks::{FileSettings, NatsLogin, NatsSettings};

use super::{BACKPRESSURES, ConfiguredFiles, ConfiguredNats, ConfiguredSinks};

/// The sinks as they can be shown.
#[derive(Debug, Serialize)]
pub(crate) struct ShownSinks {
    stdout: bool,
    files: Option<ShownFiles>,
    nats: Option<ShownNats>,
}

#[derive(Debug, Serialize)]
struct ShownFiles {
    folder: String,
    pattern: String,
    extension: &'static str,
    rotate_seconds: Option<u64>,
    rotate_mib: Option<u64>,
    backpressure: &'static str,
}

#[derive(Debug, Serialize)]
struct ShownNats {
    url: String,
    stream: String,
    login: &'static str,
    backpressure: &'static str,
}

impl ConfiguredSinks {
    /// The sinks as they can be shown.
    pub(crate) fn shown(&self) -> ShownSinks {
        ShownSinks {
            stdout: self.stdout,
            files: self.files.as_ref().map(ShownFiles::of),
            nats: self.nats.as_ref().map(ShownNats::of),
        }
    }
}

impl ShownFiles {
    fn of(files: &ConfiguredFiles) -> Self {
        let FileSettings {
            folder,
            pattern,
            compression,
            rotate_after,
            rotate_bytes,
        } = &files.settings;
        Self {
            folder: folder.display().to_string(),
            pattern: pattern.to_string(),
            extension: compression.extension(),
            rotate_seconds: rotate_after.map(|it| it.as_secs()),
            rotate_mib: rotate_bytes.map(|it| it >> 20),
            backpressure: name(files.backpressure),
        }
    }
}

impl ShownNats {
    fn of(nats: &ConfiguredNats) -> Self {
        let NatsSettings { server, stream, .. } = &nats.settings;
        Self {
            url: server.url.to_string(),
            stream: stream.name.clone(),
            login: match server.login {
                NatsLogin::None => "none",
                NatsLogin::Password { .. } => "password",
                NatsLogin::Token(_) => "token",
            },
            backpressure: name(nats.backpressure),
        }
    }
}

impl ShownSinks {
    /// A line for each.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "sinks.stdout: {}", self.stdout);
        if let Some(files) = &self.files {
            let ShownFiles {
                folder,
                pattern,
                extension,
                backpressure,
                ..
            } = files;
            let _ = writeln!(
                text,
                "sinks.files: {folder}/{pattern}.RUN{extension}, backpressure: {backpressure}"
            );
        }
        if let Some(nats) = &self.nats {
            let ShownNats {
                url,
                stream,
                login,
                backpressure,
            } = nats;
            let _ = writeln!(
                text,
                "sinks.nats: {url}, stream: {stream}, login: {login}, backpressure: {backpressure}"
            );
        }
        text
    }
}

fn name(backpressure: Backpressure) -> &'static str {
    let mut names = BACKPRESSURES.iter();
    let found = names.find(|(_, it)| *it == backpressure);
    found.map(|(name, _)| *name).unwrap_or_default()
}
