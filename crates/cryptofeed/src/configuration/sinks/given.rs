//! Sinks on the command line.

use feeds::Backpressure;
use sinks::{FileSettings, NatsSettings, NatsUrl};

use super::{ConfiguredFiles, ConfiguredNats, ConfiguredSinks};

/// A sink that the command line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GivenSink {
    Stdout,
    /// In this folder, or where the configuration says.
    Files(Option<String>),
    /// At this server, or where the configuration says.
    Nats(Option<NatsUrl>),
}

const EXPECTED: &str =
    "expected stdout, files, files=FOLDER, nats or an address like nats://broker.example:4222";

impl GivenSink {
    /// Parses a value of `--sink`. The error does not show it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("nats://") || text.starts_with("tls://") {
            let url = NatsUrl::parse(text).map_err(|error| error.to_string())?;
            return Ok(Self::Nats(Some(url)));
        }
        match text.split_once('=') {
            Some(("files", folder)) if !folder.is_empty() => {
                Ok(Self::Files(Some(folder.to_owned())))
            }
            None if text == "stdout" => Ok(Self::Stdout),
            None if text == "files" => Ok(Self::Files(None)),
            None if text == "nats" => Ok(Self::Nats(None)),
            _ => Err(EXPECTED.to_owned()),
        }
    }
}

impl ConfiguredSinks {
    /// Those that are `given`, if there are any, with what is configured of them.
    pub(crate) fn given(self, given: &[GivenSink]) -> Result<Self, String> {
        if given.is_empty() {
            return Ok(self);
        }
        let mut sinks = Self {
            stdout: false,
            files: None,
            nats: None,
        };
        for sink in given {
            match sink {
                GivenSink::Stdout => sinks.stdout = true,
                GivenSink::Files(folder) => {
                    sinks.files = Some(files(self.files.as_ref(), folder.as_deref())?);
                }
                GivenSink::Nats(url) => {
                    sinks.nats = Some(nats(self.nats.as_ref(), url.as_ref())?);
                }
            }
        }
        Ok(sinks)
    }
}

fn files(
    configured: Option<&ConfiguredFiles>,
    folder: Option<&str>,
) -> Result<ConfiguredFiles, String> {
    match (configured.cloned(), folder) {
        (Some(mut files), folder) => {
            if let Some(folder) = folder {
                files.settings.folder = folder.into();
            }
            Ok(files)
        }
        (None, Some(folder)) => Ok(ConfiguredFiles {
            settings: FileSettings::new(folder),
            backpressure: Backpressure::default(),
        }),
        (None, None) => Err(
            "--sink files: sinks.files is not configured; name a folder with --sink files=FOLDER"
                .to_owned(),
        ),
    }
}

fn nats(
    configured: Option<&ConfiguredNats>,
    url: Option<&NatsUrl>,
) -> Result<ConfiguredNats, String> {
    match (configured.cloned(), url) {
        (Some(mut nats), url) => {
            if let Some(url) = url {
                nats.settings.server.url = url.clone();
            }
            Ok(nats)
        }
        (None, Some(url)) => Ok(ConfiguredNats {
            settings: NatsSettings::new(url.clone()),
            backpressure: Backpressure::default(),
        }),
        (None, None) => Err(
            "--sink nats: sinks.nats is not configured; name a server, such as --sink nats://127.0.0.1:4222"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(sinks: &[&str]) -> Result<ConfiguredSinks, String> {
        let given: Vec<_> = sinks
            .iter()
            .map(|it| GivenSink::parse(it).unwrap())
            .collect();
        ConfiguredSinks::default().given(&given)
    }

    #[test]
    fn the_command_line_replaces_the_sinks_and_keeps_their_settings() {
        assert_eq!(given(&[]), Ok(ConfiguredSinks::default()));
        let files = given(&["files=a", "stdout"]).unwrap();
        assert!(files.stdout && files.files.is_some());
        let other = GivenSink::parse("files=b").unwrap();
        let moved = files.given(&[other]).unwrap();
        assert!(!moved.stdout);
        assert_eq!(moved.files.unwrap().settings.folder.to_str(), Some("b"));
        assert!(given(&["files"]).unwrap_err().contains("files=FOLDER"));
        let nats = given(&["nats://h"]).unwrap().nats.unwrap();
        assert_eq!(nats.settings.server.url.to_string(), "nats://h:4222");
        assert!(given(&["nats"]).unwrap_err().contains("nats://"));
        for text in ["", "file", "files=", "stdout=1", "nats=x"] {
            assert_eq!(GivenSink::parse(text), Err(EXPECTED.to_owned()), "{text}");
        }
        let login = GivenSink::parse("nats://alice:s3cret@h").unwrap_err();
        assert!(
            login.contains("password_file") && !login.contains("s3cret"),
            "{login}"
        );
    }
}
