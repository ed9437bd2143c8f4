use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A folder that is removed when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("tail-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Writes a file with the events that have these sequences.
    fn file(&self, name: &str, sequences: &[u64]) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, lines(sequences)).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn lines(sequences: &[u64]) -> String {
    let line = |sequence| {
        format!(
            r#"{{"v":1,"sequence":{sequence},"exchange":"binance","connection":null,"received_ns":1,"type":"shutdown_announced"}}"#
        ) + "\n"
    };
    sequences.iter().map(line).collect()
}

#[test]
fn a_file_is_read_that_was_completed_after_the_folder_was() {
    let scratch = Scratch::new();
    scratch.file("x.r-1.jsonl", &[1, 2]);
    let part = scratch.0.join("x.r-1.jsonl.part");
    assert_eq!(first_sequence(&part), Some(1));
    let mut tail = Tail::new(Source::Files);
    tail.read_file(name::run(&part), &part).unwrap();
    assert_eq!(tail.finish().events, 2);
    // Under both names, as a listing meanwhile has it.
    scratch.file("x.r-1.jsonl.part", &[1, 2]);
    let summary = read_files(&scratch.0).unwrap();
    assert_eq!((summary.events, summary.findings), (2, vec![]));
}

#[test]
fn a_file_that_has_no_event_yet_is_read_behind_those_that_have() {
    let scratch = Scratch::new();
    scratch.file("x.r-2.jsonl", &[3]);
    scratch.file("x.r-1.jsonl", &[1, 2]);
    scratch.file("a.r-3.jsonl.part", &[]);
    let files = walk(&scratch.0).unwrap().files;
    let names = in_order(files).into_iter().map(|(run, path)| {
        assert_eq!(run, Some(RunId::named("r")));
        path.strip_prefix(&scratch.0).unwrap().to_owned()
    });
    let names: Vec<_> = names.collect();
    let expected = ["x.r-1.jsonl", "x.r-2.jsonl", "a.r-3.jsonl.part"];
    assert_eq!(names, expected.map(PathBuf::from));
}

#[cfg(unix)]
#[test]
fn what_is_behind_links_is_read_once_and_what_cannot_be_read_is_found() {
    use std::os::unix::fs::symlink;

    let scratch = Scratch::new();
    scratch.file("elsewhere/trades/x.r-2.jsonl", &[2]);
    scratch.file("data/x.r-1.jsonl", &[1]);
    let data = scratch.0.join("data");
    symlink("../elsewhere", data.join("binance")).unwrap();
    symlink("..", data.join("circle")).unwrap();
    symlink("x.r-1.jsonl", data.join("latest.jsonl")).unwrap();
    let summary = read_files(&data).unwrap();
    assert_eq!((summary.events, &summary.findings), (2, &vec![]));
    let disk = data.join("disk");
    symlink("not mounted", &disk).unwrap();
    let summary = read_files(&data).unwrap();
    assert_eq!((summary.events, summary.wrong), (2, 1));
    assert!(summary.findings[0].starts_with(&disk.display().to_string()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_is_read_once() {
    use std::io::Write;

    let scratch = Scratch::new();
    let pipe = scratch.0.join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, mode, 0).unwrap();
    let writing = std::thread::spawn({
        let pipe = pipe.clone();
        move || {
            let mut file = fs::OpenOptions::new().write(true).open(pipe).unwrap();
            file.write_all(lines(&[1, 2, 3]).as_bytes()).unwrap();
        }
    });
    let summary = read_files(&pipe).unwrap();
    writing.join().unwrap();
    assert_eq!((summary.events, summary.wrong), (3, 0));
}
