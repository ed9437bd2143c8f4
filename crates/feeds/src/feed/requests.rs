//! Requests on a connection, and which of them a reply answers.

use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::exchange::{Acknowledgement, Reply, Stream, StreamRequest};

/// How long an exchange may take for a reply.
const REPLY: Duration = Duration::from_secs(10);

/// What has been asked for and not answered, by the id of the request: ids grow.
#[derive(Debug)]
pub(super) struct Requests {
    asked: BTreeMap<u64, Asked>,
    are_answered: bool,
    /// Whether somebody reads the replies.
    are_read: bool,
}

#[derive(Debug)]
struct Asked {
    streams: Vec<Stream>,
    at: Instant,
}

impl Requests {
    /// Those to an exchange that replies so.
    pub(super) fn new(acknowledgement: Acknowledgement) -> Self {
        Self {
            asked: BTreeMap::new(),
            are_answered: acknowledgement != Acknowledgement::Never,
            are_read: true,
        }
    }

    /// From now on, the replies are read, or kept to be read later: nothing is overdue until then.
    pub(super) fn are_read(&mut self, are_read: bool) {
        self.are_read = are_read;
    }

    /// A request has been sent.
    pub(super) fn note(&mut self, request: &StreamRequest) {
        if let Some(id) = request.id
            && !request.streams.is_empty()
        {
            let asked = Asked {
                streams: request.streams.clone(),
                at: Instant::now(),
            };
            self.asked.insert(id, asked);
        }
    }

    /// Takes a reply, and tells which of the streams that were asked for it is about.
    //
    //     the reply names                what it answers
    //     the request                    all streams of the request
    //     the request, and a symbol      those of the symbol; the others are still to come
    //     a symbol or a channel          those of it, in every request
    pub(super) fn answered(&mut self, reply: &Reply) -> Vec<Stream> {
        let ids = match (reply.request, &reply.symbol, reply.channel) {
            (Some(id), ..) => id..=id,
            (None, None, None) => return Vec::new(),
            (None, ..) => 0..=u64::MAX,
        };
        let mut meant = Vec::new();
        for (_, asked) in self.asked.range_mut(ids) {
            meant.extend(
                asked
                    .streams
                    .extract_if(.., |stream| reply.is_about(stream)),
            );
        }
        self.asked.retain(|_, asked| !asked.streams.is_empty());
        meant
    }

    /// Whether a reply to a request about `stream` is awaited.
    pub(super) fn is_open(&self, stream: &Stream) -> bool {
        let mut asked = self.asked.values();
        self.are_answered && asked.any(|asked| asked.streams.contains(stream))
    }

    /// Waits until a reply is overdue, and tells which streams were asked for. Dropping the future loses
    /// nothing.
    pub(super) async fn overdue(&mut self) -> Vec<Stream> {
        match self.asked.first_entry() {
            Some(first) if self.are_answered && self.are_read => {
                sleep_until(first.get().at + REPLY).await;
                first.remove().streams
            }
            _ => pending().await,
        }
    }
}

impl Reply {
    /// Whether it may be about `stream`, by what it names.
    fn is_about(&self, stream: &Stream) -> bool {
        let Self {
            symbol, channel, ..
        } = self;
        symbol
            .as_ref()
            .is_none_or(|symbol| symbol == stream.instrument.symbol())
            && channel.is_none_or(|channel| channel == stream.channel)
    }
}

#[cfg(test)]
mod tests {
    use transport::Message;

    use super::*;
    use crate::channel::Channel;
    use crate::instruments::Instrument;
    use crate::symbol::Symbol;

    fn symbol(text: &str) -> Symbol {
        text.parse().unwrap()
    }

    fn requests() -> Requests {
        let stream = |name: &str, channel| Stream {
            instrument: Instrument::new(symbol(name), name),
            channel,
        };
        let mut requests = Requests::new(Acknowledgement::PerRequest);
        requests.note(&StreamRequest {
            id: Some(1),
            message: Message::text("subscribe"),
            streams: vec![
                stream("A-B", Channel::Trades),
                stream("A-B", Channel::L2Book),
                stream("C-D", Channel::Trades),
            ],
        });
        requests
    }

    fn names(streams: &[Stream]) -> Vec<(&str, Channel)> {
        let named = streams.iter();
        let named = named.map(|stream| (stream.instrument.exchange_symbol(), stream.channel));
        named.collect()
    }

    #[test]
    fn a_reply_to_a_request_is_about_all_of_its_streams_and_answers_it_once() {
        let mut requests = requests();
        let reply = Reply {
            request: Some(1),
            ..Reply::default()
        };
        assert_eq!(requests.answered(&reply).len(), 3);
        assert!(requests.answered(&reply).is_empty());
    }

    #[test]
    fn a_reply_that_names_a_symbol_leaves_the_rest_of_its_request() {
        let mut requests = requests();
        let of = |request, name, channel| Reply {
            request,
            symbol: Some(symbol(name)),
            channel,
        };
        let book = of(Some(1), "A-B", Some(Channel::L2Book));
        let answered = requests.answered(&book);
        assert_eq!(names(&answered), [("A-B", Channel::L2Book)]);
        assert!(requests.answered(&book).is_empty());
        let answered = requests.answered(&of(None, "C-D", None));
        assert_eq!(names(&answered), [("C-D", Channel::Trades)]);
        let answered = requests.answered(&of(Some(1), "A-B", None));
        assert_eq!(names(&answered), [("A-B", Channel::Trades)]);
        assert!(requests.asked.is_empty());
    }

    #[test]
    fn a_reply_that_names_nothing_answers_nothing() {
        let mut requests = requests();
        assert!(requests.answered(&Reply::default()).is_empty());
        assert_eq!(requests.asked.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_answered_within_ten_seconds_is_overdue() {
        let mut requests = requests();
        let asked_at = Instant::now();
        assert_eq!(requests.overdue().await.len(), 3);
        assert_eq!(asked_at.elapsed(), REPLY);
        assert!(requests.asked.is_empty());
    }
}
