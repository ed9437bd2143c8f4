//! What of the symbols a page shows.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::model::{ExchangeView, Status, SymbolView};

/// How many symbols a page shows.
pub(super) const ROWS: usize = 50;

/// The longest text that is searched for.
const LONGEST: usize = 64;

/// What of the symbols a page shows, as the query of its address says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// A part of their names.
    pub search: String,
    /// The exchange; all of them if it is empty.
    pub exchange: String,
    /// Those with which something is wrong, and no others.
    pub only_wrong: bool,
    /// The page of the list, from 0.
    pub page: usize,
}

impl View {
    /// The view that `query` says: `q` has a part of the names, `exchange` the exchange, `state=wrong` leaves
    /// out what is in order, and `page` is a number from 1. Everything else counts as not said.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        let mut view = Self::default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = value.replace('+', " ");
            let value = percent_decode_str(&value).decode_utf8_lossy();
            let text = || {
                let start: String = value.trim().chars().take(LONGEST).collect();
                start.trim_end().to_owned()
            };
            match name {
                "q" => view.search = text(),
                "exchange" => view.exchange = text(),
                "state" => view.only_wrong = value == "wrong",
                "page" => view.page = value.parse::<usize>().map_or(0, |it| it.saturating_sub(1)),
                _ => {}
            }
        }
        view
    }

    /// The symbols to show, the worst first, and how many there are in all.
    pub(super) fn of<'a>(
        &self,
        status: &'a Status,
    ) -> (Vec<(&'a ExchangeView, &'a SymbolView)>, usize) {
        let search = self.search.to_lowercase();
        let exchanges = status.exchanges.iter();
        let exchanges =
            exchanges.filter(|it| self.exchange.is_empty() || it.exchange == self.exchange);
        let symbols =
            exchanges.flat_map(|exchange| exchange.symbols.iter().map(move |it| (exchange, it)));
        let mut symbols: Vec<_> = symbols
            .filter(|(_, it)| !self.only_wrong || it.state.is_wrong())
            .filter(|(_, it)| search.is_empty() || it.symbol.to_lowercase().contains(&search))
            .collect();
        // Stable: by exchange and name among themselves.
        symbols.sort_by_key(|(_, it)| std::cmp::Reverse(it.state));
        let count = symbols.len();
        let first = self.page.min(last_page(count)) * ROWS;
        (symbols.into_iter().skip(first).take(ROWS).collect(), count)
    }

    /// The same view at another page.
    pub(super) fn at(&self, page: usize) -> Self {
        Self {
            page,
            ..self.clone()
        }
    }
}

/// The last page of so many symbols.
pub(super) fn last_page(count: usize) -> usize {
    count.saturating_sub(1) / ROWS
}

/// The query, as [`View::parse`] reads it.
impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        write!(f, "page={}", self.page.saturating_add(1))?;
        if !self.search.is_empty() {
            write!(f, "&q={}", encode(&self.search))?;
        }
        if !self.exchange.is_empty() {
            write!(f, "&exchange={}", encode(&self.exchange))?;
        }
        if self.only_wrong {
            f.write_str("&state=wrong")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_what_to_show() {
        let view = View::parse("q=BTC%2DU+%3C&exchange=okx&state=wrong&page=3&other=1&page");
        let expected = View {
            search: "BTC-U <".to_owned(),
            exchange: "okx".to_owned(),
            only_wrong: true,
            page: 2,
        };
        assert_eq!(view, expected);
        assert_eq!(View::parse(&view.to_string()), view);

        let cut_at_a_space = format!("q={}+b", "a".repeat(LONGEST - 1));
        let view = View::parse(&cut_at_a_space);
        assert_eq!(View::parse(&view.to_string()), view);
    }

    #[test]
    fn what_is_not_understood_counts_as_not_said() {
        for query in [
            "",
            "&&==",
            "page=0",
            "page=-1",
            "page=99999999999999999999",
            "q=%",
        ] {
            let view = View::parse(query);
            assert_eq!(view.page, 0, "{query}");
            assert!(!view.only_wrong && view.search.len() <= 1, "{query}");
        }
        assert_eq!(
            View::parse(&format!("q={}", "é".repeat(1000)))
                .search
                .chars()
                .count(),
            64
        );
    }
}
