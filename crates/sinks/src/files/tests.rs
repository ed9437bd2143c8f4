use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use feeds::{Channel, Symbol};

use super::*;
use crate::record::{Identity, Record};
use crate::run::RunId;

const HOUR_NS: i64 = 3_600_000_000_000;

/// A folder that is removed when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sinks-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The names of all files, and their content.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&self.0).unwrap().to_str().unwrap();
                    files.push((name.to_owned(), fs::read(&path).unwrap()));
                }
            }
        }
        files.sort();
        files
    }

    fn settings(&self) -> FileSettings {
        FileSettings::new(&self.0)
    }

    fn append(&self, name: &str, bytes: &[u8]) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.unwrap().write_all(bytes).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn record(run: &RunId, sequence: u64, channel: Option<Channel>, received_ns: i64) -> Arc<Record> {
    Arc::new(Record {
        run: run.clone(),
        claim: None,
        sequence,
        exchange: "binance".into(),
        connection: None,
        name: "trade",
        channel,
        symbol: Some(Symbol::parse("BTC-USDT").unwrap()),
        received_ns,
        identity: Identity::Sequence,
        line: format!("{{\"sequence\":{sequence}}}").into(),
    })
}

fn trades(run: &RunId, sequences: impl Iterator<Item = u64>, received_ns: i64) -> Records {
    sequences
        .map(|it| record(run, it, Some(Channel::Trades), received_ns))
        .collect()
}

fn text(sequences: impl Iterator<Item = u64>) -> Vec<u8> {
    let line = |sequence| format!("{{\"sequence\":{sequence}}}\n");
    sequences.map(line).collect::<String>().into()
}

#[test]
fn a_file_is_for_an_exchange_a_channel_and_an_hour() {
    let scratch = Scratch::new();
    let mut folder = Folder::new(scratch.settings());
    let run = RunId::named("r");
    let mut records: Records = [
        record(&run, 1, None, 0),
        record(&run, 2, Some(Channel::Trades), 0),
        record(&run, 3, Some(Channel::L2Book), HOUR_NS - 1),
        record(&run, 4, Some(Channel::Trades), HOUR_NS),
        // It has come by another connection, and was received before.
        record(&run, 5, Some(Channel::Trades), HOUR_NS - 1),
    ]
    .into();
    folder.write(&mut records, 0).unwrap();
    assert!(records.is_empty());
    folder.complete().unwrap();
    let expected = [
        ("binance/feed/1970-01-01T00.r-1.jsonl", text(1..=1)),
        ("binance/l2_book/1970-01-01T00.r-3.jsonl", text(3..=3)),
        ("binance/trades/1970-01-01T00.r-2.jsonl", text(2..=2)),
        ("binance/trades/1970-01-01T01.r-4.jsonl", text(4..=5)),
    ];
    let expected = expected.map(|(name, text)| (name.to_owned(), text));
    assert_eq!(scratch.files(), expected);
}

#[test]
fn channels_share_a_file_where_the_pattern_has_none() {
    let scratch = Scratch::new();
    let pattern = FilePattern::parse("{date}").unwrap();
    let mut folder = Folder::new(FileSettings {
        pattern,
        ..scratch.settings()
    });
    let run = RunId::named("r");
    let channels = [None, Some(Channel::Trades), Some(Channel::L2Book)];
    let records = (1..).zip(channels);
    let mut records: Records = records
        .map(|(sequence, channel)| record(&run, sequence, channel, 0))
        .collect();
    folder.write(&mut records, 0).unwrap();
    folder.complete().unwrap();
    let expected = ("1970-01-01.r-1.jsonl".to_owned(), text(1..=3));
    assert_eq!(scratch.files(), [expected]);
}

#[test]
fn lines_are_written_within_a_second_and_a_file_has_its_name_when_it_is_complete() {
    let scratch = Scratch::new();
    let mut folder = Folder::new(scratch.settings());
    let run = RunId::named("r");
    folder.write(&mut trades(&run, 1..=1, 0), 0).unwrap();
    let part = "binance/trades/1970-01-01T00.r-1.jsonl.part".to_owned();
    folder.flush(999_999_999).unwrap();
    assert_eq!(folder.unstored(), 1);
    assert_eq!(scratch.files(), [(part.clone(), vec![])]);
    folder.flush(1_000_000_000).unwrap();
    assert_eq!(folder.unstored(), 0);
    assert_eq!(scratch.files(), [(part, text(1..=1))]);
    // Nothing comes any more: the hour ends nevertheless.
    folder.flush(HOUR_NS + 4_000_000_000).unwrap();
    assert_eq!(scratch.files().len(), 1);
    folder.flush(HOUR_NS + 5_000_000_000).unwrap();
    let complete = "binance/trades/1970-01-01T00.r-1.jsonl".to_owned();
    assert_eq!(scratch.files(), [(complete, text(1..=1))]);
}

