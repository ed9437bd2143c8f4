//! Sets `VERSION_AND_COMMIT`: the version, and the commit that was built where it is known.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Names the commit for a build without a repository, such as that of an image.
const VARIABLE: &str = "CRYPTOFEED_COMMIT";

/// What `cargo package` adds, with the commit of the package.
const PACKAGED: &str = ".cargo_vcs_info.json";

/// How much of a commit is shown.
const SHOWN: usize = 12;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let version = match commit() {
        Some(commit) => format!("{version} ({})", &commit[..SHOWN]),
        None => version,
    };
    println!("cargo:rustc-env=VERSION_AND_COMMIT={version}");
}

fn commit() -> Option<String> {
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    let given = env::var(VARIABLE).ok().as_deref().and_then(hash);
    let packaged = || {
        let info = read(&package.join(PACKAGED))?;
        hash(info.split_once("\"sha1\": \"")?.1.split('"').next()?)
    };
    // Not of any folder further up: a copy of the sources may be in somebody else's repository.
    let checked_out = || of_repository(&package.join("../../.git"));
    given.or_else(packaged).or_else(checked_out)
}

/// The commit that is checked out (gitrepository-layout(5)).
//
//     .git, or the folder that a file of this name points to    HEAD: a commit, or `ref: refs/heads/main`
//     the folder in its file `commondir`, if there is one       refs/heads/main, or a line of packed-refs
fn of_repository(git: &Path) -> Option<String> {
    let folder = match read(git) {
        Some(link) => git.parent()?.join(link.strip_prefix("gitdir: ")?.trim()),
        None => git.to_owned(),
    };
    let head = watched(&folder.join("HEAD"))?;
    let Some(name) = head.strip_prefix("ref: ").map(str::trim) else {
        return hash(&head);
    };
    let common = match read(&folder.join("commondir")) {
        Some(common) => folder.join(common.trim()),
        None => folder,
    };
    let packed = || {
        let refs = watched(&common.join("packed-refs"))?;
        let mut refs = refs.lines().filter_map(|line| line.split_once(' '));
        refs.find(|(_, packed)| *packed == name)
            .and_then(|(commit, _)| hash(commit))
    };
    watched(&common.join(name))
        .as_deref()
        .and_then(hash)
        .or_else(packed)
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// A file that is read anew when it has changed.
fn watched(path: &Path) -> Option<String> {
    let text = read(path)?;
    println!("cargo:rerun-if-changed={}", path.display());
    Some(text)
}

fn hash(text: &str) -> Option<String> {
    let text = text.trim();
    let is_hash = text.len() >= SHOWN && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then(|| text.to_owned())
}
