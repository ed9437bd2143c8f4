//! Requests on a connection, and which of them a reply answers.

use std::collections::HashMap;

use crate::exchange::{Reply, Stream, StreamRequest};
use crate::symbol::Symbol;

/// What has been asked for and not answered, by the id of the request.
#[derive(Debug, Default)]
pub(super) struct Requests(HashMap<u64, Vec<Stream>>);

impl Requests {
    /// A request has been sent.
    pub(super) fn note(&mut self, request: StreamRequest) {
        if let Some(id) = request.id
            && !request.streams.is_empty()
        {
            self.0.insert(id, request.streams);
        }
    }

    /// Takes a reply, and tells which symbols it is about, as far as that is known.
    //
    //     the reply names                what it answers
    //     the request                    all streams of the request
    //     the request, and a symbol      those of the symbol; the others are still to come
    //     no request                     what it names itself
    pub(super) fn answered(&mut self, reply: &Reply) -> Vec<Symbol> {
        let is_meant = |stream: &Stream| {
            let is_symbol = reply
                .symbol
                .as_ref()
                .is_none_or(|symbol| symbol == stream.instrument.symbol());
            is_symbol
                && reply
                    .channel
                    .is_none_or(|channel| channel == stream.channel)
        };
        let Some((id, asked)) = reply.request.and_then(|id| Some((id, self.0.remove(&id)?))) else {
            return reply.symbol.iter().cloned().collect();
        };
        let (meant, left): (Vec<_>, Vec<_>) = asked.into_iter().partition(is_meant);
        if !left.is_empty() {
            self.0.insert(id, left);
        }
        let mut symbols: Vec<Symbol> = Vec::new();
        for stream in meant {
            let symbol = stream.instrument.symbol();
            if symbols.last() != Some(symbol) {
                symbols.push(symbol.clone());
            }
        }
        symbols
    }
}

#[cfg(test)]
mod tests {
    use transport::Message;

    use super::*;
    use crate::channel::Channel;
    use crate::instruments::Instrument;

    fn symbol(text: &str) -> Symbol {
        text.parse().unwrap()
    }

    fn requests() -> Requests {
        let stream = |name: &str, channel| Stream {
            instrument: Instrument::new(symbol(name), name),
            channel,
        };
        let mut requests = Requests::default();
        requests.note(StreamRequest {
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

    #[test]
    fn a_reply_to_a_request_is_about_all_of_its_streams_and_answers_it_once() {
        let mut requests = requests();
        let reply = Reply {
            request: Some(1),
            ..Reply::default()
        };
        assert_eq!(requests.answered(&reply), [symbol("A-B"), symbol("C-D")]);
        assert!(requests.answered(&reply).is_empty());
    }

    #[test]
    fn a_reply_that_names_a_symbol_leaves_the_rest_of_its_request() {
        let mut requests = requests();
        let of = |name, channel| Reply {
            request: Some(1),
            symbol: Some(symbol(name)),
            channel,
        };
        let book = of("A-B", Some(Channel::L2Book));
        assert_eq!(requests.answered(&book), [symbol("A-B")]);
        assert!(requests.answered(&book).is_empty());
        assert_eq!(requests.answered(&of("C-D", None)), [symbol("C-D")]);
        assert_eq!(requests.answered(&of("A-B", None)), [symbol("A-B")]);
        assert!(requests.0.is_empty());
    }

    #[test]
    fn a_reply_without_a_request_is_about_what_it_names() {
        let reply = Reply {
            symbol: Some(symbol("E-F")),
            ..Reply::default()
        };
        assert_eq!(requests().answered(&reply), [symbol("E-F")]);
    }
}