#[test]
fn another_file_follows_by_age_by_size_and_by_run() {
    let scratch = Scratch::new();
    let mut folder = Folder::new(FileSettings {
        pattern: FilePattern::parse("all").unwrap(),
        rotate_after: Some(Duration::from_secs(10)),
        rotate_bytes: Some(100_000),
        ..scratch.settings()
    });
    let (one, two) = (RunId::named("one"), RunId::named("two"));
    folder.write(&mut trades(&one, 1..=1, 0), 0).unwrap();
    folder
        .write(&mut trades(&one, 2..=9000, 0), 10_000_000_000)
        .unwrap();
    folder
        .write(&mut trades(&two, 1..=1, 0), 11_000_000_000)
        .unwrap();
    folder.complete().unwrap();
    let files = scratch.files();
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "all.one-1.jsonl",
            "all.one-2.jsonl",
            "all.one-3.jsonl",
            "all.two-4.jsonl"
        ]
    );
    let size = files[1].1.len();
    assert!((100_000..200_000).contains(&size), "{size}");
    let all: Vec<_> = files.into_iter().flat_map(|(_, text)| text).collect();
    assert_eq!(all, [text(1..=9000), text(1..=1)].concat());
}

#[test]
fn what_a_process_has_left_is_cut_after_the_last_whole_line() {
    let scratch = Scratch::new();
    scratch.append("a/x.r-1.jsonl.part", b"{\"sequence\":1}\n{\"sequ");
    scratch.append("a/x.r-2.jsonl.part", b"{\"sequ");
    scratch.append("a/x.r-3.jsonl.part", b"{\"sequence\":3}\n");
    scratch.append("a/no file of ours.part", b"x");
    let long = [vec![b'x'; 200_000], b"\ntorn".to_vec(), vec![b'y'; 200_000]].concat();
    scratch.append("a/x.r-4.jsonl.part", &long);
    FileSink::open(scratch.settings()).unwrap();
    let expected = [
        ("a/no file of ours.part", b"x".to_vec()),
        ("a/x.r-1.jsonl", text(1..=1)),
        ("a/x.r-3.jsonl", text(3..=3)),
        ("a/x.r-4.jsonl", long[..=200_000].to_vec()),
    ];
    let expected = expected.map(|(name, text)| (name.to_owned(), text));
    assert_eq!(scratch.files(), expected);
}

#[cfg(unix)]
#[test]
fn what_is_left_behind_a_link_is_completed_once_and_the_systems_own_folder_is_left_alone() {
    let scratch = Scratch::new();
    scratch.append("real/binance/x.r-1.jsonl.part", b"{\"sequence\":1}\n{");
    scratch.append("data/lost+found/x.r-2.jsonl.part", b"torn");
    let data = scratch.0.join("data");
    std::os::unix::fs::symlink("../real/binance", data.join("binance")).unwrap();
    std::os::unix::fs::symlink("..", data.join("circle")).unwrap();
    std::os::unix::fs::symlink("nowhere", data.join("broken")).unwrap();
    FileSink::open(FileSettings::new(&data)).unwrap();
    let complete = scratch.0.join("real/binance/x.r-1.jsonl");
    assert_eq!(fs::read(complete).unwrap(), text(1..=1));
    assert!(data.join("lost+found/x.r-2.jsonl.part").exists());
}

#[cfg(unix)]
#[test]
fn a_file_that_is_being_written_is_left_alone() {
    let scratch = Scratch::new();
    let mut folder = Folder::new(scratch.settings());
    folder
        .write(&mut trades(&RunId::named("r"), 1..=1, 0), 0)
        .unwrap();
    FileSink::open(scratch.settings()).unwrap();
    assert!(scratch.files()[0].0.ends_with(".part"));
    folder.complete().unwrap();
    assert_eq!(scratch.files()[0].1, text(1..=1));
}

