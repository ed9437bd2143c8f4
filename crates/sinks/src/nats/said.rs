//! What a server says that is no answer.

use std::sync::Arc;

use async_nats::Event;
use parking_lot::Mutex;

use crate::sink::SinkError;

/// The last error that a server has told of a connection: what may not be published has no answer, which
/// looks like a server that is not there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said(Arc<Mutex<Option<String>>>);

impl Said {
    pub(super) fn take_note(&self, event: &Event) {
        if let Event::ServerError(error) = event {
            *self.0.lock() = Some(printable(&error.to_string()));
        }
    }

    /// Adds to an error what the server has said before it.
    pub(crate) fn explain(&self, error: SinkError) -> SinkError {
        match &*self.0.lock() {
            Some(said) => error.because(&format!("the server said: {said}")),
            None => error,
        }
    }
}

/// A text of a server's, which may be anything.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use async_nats::ServerError;

    use super::*;

    #[test]
    fn what_has_no_answer_is_told_with_what_the_server_said() {
        let said = Said::default();
        let error = || SinkError::new("have events acknowledged", "deadline has elapsed");
        let cause = |error: SinkError| error.source().map(ToString::to_string);
        let explained = said.explain(error());
        assert_eq!(cause(explained).unwrap(), "deadline has elapsed");
        let problem = "Permissions Violation for Publish to \"md.v1.x\"\n".to_owned();
        said.take_note(&Event::ServerError(ServerError::Other(problem)));
        said.take_note(&Event::Disconnected);
        assert_eq!(
            cause(said.explain(error())).unwrap(),
            "deadline has elapsed: the server said: nats: Permissions Violation for Publish to \"md.v1.x\""
        );
    }
}
