use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use super::state::News;
use super::*;

fn list(text: &str) -> ProxyList {
    ProxyList::parse(text.as_bytes())
}

fn kept(why: &str) -> News {
    News::Kept { why: why.into() }
}

fn changed([proxies, added, gone]: [usize; 3]) -> News {
    News::Changed {
        proxies,
        added,
        gone,
        refused: 0,
        faults: None,
    }
}

#[test]
fn the_last_good_list_stays_whatever_comes_after_it() {
    let mut state = ListState::default();
    assert!(!state.has_looked());
    assert_eq!(state.take(Err("no such file".into())), kept("no such file"));
    assert!(state.has_looked() && state.list().is_none());
    let good = list("http://a:1\nhttp://b:2");
    assert_eq!(state.take(Ok(Some(good.clone()))), changed([2, 2, 0]));
    let used = Arc::clone(state.list().unwrap());
    for bad in [Err("timed out".into()), Ok(Some(list(""))), Err("b".into())] {
        assert!(matches!(state.take(bad), News::Kept { .. }));
        assert!(Arc::ptr_eq(state.list().unwrap(), &used));
    }
    // The same list again is the same one for the pools.
    assert_eq!(state.take(Ok(Some(good))), News::Mended);
    assert!(Arc::ptr_eq(state.list().unwrap(), &used));
    let other = list("http://b:2\nhttp://c:3\nhttp://d:4");
    assert_eq!(state.take(Ok(Some(other))), changed([3, 2, 1]));
}

#[test]
fn what_is_wrong_is_told_once_and_again_when_it_is_something_else() {
    let mut state = ListState::default();
    let fail = |state: &mut ListState, why: &str| state.take(Err(why.into()));
    assert_eq!(fail(&mut state, "timed out"), kept("timed out"));
    assert_eq!(fail(&mut state, "timed out"), News::Nothing);
    assert_eq!(fail(&mut state, "status 503"), kept("status 503"));
    assert_eq!(state.take(Ok(None)), News::Mended);
    assert_eq!(state.take(Ok(None)), News::Nothing);
    assert_eq!(fail(&mut state, "timed out"), kept("timed out"));
    let disabled = list("- {url: 'http://a:1', enabled: no}");
    assert_eq!(
        state.take(Ok(Some(disabled))),
        kept("it has no proxy that is enabled")
    );
    assert_eq!(
        state.take(Ok(Some(list("ftp://u:s3cret@a:1")))),
        kept(
            "it has no proxy: line 1: Unsupported proxy scheme: ftp; expected http, https, socks4, \
             socks4a, socks5 or socks5h"
        )
    );
}

#[test]
fn bad_entries_are_told_with_the_good_ones() {
    let mut state = ListState::default();
    let News::Changed {
        proxies: 1,
        refused: 2,
        faults: Some(faults),
        ..
    } = state.take(Ok(Some(list("http://a:1\nu:s3cret@b:2\nhttp://a:1"))))
    else {
        panic!("one proxy, and two that are none");
    };
    assert!(faults.contains("line 2: ") && faults.contains("line 3: "));
    assert!(!faults.contains("s3cret"));
}

/// A file in a folder of its own.
struct Listing(PathBuf);

impl Listing {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("proxy-injector-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder.join("proxies.txt"))
    }

    fn write(&self, text: &str) {
        fs::write(&self.0, text).unwrap();
    }

    /// As written long ago.
    fn age(&self) {
        self.date(SystemTime::now() - Duration::from_secs(3600));
    }

    /// As written at that time.
    fn date(&self, modified: SystemTime) {
        let file = fs::File::options().append(true).open(&self.0).unwrap();
        file.set_modified(modified).unwrap();
    }

    /// The same file with the same time, as after `cp -p`.
    #[cfg(unix)]
    fn overwrite(&self, text: &str) {
        let modified = fs::metadata(&self.0).unwrap().modified().unwrap();
        self.write(text);
        self.date(modified);
    }

    /// Another file of the same length and age in its place, as by a rename.
    fn replace(&self, text: &str) {
        let modified = fs::metadata(&self.0).unwrap().modified().unwrap();
        let next = self.0.with_extension("next");
        fs::write(&next, text).unwrap();
        let file = fs::File::options().append(true).open(&next).unwrap();
        file.set_modified(modified).unwrap();
        fs::rename(&next, &self.0).unwrap();
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        fs::remove_dir_all(self.0.parent().unwrap()).unwrap();
    }
}

fn urls(found: Option<ProxyList>) -> Vec<String> {
    let members = found.unwrap().members().to_vec();
    let urls = members
        .iter()
        .map(|member| member.server().unwrap().to_string());
    urls.collect()
}

#[tokio::test(start_paused = true)]
async fn a_file_is_read_when_its_metadata_have_changed() {
    let listing = Listing::new();
    let source = FileSource::new(&listing.0);
    assert!(
        source
            .list()
            .await
            .unwrap_err()
            .to_string()
            .contains("No such file")
    );
    listing.write("http://a:1\n");
    listing.age();
    assert_eq!(urls(source.list().await.unwrap()), ["http://a:1"]);
    assert_eq!(source.list().await.unwrap(), None);
    // The name, the time and the length are the same; it is another file.
    #[cfg(unix)]
    {
        listing.replace("http://b:2\n");
        assert_eq!(urls(source.list().await.unwrap()), ["http://b:2"]);
        assert_eq!(source.list().await.unwrap(), None);
        // The same file with the same time and length; it was written to.
        listing.overwrite("http://c:3\n");
        assert_eq!(urls(source.list().await.unwrap()), ["http://c:3"]);
    }
    fs::remove_file(&listing.0).unwrap();
    source.list().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_being_written_is_not_read_before_it_has_settled() {
    let listing = Listing::new();
    // In the future, so that it is not old enough on a slow machine either.
    let later = |seconds| SystemTime::now() + Duration::from_secs(seconds);
    listing.write("http://a:1\nhttp://b");
    listing.date(later(3600));
    let source = Arc::new(FileSource::new(&listing.0));
    let reader = Arc::clone(&source);
    let reading = tokio::spawn(async move { reader.list().await });
    // It has looked at the file, and waits.
    tokio::time::sleep(Duration::from_millis(400)).await;
    listing.write("http://a:1\nhttp://b:2\n");
    listing.date(later(7200));
    let found = reading.await.unwrap().unwrap();
    assert_eq!(urls(found), ["http://a:1", "http://b:2"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_file_or_too_large_is_an_error() {
    let listing = Listing::new();
    let source = FileSource::new(listing.0.parent().unwrap());
    assert_eq!(
        source.list().await.unwrap_err().to_string(),
        "it is not a file"
    );
    listing.write(&"#".repeat(MOST_BYTES + 1));
    listing.age();
    assert_eq!(
        FileSource::new(&listing.0)
            .list()
            .await
            .unwrap_err()
            .to_string(),
        "it has more than 1 MiB"
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_without_a_proxy_is_read_again() {
    let listing = Listing::new();
    listing.write("# none\n");
    listing.age();
    let source = FileSource::new(&listing.0);
    for _ in 0..2 {
        assert!(source.list().await.unwrap().unwrap().is_empty());
    }
}
