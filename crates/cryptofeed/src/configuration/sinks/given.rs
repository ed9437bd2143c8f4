//! Sinks on the command line.

use sinks::FileSettings;

use super::{ConfiguredFiles, ConfiguredSinks};

/// A sink that the command line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GivenSink {
    Stdout,
    /// In this folder, or where the configuration says.
    Files(Option<String>),
}

const EXPECTED: &str = "expected stdout, files or files=FOLDER";

impl GivenSink {
    /// Parses a value of `--sink`. The error does not show it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        match text.split_once('=') {
            Some(("files", folder)) if !folder.is_empty() => {
                Ok(Self::Files(Some(folder.to_owned())))
            }
            None if text == "stdout" => Ok(Self::Stdout),
            None if text == "files" => Ok(Self::Files(None)),
            _ => Err(EXPECTED),
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
        };
        for sink in given {
            match sink {
                GivenSink::Stdout => sinks.stdout = true,
                GivenSink::Files(folder) => {
                    sinks.files = Some(files(self.files.as_ref(), folder.as_deref())?);
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
            backpressure: feeds::Backpressure::default(),
        }),
        (None, None) => Err(
            "--sink files: sinks.files is not configured; name a folder with --sink files=FOLDER"
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
        for text in ["", "file", "files=", "stdout=1"] {
            assert_eq!(GivenSink::parse(text), Err(EXPECTED), "{text}");
        }
    }
}