#[test]
fn a_file_that_is_removed_or_replaced_while_it_is_written_is_there_again_with_all_of_it() {
    let scratch = Scratch::new();
    let mut folder = Folder::new(scratch.settings());
    let run = RunId::named("r");
    folder.write(&mut trades(&run, 1..=1, 0), 0).unwrap();
    folder.flush(1_000_000_000).unwrap();
    fs::remove_dir_all(scratch.0.join("binance")).unwrap();
    folder
        .write(&mut trades(&run, 2..=2, 0), 1_000_000_000)
        .unwrap();
    folder.flush(2_000_000_000).unwrap();
    let part = "binance/trades/1970-01-01T00.r-1.jsonl.part".to_owned();
    assert_eq!(scratch.files(), [(part.clone(), text(1..=2))]);
    // As a tool that moves logs away does, and puts an empty one in their place.
    fs::remove_file(scratch.0.join(&part)).unwrap();
    scratch.append(&part, b"");
    folder.complete().unwrap();
    let complete = "binance/trades/1970-01-01T00.r-1.jsonl".to_owned();
    assert_eq!(scratch.files(), [(complete, text(1..=2))]);
}

#[test]
fn a_folder_that_cannot_be_is_an_error_at_the_start() {
    let scratch = Scratch::new();
    scratch.append("file", b"");
    let below = FileSettings::new(scratch.0.join("file/folder"));
    FileSink::open(below).unwrap_err();
}

#[cfg(feature = "zstd")]
mod zstd_files {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<u8> {
        zstd::stream::decode_all(bytes).unwrap()
    }

    fn settings(scratch: &Scratch) -> FileSettings {
        FileSettings {
            compression: Compression::Zstd,
            ..scratch.settings()
        }
    }

    #[test]
    fn a_compressed_file_has_the_same_lines() {
        let scratch = Scratch::new();
        let mut folder = Folder::new(settings(&scratch));
        let run = RunId::named("r");
        folder.write(&mut trades(&run, 1..=20_000, 0), 0).unwrap();
        folder.complete().unwrap();
        let [(name, bytes)] = &scratch.files()[..] else {
            panic!("{:?}", scratch.files().len());
        };
        assert_eq!(name, "binance/trades/1970-01-01T00.r-1.jsonl.zst");
        assert_eq!(read(bytes), text(1..=20_000));
        assert!(bytes.len() < 100_000);
    }

    #[test]
    fn whatever_is_left_of_a_compressed_file_ends_with_a_whole_line() {
        let scratch = Scratch::new();
        let mut folder = Folder::new(settings(&scratch));
        let run = RunId::named("r");
        let mut now_ns = 0;
        for start in 0..20 {
            let some = start * 100 + 1..=start * 100 + 100;
            folder.write(&mut trades(&run, some, 0), now_ns).unwrap();
            now_ns += 1_000_000_000;
            folder.flush(now_ns).unwrap();
        }
        let whole = scratch.files().remove(0).1;
        for length in (0..=whole.len()).step_by(37).chain([whole.len()]) {
            let scratch = Scratch::new();
            scratch.append("x.r-1.jsonl.zst.part", &whole[..length]);
            FileSink::open(settings(&scratch)).unwrap();
            let mut files = scratch.files();
            if let Some((name, bytes)) = files.pop() {
                assert_eq!(name, "x.r-1.jsonl.zst");
                let lines = read(&bytes);
                assert_eq!(lines.last(), Some(&b'\n'));
                assert!(text(1..=2000).starts_with(&lines), "{length}");
                if length == whole.len() {
                    assert_eq!(lines, text(1..=2000));
                }
            }
            assert_eq!(files, []);
        }
    }

    #[test]
    fn a_copy_that_was_not_made_to_its_end_is_made_again() {
        let scratch = Scratch::new();
        let bytes = zstd::stream::encode_all(&*text(1..=3), 3).unwrap();
        scratch.append("x.r-1.jsonl.zst.part", &bytes);
        scratch.append("x.r-1.jsonl.zst.part.copy", b"half");
        FileSink::open(settings(&scratch)).unwrap();
        let files = scratch.files();
        assert_eq!(files.len(), 1);
        assert_eq!(read(&files[0].1), text(1..=3));
    }
}
