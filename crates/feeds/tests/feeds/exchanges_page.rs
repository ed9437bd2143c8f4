//! The page of the exchanges is made of their notes and limits.

use std::fs;
use std::path::Path;
use std::time::Duration;

use feeds::exchange::Window;
use feeds::{EXCHANGES, Limits};
use testkit::documented;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/exchanges.md");

/// A row of a table: what it is about, and a cell for each exchange.
type Row = (String, Vec<String>);

/// What a limit is in words, if there is one.
type Cell = fn(&Limits) -> Option<String>;

#[test]
fn the_page_of_the_exchanges_is_up_to_date() {
    let differences = table(&differences());
    let limits = table(&limits());
    // Both at once: with `UPDATE_DOCS`, each call writes the page.
    let outcomes = [("differences", differences), ("limits", limits)]
        .map(|(name, table)| documented(PAGE, name, &table));
    assert_eq!(outcomes, [Ok(()), Ok(())]);
}

/// The rows that each exchange's `notes.md` has under the same names in the same order.
fn differences() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (index, registration) in EXCHANGES.iter().enumerate() {
        let notes = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/exchange")
            .join(registration.id)
            .join("notes.md");
        let notes = fs::read_to_string(&notes).unwrap();
        let notes: Vec<_> = notes.lines().skip(2).map(cells).collect();
        if index == 0 {
            rows = notes
                .iter()
                .map(|(name, _)| (name.clone(), vec![]))
                .collect();
        }
        assert_eq!(notes.len(), rows.len(), "{}", registration.id);
        for ((name, note), row) in notes.into_iter().zip(&mut rows) {
            assert_eq!(name, row.0, "{}", registration.id);
            row.1.push(note);
        }
    }
    rows
}

fn cells(line: &str) -> (String, String) {
    let cells = line.trim_matches(['|', ' ']);
    let (name, note) = cells.split_once(" | ").unwrap();
    (name.to_owned(), note.to_owned())
}

fn limits() -> Vec<Row> {
    let rows: [(&str, Cell); 14] = [
        ("streams of a connection", |it| it.streams.map(number)),
        ("symbols of a connection", |it| it.symbols.map(number)),
        ("path of a URL", |it| it.url.map(bytes)),
        ("message to the exchange", |it| it.request.map(bytes)),
        ("streams of a request", |it| {
            it.streams_per_request.map(number)
        }),
        ("message from the exchange", |it| Some(bytes(it.frame))),
        ("messages", |it| it.messages.map(window)),
        ("subscriptions", |it| it.operations.map(window)),
        ("connections", |it| it.dials.map(window)),
        ("REST", |it| {
            let windows: Vec<_> = it
                .rest
                .iter()
                .map(|it| format!("{}: {}", it.name, window(*it)))
                .collect();
            (!windows.is_empty()).then(|| windows.join("; "))
        }),
        ("longest life of a connection", |it| it.rollover.map(time)),
        ("silent", |it| Some(time(it.silence))),
        ("a ping of ours", |it| {
            it.ping_interval
                .map(|it| format!("after {} without a message", time(it)))
        }),
        ("keep-alive", |it| {
            it.keep_alive
                .map(|it| format!("`{}` every {}", it.text, time(it.every)))
        }),
    ];
    let exchanges: Vec<_> = EXCHANGES.iter().map(|it| (it.default)()).collect();
    let cell = |limit: Option<String>| limit.unwrap_or_else(|| "–".to_owned());
    rows.into_iter()
        .map(|(name, limit)| {
            let cells = exchanges.iter().map(|it| cell(limit(it.limits())));
            (name.to_owned(), cells.collect())
        })
        .collect()
}

fn table(rows: &[Row]) -> String {
    let abouts: Vec<_> = EXCHANGES.iter().map(|it| it.about.to_owned()).collect();
    let mut lines = vec![
        line("", &abouts),
        format!("|---|{}", "---|".repeat(EXCHANGES.len())),
    ];
    lines.extend(rows.iter().map(|(name, cells)| line(name, cells)));
    lines.join("\n")
}

fn line(name: &str, cells: &[String]) -> String {
    format!("| {name} | {} |", cells.join(" | "))
}

fn window(Window { units, per, .. }: Window) -> String {
    format!("{} in {}", number(units), time(per))
}

fn bytes(bytes: usize) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{} bytes", number(u32::try_from(bytes).unwrap())),
    }
}

/// With a comma at the thousands.
fn number(number: u32) -> String {
    match number / 1000 {
        0 => number.to_string(),
        thousands => format!("{thousands},{:03}", number % 1000),
    }
}

fn time(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}
