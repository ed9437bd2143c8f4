//! The hosts and ports that the guide has for a firewall are those that the exchanges are asked at.

use std::collections::BTreeSet;

use feeds::{EXCHANGES, Exchange, RequestIds};
use http::Uri;
use testkit::documented;
use transport::Target;

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/user-guide.md");

#[test]
fn the_guide_has_the_hosts_and_ports_of_every_exchange() {
    let mut lines = vec![
        "| exchange | REST | WebSocket |".to_owned(),
        "|---|---|---|".to_owned(),
    ];
    lines.extend(EXCHANGES.iter().map(|registration| {
        let exchange = (registration.default)();
        let cells = [rest(&*exchange), streams(&*exchange)].map(|hosts| hosts.join(", "));
        format!("| {} | {} |", registration.about, cells.join(" | "))
    }));
    assert_eq!(documented(GUIDE, "hosts", &lines.join("\n")), Ok(()));
}

fn rest(exchange: &dyn Exchange) -> Vec<String> {
    let requests = [exchange.metadata_request(), exchange.ping_request()];
    let requests = requests.map(|request| request.unwrap());
    let hosts = requests.map(|request| host(&Target::from_http_uri(request.uri()).unwrap()));
    BTreeSet::from(hosts).into_iter().collect()
}

fn streams(exchange: &dyn Exchange) -> Vec<String> {
    let plan = exchange.plan(&[], &mut RequestIds::default()).unwrap();
    let uri = plan.socket.uri();
    let of = |uri: &Uri| host(&Target::from_ws_uri(uri).unwrap());
    let second = exchange.elsewhere(uri).map(|uri| of(&uri));
    [of(uri)].into_iter().chain(second).collect()
}

fn host(target: &Target) -> String {
    format!("`{}:{}`", target.host(), target.port())
}
