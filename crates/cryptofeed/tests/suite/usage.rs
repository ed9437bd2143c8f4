//! Command lines that are not understood.

use crate::workspace::Workspace;

/// What people put where something else belongs.
const LOGINS: [&str; 4] = [
    "socks5h://alice:s3cret@proxy.example:1080",
    "http://alice:s3c=ret@proxy.example:1080",
    "alice:s3cret@proxy.example:1080",
    "socks5h://proxy.example:1080?password=s3cret",
];

fn assert_hidden(arguments: &[&str], variables: &[(&str, &str)]) {
    let finished = Workspace::new().output(arguments, variables);
    assert_eq!(finished.code, Some(2), "{arguments:?}: {}", finished.stderr);
    assert!(finished.stderr.contains("error: "), "{}", finished.stderr);
    for part in ["alice", "s3c", "ret@", "=s3cret"] {
        let shown = finished.stdout.clone() + &finished.stderr;
        assert!(
            !shown.contains(part),
            "{arguments:?} {variables:?}: {shown}"
        );
    }
}

#[test]
fn a_misplaced_login_is_not_repeated() {
    for login in LOGINS {
        for arguments in [
            &["run", "--config", login][..],
            &["run", "--duration", login],
            &["run", "--count", login],
            &["run", "--format", login],
            &["run", "--log", login],
            &["probe", "--exchange", login],
            &["check", login],
            &["check", "--", login],
            &[login],
            &[login, "run"],
            &["check", &format!("--config={login}")],
            &["check", &format!("--json={login}")],
            &["check", &format!("--log={login}")],
            &["check", &format!("--{login}")],
            &["mock", login],
            &["demo", "--duration", login],
            &["schema", login],
            &["completions", login],
        ] {
            assert_hidden(arguments, &[]);
        }
        for variable in ["CRYPTOFEED_CONFIG", "CRYPTOFEED_LOG"] {
            assert_hidden(&["check"], &[(variable, login)]);
        }
    }
}

#[test]
fn other_mistakes_are_named() {
    for (arguments, named) in [
        (&["rnu"][..], "rnu"),
        (&["rnu"], "a similar subcommand exists: 'run'"),
        (&["run", "--duration", "soon"], "soon"),
        (&["run", "--confg", "a.yaml"], "--confg"),
        (&["check", "--config", "none.yaml"], "none.yaml"),
    ] {
        let finished = Workspace::new().output(arguments, &[]);
        assert_eq!(finished.code, Some(2));
        assert!(finished.stderr.contains(named), "{}", finished.stderr);
    }
}

#[test]
fn a_file_may_have_an_at_sign_in_its_name() {
    let workspace = Workspace::new();
    workspace.file("feed@eu.yaml", "proxy: direct");
    let check = workspace.output(&["check", "--config", "feed@eu.yaml"], &[]);
    assert_eq!(check.code, Some(0), "{}", check.stderr);
}

#[test]
fn what_is_asked_for_is_no_failure() {
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["help"],
        &["help", "--help"],
        &["help", "-h"],
    ] {
        let finished = Workspace::new().output(arguments, &[]);
        assert_eq!(finished.code, Some(0));
        assert!(
            finished.stdout.contains("cryptofeed"),
            "{}",
            finished.stdout
        );
    }
}
