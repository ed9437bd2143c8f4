//! Secrets are in no output of any command.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use testkit::{Canary, ProxyKind};

use crate::workspace::{Finished, Workspace};
use crate::world::World;

/// Only the password has a colon: HTTP's user names cannot.
const USER: &str = "Qkanarie@/%ü";
const PASSWORD: &str = "Zkanarie@/:%ß☂";

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn check_hidden(what: &str, finished: &Finished) {
    let canary = Canary::of_login(USER, PASSWORD);
    for output in [&finished.stdout, &finished.stderr] {
        assert_eq!(canary.form_in(output), None, "{what}: {output}");
    }
}

/// The rule for a proxy with the canaries, written in the three ways there are.
fn rules(kind: ProxyKind, address: &str) -> [String; 3] {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let (user, password) = (quoted(USER), quoted(PASSWORD));
    let url = format!("{kind}://{}:{}@{address}", escaped(USER), escaped(PASSWORD));
    [
        quoted(&url),
        format!("{{url: '{kind}://{address}', username: {user}, password: {password}}}"),
        format!("{{url: '{kind}://{address}', username: {user}, password_file: password}}"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_shows_a_user_name_or_a_password() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    workspace.file("password", PASSWORD);
    for kind in [ProxyKind::Http, ProxyKind::Socks5h, ProxyKind::Https] {
        let strict = world.proxy(kind, 2).await;
        let open = world.proxy_for(kind, 3, USER, PASSWORD).await;
        let refused = rules(kind, &strict.address().to_string());
        let accepted = rules(kind, &open.address().to_string());
        for (refused, accepted) in refused.iter().zip(&accepted) {
            let yaml = |rule: &str| {
                format!(
                    "tls: {{ca_file: ca.pem}}\n\
                     proxy: {{enabled: true, default: {{http: {rule}, ws: {rule}}}}}\n{}",
                    world.feeds()
                )
            };
            workspace.file("refused.yaml", &yaml(refused));
            workspace.file("accepted.yaml", &yaml(accepted));
            // A URL with the canaries, at the place of everything else that can be wrong.
            workspace.file(
                "wrong.yaml",
                &yaml(refused).replace("enabled: true", refused),
            );
            for (arguments, code) in [
                (vec!["check", "--config", "refused.yaml"], 0),
                (vec!["check", "--json", "--config", "refused.yaml"], 0),
                (vec!["check", "--config", "wrong.yaml"], 2),
                (vec!["probe", "--config", "refused.yaml"], 1),
                (vec!["probe", "--json", "--config", "refused.yaml"], 1),
                (vec!["probe", "--json", "--config", "accepted.yaml"], 0),
                (vec!["probe", "--config", "wrong.yaml"], 2),
                (vec!["schema"], 0),
                (vec!["run", "--config", "wrong.yaml"], 2),
                (
                    vec!["run", "--config", "refused.yaml", "--duration", "500ms"],
                    0,
                ),
                (vec!["run", "--config", "accepted.yaml", "--count", "50"], 0),
            ] {
                let arguments = [arguments, vec!["--log", "trace"]].concat();
                let finished = workspace.output(&arguments, &[]);
                let what = format!("{kind} {arguments:?}");
                assert_eq!(finished.code, Some(code), "{what}: {}", finished.stderr);
                let is_dialing = ["run", "probe"].contains(&arguments[0]) && code != 2;
                assert!(!is_dialing || finished.stderr.contains("TRACE"), "{what}");
                check_hidden(&what, &finished);
            }
        }
        let logins = strict.ledger().connections();
        let mut logins = logins.iter().filter_map(|it| it.authentication);
        assert!(logins.any(|login| !login.is_passed()), "{kind}");
    }
}
