//! Configurations that are cut off, or have a character too many: what is left never shows a part
//! of a secret, and never makes a connection direct.

use proxy_config::Sources;

const USER: &str = "QzJxWvKy";
const PASSWORD: &str = "KqXjZwVg";

/// As much of a secret must not show.
const PART: usize = 4;

/// One way to write the same rules, with secrets as keys, in URLs, in a pool and on the way.
struct Form {
    name: &'static str,
    text: &'static str,
}

const FORMS: [Form; 5] = [
    Form {
        name: "flow.yaml",
        text: "proxy: {enabled: true, strict: true, default: {http: {url: 'http://h:1', \
               username: USER, password: PASS, via: ['socks5h://USER:PASS@v:2']}, \
               websocket: {pool: {proxies: [socks5://USER:PASS@p:3, \
               {url: http://q:4, username: USER, password: \"PASS\"}]}}}, \
               exchanges: {okx: {ws: {url: http://o:5, username: USER, password: PASS}}}}\n\
               feeds: {okx: {symbols: [A-B]}}\n",
    },
    Form {
        name: "block.yaml",
        text: "proxy:\n  enabled: true\n  strict: true\n  default:\n    \
               http:\n      url: http://h:1\n      username: USER\n      password: PASS\n    \
               websocket: socks5h://USER:PASS@w:2\n  \
               exchanges:\n    okx:\n      http: http://USER:PASS@o:3\n\
               feeds:\n  okx:\n    symbols: [A-B]\n",
    },
    Form {
        name: "both.yaml",
        text: "proxy:\n  enabled: true\n  strict: true\n  default:\n    \
               url: http://h:1\n    username: USER\n    password: PASS\n    \
               timeout_seconds: 10\n  \
               exchanges:\n    okx: {pool: {proxies: [socks5h://USER:PASS@p:2, \
               {url: http://q:3, username: USER, password: PASS}]}}\n    \
               kraken: {url: http://o:4, username: USER, password: PASS}\n\
               feeds:\n  okx:\n    symbols: [A-B]\n",
    },
    Form {
        name: "file.json",
        text: r#"{"proxy": {"enabled": true, "strict": true, "default": {"http":
            {"url": "http://h:1", "username": "USER", "password": "PASS"},
            "websocket": "socks5h://USER:PASS@w:2"},
            "exchanges": {"okx": {"http": "http://USER:PASS@o:3"}}},
            "feeds": {"okx": {"symbols": ["A-B"]}}}"#,
    },
    Form {
        name: "file.toml",
        text: "[proxy]\nenabled = true\nstrict = true\n[proxy.default]\n\
               http = {url = 'http://h:1', username = 'USER', password = \"PASS\"}\n\
               websocket = 'socks5h://USER:PASS@w:2'\n\
               [proxy.exchanges.okx]\nhttp = 'http://USER:PASS@o:3'\n\
               [feeds.okx]\nsymbols = ['A-B']\n",
    },
];

impl Form {
    fn text(&self) -> String {
        self.text.replace("USER", USER).replace("PASS", PASSWORD)
    }

    fn sources(&self, text: &str) -> Sources {
        Sources::new()
            .with_section("feeds")
            .with_text(self.name, text)
    }
}

/// The first part of a secret that is in the text, in any case.
fn part_in(shown: &str) -> Option<&'static str> {
    let shown = shown.to_ascii_lowercase();
    let parts = |secret: &'static str| {
        (0..=secret.len() - PART).map(move |start| &secret[start..start + PART])
    };
    let mut parts = parts(USER).chain(parts(PASSWORD));
    parts.find(|part| shown.contains(&part.to_ascii_lowercase()))
}

/// All that is told of a text.
fn shown(form: &Form, text: &str) -> String {
    let document = form.sources(text).merge();
    document.read("feeds", |feeds| {
        let feed = feeds.table(&["okx"])?.field("okx")?;
        feed.table(&["symbols"])?
            .required("symbols")?
            .list()
            .map(drop)
    });
    match document.into_loaded() {
        Err(errors) => format!("{errors} {errors:?}"),
        Ok(loaded) => {
            let json = serde_json::to_string(loaded.settings()).unwrap();
            format!("{loaded:?} {json}")
        }
    }
}

fn assert_hidden(form: &Form, text: &str) {
    let shown = shown(form, text);
    if let Some(part) = part_in(&shown) {
        panic!("{part} of {}:\n{text}\n{shown}", form.name);
    }
}

#[test]
fn every_form_is_right_as_it_is() {
    for form in &FORMS {
        let loaded = form.sources(&form.text()).load().unwrap();
        let settings = loaded.settings();
        assert!(settings.is_enabled() && settings.is_strict() && settings.has_proxy());
    }
}

#[test]
fn a_configuration_that_is_cut_off_shows_no_part_of_a_secret() {
    for form in &FORMS {
        let text = form.text();
        for end in 0..text.len() {
            assert_hidden(form, &text[..end]);
            assert_hidden(form, &text[end..]);
        }
    }
}

#[test]
fn a_configuration_that_is_cut_off_is_refused_or_still_proxied() {
    for form in &FORMS {
        let text = form.text();
        for end in 0..text.len() {
            if let Ok(loaded) = form.sources(&text[..end]).load() {
                let settings = loaded.settings();
                let is_proxied = settings.is_enabled() && settings.has_proxy();
                assert!(is_proxied && settings.is_strict(), "{}", &text[..end]);
            }
        }
    }
}

#[test]
fn a_character_too_many_shows_no_part_of_a_secret() {
    for form in &FORMS {
        let text = form.text();
        for place in 0..=text.len() {
            let (before, after) = text.split_at(place);
            for more in [",", "}", "#", "{", "\"", "'", ": ", "\n"] {
                assert_hidden(form, &format!("{before}{more}{after}"));
            }
        }
    }
}

#[test]
fn whatever_stands_within_a_secret_no_part_of_it_shows() {
    for form in &FORMS {
        let text = form.text();
        let secrets = [USER, PASSWORD].into_iter();
        let starts = secrets.flat_map(|secret| text.match_indices(secret).map(|(at, _)| at));
        for place in starts.flat_map(|start| start..=start + USER.len()) {
            let (before, after) = text.split_at(place);
            for more in [
                ", ", " #", ",\n", "}, ", "}}, ", "],", "[", "]", "&", "*", "!", "|", ">", "%",
                "@", "`", "/", "\\", "=", "? ", "- ", "\t", ": ,", ": 1, ", "\0", "\u{FEFF}", "\r",
            ] {
                assert_hidden(form, &format!("{before}{more}{after}"));
            }
        }
    }
}

#[test]
fn the_rest_of_a_secret_that_has_become_a_key_does_not_show() {
    for form in &FORMS {
        let text = form.text();
        let secrets = [USER, PASSWORD].into_iter();
        let starts = secrets.flat_map(|secret| text.match_indices(secret).map(|(at, _)| at));
        for start in starts {
            for place in start..start + USER.len() {
                let (before, after) = text.split_at(place);
                let (rest, after) = after.split_at(start + USER.len() - place);
                for (before_key, after_key) in [
                    (", ", ": 1"),
                    (",", ": {a: 1}"),
                    (", '", "': [1]"),
                    ("', ", ": '"),
                    ("\", \"", "\": \""),
                    ("\n      ", ": 1"),
                    ("\n    ", ": {}"),
                    ("', ", " = '"),
                    ("'\n", " = '"),
                ] {
                    assert_hidden(
                        form,
                        &format!("{before}{before_key}{rest}{after_key}{after}"),
                    );
                }
            }
        }
    }
}
