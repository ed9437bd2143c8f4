//! Why there is no answer, in the terms of the seam.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use transport::{
    BadHead, BoxError, ConnectionInfo, DialError, DialErrorKind, Elapsed, Excerpt, Hop, HttpError,
    HttpErrorKind, Phase, Target, chain, unreadable,
};

use crate::pool::Line;

/// Why a request has no answer.
pub(crate) enum Failure {
    /// Its URI leads nowhere.
    NoPlace,
    NoConnection(BoxError),
    /// The connection broke before any of the request was sent.
    Unsent(Box<Request<Full<Bytes>>>, hyper::Error),
    /// It broke later, or what arrived is no answer.
    Broken(hyper::Error),
    /// The body has more bytes than these.
    TooLarge(usize),
    /// There is an answer without a body that could be used, for this reason.
    Unreadable(Box<Response<Bytes>>, String),
    /// A limit was over.
    Late(Late),
}

/// The limit that was over.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Late {
    Connection(Duration),
    /// Not a byte has arrived.
    Nothing(Duration),
    Head(Duration),
    Silence {
        silence: Duration,
        received: usize,
    },
    Total(Duration),
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(limit) => Elapsed::Whole(*limit).fmt(f),
            Self::Nothing(limit) => write!(f, "nothing within {limit:?}"),
            Self::Head(limit) => write!(f, "no head within {limit:?}"),
            Self::Silence { silence, received } => {
                write!(
                    f,
                    "nothing for {silence:?}, after {received} bytes of the body"
                )
            }
            Self::Total(limit) => write!(f, "not complete within {limit:?}"),
        }
    }
}

impl Failure {
    /// Whether it is the connection that has failed, and neither its answer nor its route.
    pub(crate) fn is_of_the_connection(&self) -> bool {
        match self {
            Self::Unsent(_, error) | Self::Broken(error) => DialError::find(error).is_none(),
            Self::Late(late) => matches!(late, Late::Nothing(_)),
            _ => false,
        }
    }

    /// Whether its route was taken from the connection.
    pub(crate) fn is_of_the_route(&self) -> bool {
        matches!(self, Self::Broken(error) if DialError::find(error).is_some())
    }

    pub(crate) fn on(self, line: &Line) -> Failed {
        Failed {
            failure: self,
            is_reused: line.is_reused,
            unasked: line.watch.unasked(line.info.secrets()),
            info: line.info.clone(),
        }
    }
}

/// A failure, and the connection that it happened on.
pub(crate) struct Failed {
    failure: Failure,
    is_reused: bool,
    /// What arrived although no request was sent.
    unasked: Option<Excerpt>,
    info: ConnectionInfo,
}

impl From<Failure> for Failed {
    /// There was no connection.
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            is_reused: false,
            unasked: None,
            info: ConnectionInfo::default(),
        }
    }
}

impl Failed {
    /// Of a request for `uri`.
    pub(crate) fn into_error(self, uri: &Uri) -> HttpError {
        let info = self.info.clone();
        self.without_way(uri).with_way(info)
    }

    fn without_way(self, uri: &Uri) -> HttpError {
        let exchange = match Target::from_http_uri(uri) {
            Ok(target) => Hop::Target(target.endpoint().clone()),
            // The request could not be sent anywhere.
            Err(invalid) => return invalid.into(),
        };
        match self.failure {
            Failure::NoPlace => HttpError::new(HttpErrorKind::Request, "it is not absolute"),
            Failure::NoConnection(ref error) => match DialError::find(&**error) {
                Some(dial) => dial.clone().into(),
                None => self.broken(exchange, DialErrorKind::Io, error.to_string()),
            },
            Failure::Unsent(_, ref error) | Failure::Broken(ref error) => {
                match DialError::find(error) {
                    Some(dial) => dial.clone().into(),
                    None => {
                        let (kind, cause) = self.explained(error);
                        self.broken(exchange, kind, cause)
                    }
                }
            }
            Failure::TooLarge(limit) => {
                let cause = format!("it has more than {limit} bytes");
                HttpError::new(HttpErrorKind::TooLarge, cause)
            }
            Failure::Unreadable(response, cause) => unreadable(&response, cause),
            Failure::Late(late) => {
                let phase = match late {
                    Late::Connection(_) => Phase::Tcp,
                    _ => Phase::Response,
                };
                let cause = self.noted(late.to_string());
                let cause = DialError::timeout(exchange, phase, cause);
                HttpError::new(HttpErrorKind::Timeout, cause)
            }
        }
    }

    fn broken(&self, exchange: Hop, kind: DialErrorKind, cause: String) -> HttpError {
        let cause = DialError::new(exchange, Phase::Response, kind).with_source(self.noted(cause));
        HttpError::new(HttpErrorKind::Broken, cause)
    }

    /// `cause`, and that the connection may have died while it was idle.
    fn noted(&self, cause: String) -> String {
        match self.is_reused {
            true => format!("{cause}, on a reused connection"),
            false => cause,
        }
    }

    fn explained(&self, error: &hyper::Error) -> (DialErrorKind, String) {
        // A server of another protocol, or a balancer that turns away whoever comes.
        if let Some(unasked) = &self.unasked {
            let cause = format!("it answers before it is asked: \"{unasked}\"");
            return (DialErrorKind::WrongProtocol, cause);
        }
        match bad_head(error) {
            Some(bad) => (DialErrorKind::Protocol, bad.quoted(self.info.secrets())),
            None => (kind(error), chain(error).to_string()),
        }
    }
}

fn bad_head(error: &hyper::Error) -> Option<&BadHead> {
    io_error(error)?.get_ref()?.downcast_ref()
}

fn io_error(error: &hyper::Error) -> Option<&io::Error> {
    std::iter::successors(error.source(), |error| (*error).source())
        .find_map(|cause| cause.downcast_ref())
}

fn kind(error: &hyper::Error) -> DialErrorKind {
    match io_error(error) {
        Some(error) => error.into(),
        None if error.is_parse_too_large() => DialErrorKind::Protocol,
        None if error.is_parse() => DialErrorKind::WrongProtocol,
        None if error.is_incomplete_message() || error.is_canceled() => DialErrorKind::Closed,
        None => DialErrorKind::Io,
    }
}
