//! One line per opened connection, with everything an operator asks for and no secret.

use proxy_config::{ConnectionProxies, ExchangeId, ProxyRule, ProxySettings};
use testkit::ProxyKind;

use crate::capture::Capture;
use crate::world::{BACKPACK, BINANCE, World, config};

#[tokio::test]
async fn each_opened_connection_leaves_one_line() {
    let world = World::start().await;
    let proxy = world
        .proxy(ProxyKind::Socks5h, 2)
        .credentials("alice", "hunter2")
        .start()
        .await
        .unwrap();
    let settings = ProxySettings::enabled()
        .with_default(ConnectionProxies::both(config(&proxy)))
        .with_exchange(
            ExchangeId::new("backpack").unwrap(),
            ConnectionProxies::both(ProxyRule::Direct),
        );
    let injected = world.injector(settings);
    let (capture, _guard) = Capture::begin();

    let rest = injected.exchange("binance").http();
    world.echo(&rest, BINANCE).await.unwrap();
    world.echo(&rest, BINANCE).await.unwrap();
    world
        .stream(&injected.exchange("backpack").websocket(), BACKPACK)
        .await;

    let lines = capture.lines("INFO");
    let of_the_system: Vec<_> = lines
        .iter()
        .filter_map(|line| line.split_once("connection opened "))
        .map(|(_, fields)| fields.to_owned())
        .collect();
    assert_eq!(
        of_the_system,
        [
            format!(
                r#"transport=http exchange="binance" scheme="socks5h" endpoint="{}" source=default"#,
                proxy.address()
            ),
            format!(
                r#"transport=websocket exchange="backpack" scheme="direct" endpoint="{}" source=exchange"#,
                format_args!("{BACKPACK}:{}", world.backpack.ws_addr().port())
            ),
        ]
    );
    assert!(!capture.text().contains("hunter2"));
}
