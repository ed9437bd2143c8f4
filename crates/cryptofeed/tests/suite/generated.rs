//! What the command says of itself: its version, completions and manual pages.

use std::path::Path;
use std::process::Command;

use crate::workspace::Workspace;

/// The commands, from the help.
fn commands(workspace: &Workspace) -> Vec<String> {
    let help = workspace.output(&["--help"], &[]).stdout;
    let (_, commands) = help.split_once("\nCommands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let names = commands.lines().map(|line| line.split_whitespace().next());
    names
        .map(|name| name.unwrap().to_owned())
        .filter(|name| name != "help")
        .collect()
}

#[test]
fn the_version_has_the_commit_that_is_checked_out() {
    let workspace = Workspace::new();
    let said = workspace.output(&["--version"], &[]).stdout;
    let version = concat!("cryptofeed ", env!("CARGO_PKG_VERSION"));
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.git");
    if option_env!("CRYPTOFEED_COMMIT").is_some() || !repository.exists() {
        assert!(said.starts_with(version), "{said}");
        return;
    }
    let head = Command::new("git")
        .arg("-C")
        .arg(env!("CARGO_MANIFEST_DIR"))
        .args(["-c", "safe.directory=*", "rev-parse", "--short=12", "HEAD"])
        .output()
        .unwrap();
    let head = String::from_utf8(head.stdout).unwrap();
    assert_eq!(said, format!("{version} ({})\n", head.trim()));
}

/// What a build script sets is in the environment of `cargo run` and `cargo test`, and a variable of the command
/// that it does not know is an error.
#[test]
fn the_build_leaves_no_variable_of_the_command_behind() {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let own: Vec<_> = names
        .filter(|name| name.starts_with("CRYPTOFEED_") && name != "CRYPTOFEED_COMMIT")
        .collect();
    assert_eq!(own, [""; 0]);
}

#[test]
fn every_shell_gets_completions_of_every_command() {
    let workspace = Workspace::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = workspace.output(&["completions", shell], &[]);
        assert_eq!(script.code, Some(0), "{}", script.stderr);
        for command in commands(&workspace) {
            assert!(script.stdout.contains(&command), "{shell}: {command}");
        }
    }
}

#[test]
fn bash_completes_a_command_and_an_option() {
    let workspace = Workspace::new();
    let script = workspace.output(&["completions", "bash"], &[]).stdout;
    workspace.file("script", &script);
    let complete = |words: &[&str]| {
        let current = words.last().unwrap();
        let line = format!(
            "source ./script; COMP_WORDS=({}); COMP_CWORD={}; _cryptofeed cryptofeed '{current}' ''; echo ${{COMPREPLY[@]}}",
            words.join(" "),
            words.len() - 1,
        );
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", &line])
            .current_dir(workspace.path(""));
        String::from_utf8(bash.output().unwrap().stdout).unwrap()
    };
    assert_eq!(complete(&["cryptofeed", "ru"]), "run\n");
    assert_eq!(complete(&["cryptofeed", "run", "--dur"]), "--duration\n");
}

#[test]
fn every_command_has_a_manual_page() {
    let workspace = Workspace::new();
    let folder = workspace.path("man1");
    std::fs::create_dir(&folder).unwrap();
    let written = workspace.output(&["man", "man1"], &[]);
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    let page = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let overview = page("cryptofeed.1");
    for command in commands(&workspace) {
        assert!(overview.contains(&format!("cryptofeed\\-{command}(1)")));
        let page = page(&format!("cryptofeed-{command}.1"));
        assert!(
            page.contains(&format!(".TH cryptofeed-{command} 1")),
            "{page}"
        );
    }
    let missing = workspace.output(&["man", "nowhere"], &[]);
    assert_eq!(missing.code, Some(1));
}
