//! The proof, packet by packet: what a client sends is counted as it leaves its host.

use testkit::ProxyKind;

use super::network::{EXCHANGE, NOBODY, PROXY, SECOND};
use super::role::{NAME, PASSWORD, USER, port};
use super::stage::{Report, Stage};
use crate::skip::skip;

/// A name that no proxy knows.
const UNKNOWN: &str = "nowhere.test";

/// A port at which no proxy listens.
const CLOSED: u16 = 1;

#[test]
fn through_a_proxy_every_packet_goes_to_it() {
    let Some(stage) = stage() else {
        return;
    };
    for kind in ProxyKind::ALL {
        let report = stage.connect(Some(&url(kind, USER, port(kind))), &reachable(kind));
        assert_eq!(outcomes(&report), ["Connected"; 2], "{kind}");
        assert_only_to_proxy(&report, kind);
    }
}

#[test]
fn through_a_proxy_that_fails_every_packet_goes_to_it() {
    let Some(stage) = stage() else {
        return;
    };
    for kind in ProxyKind::ALL {
        let stranger = stage.connect(Some(&url(kind, "mallory", port(kind))), &reachable(kind));
        assert_eq!(outcomes(&stranger), ["Authentication"; 2], "{kind}");
        assert_only_to_proxy(&stranger, kind);

        let nobody_there = stage.connect(Some(&url(kind, USER, CLOSED)), &reachable(kind));
        assert_eq!(outcomes(&nobody_there), ["Refused"; 2], "{kind}");
        assert_only_to_proxy(&nobody_there, kind);

        if kind.is_remote_dns() {
            let lost = stage.connect(Some(&url(kind, USER, port(kind))), UNKNOWN);
            assert_eq!(outcomes(&lost), ["Rejected"; 2], "{kind}");
            assert_only_to_proxy(&lost, kind);
        }
    }
}

#[test]
fn from_a_local_address_every_packet_has_it() {
    let Some(stage) = stage() else {
        return;
    };
    let report = stage.connect_from(SECOND, &EXCHANGE.to_string());
    assert_eq!(outcomes(&report), ["Connected"; 2]);
    let sent = &report.sent;
    assert!(sent.from_address > 0, "{report:?}");
    assert_eq!((sent.to_name_server, sent.elsewhere), (0, 0), "{report:?}");

    let gone = stage.connect_from(NOBODY, &EXCHANGE.to_string());
    assert_eq!(outcomes(&gone), ["Unreachable"; 2]);
    let sent = &gone.sent;
    let all = (sent.from_address, sent.to_name_server, sent.elsewhere);
    assert_eq!(all, (0, 0, 0), "{gone:?}");
}

#[test]
fn what_does_not_go_to_the_proxy_is_counted() {
    let Some(stage) = stage() else {
        return;
    };
    let past = stage.connect(None, &EXCHANGE.to_string());
    assert_eq!(outcomes(&past), ["Connected"; 2]);
    assert!(past.sent.elsewhere > 0, "{past:?}");

    let asking = stage.connect(None, NAME);
    assert_eq!(outcomes(&asking), ["NameResolution"; 2]);
    assert!(asking.sent.to_name_server > 0, "{asking:?}");

    for kind in [ProxyKind::Socks4, ProxyKind::Socks5] {
        let asking = stage.connect(Some(&url(kind, USER, port(kind))), NAME);
        assert_eq!(outcomes(&asking), ["NameResolution"; 2], "{kind}");
        assert!(asking.sent.to_name_server > 0, "{kind}: {asking:?}");
        assert_eq!(asking.sent.to_proxy, 0, "{kind}");
    }
}

fn stage() -> Option<Stage> {
    match Stage::set() {
        Ok(stage) => Some(stage),
        Err(reason) => {
            skip("NAMESPACES", &reason);
            None
        }
    }
}

/// How to call the exchange so that this kind of proxy reaches it without a name server.
fn reachable(kind: ProxyKind) -> String {
    if kind.is_remote_dns() {
        NAME.to_owned()
    } else {
        EXCHANGE.to_string()
    }
}

fn url(kind: ProxyKind, user: &str, port: u16) -> String {
    let login = match kind {
        ProxyKind::Socks4 | ProxyKind::Socks4a => user.to_owned(),
        _ => format!("{user}:{PASSWORD}"),
    };
    format!("{kind}://{login}@{PROXY}:{port}")
}

fn outcomes(report: &Report) -> [&str; 2] {
    [&report.rest, &report.stream]
}

fn assert_only_to_proxy(report: &Report, kind: ProxyKind) {
    let sent = &report.sent;
    assert!(sent.to_proxy > 0, "{kind}: {report:?}");
    assert_eq!((sent.to_name_server, sent.elsewhere), (0, 0), "{kind}");
}
