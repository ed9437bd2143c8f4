//! The page of the status, in a real browser.

use std::time::{Duration, Instant};

use feeds::Binance;
use serde_json::{Value, json};
use testkit::{Fault, MockExchange, ProxyFault, ProxyKind};
use tokio::time::sleep;

use crate::browser::{Browser, Screen};
use crate::child::PATIENCE;
use crate::status::{address_of, get};
use crate::workspace::Workspace;
use crate::world::World;

/// How long the page may take to show what is known.
pub(crate) const SOON: Duration = Duration::from_secs(2);

/// Waits until what the listener tells is as it `is` wanted.
async fn told(address: std::net::SocketAddr, is: impl Fn(&Value) -> bool) {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = get(address, "/status.json");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        if is(&serde_json::from_str(body).unwrap()) {
            return;
        }
        assert!(Instant::now() < end, "{body}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_a_failing_proxy_and_what_lacks_a_connection_within_two_seconds() {
    let workspace = Workspace::new();
    let world = World::start(&workspace).await;
    let first = world.proxy(ProxyKind::Socks5h, 2).await;
    let second = world.proxy(ProxyKind::Http, 3).await;
    let yaml = format!(
        "tls: {{ca_file: ca.pem}}\n\
         status: {{listen: 127.0.0.1:0, ready_after_seconds: 1}}\n\
         proxy:\n\
         \x20 enabled: true\n\
         \x20 default: '{first}'\n\
         \x20 exchanges: {{binance: {{http: '{first}', ws: {{pool: {{proxies: ['{second}'], breaker: {{cooldown_seconds: 1}}}}}}}}}}\n{}",
        world.feeds(),
        first = first.url(),
        second = second.url(),
    );
    workspace.file("cryptofeed.yaml", &yaml);
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    let address = address_of(&run);
    told(address, |status| status["readiness"]["is_ready"] == true).await;
    // Without a script, everything is there.
    let still = get(address, "/");
    for part in ["Ready", "BTC-USDT", "SOL-USDC", "cryptofeed.yaml", "weight"] {
        assert!(still.contains(part), "{part}: {still}");
    }

    let Some(browser) = Browser::start(&workspace).await else {
        return;
    };
    browser.emulate(Screen::Desktop, "light").await;
    let page = format!("http://{address}/");
    browser.client.goto(&page).await.unwrap();
    browser
        .until("document.getElementById('feed').dataset.state === 'live'")
        .await;
    browser
        .until("document.body.innerText.includes('Ready')")
        .await;
    browser.screenshot("ready").await;

    // The password of a proxy is changed, and its connections end.
    second.fail_with(ProxyFault::Refuse {
        code: 407,
        body: "the password has changed".to_owned(),
    });
    world.binance.inject(Fault::CloseFrame { code: 1001 });
    told(address, |status| {
        let text = status["proxies"].to_string();
        text.contains("407") && status["readiness"]["is_ready"] == false
    })
    .await;
    let known = Instant::now();
    for condition in [
        "document.getElementById('proxies').innerText.includes('407')",
        "document.getElementById('verdict').innerText.includes('Not ready')",
        "document.getElementById('verdict').innerText.includes('no connection')",
        "document.getElementById('symbols').innerText.includes('not connected')",
    ] {
        browser.until(condition).await;
    }
    assert!(known.elapsed() <= SOON, "{:?}", known.elapsed());
    for (screen, scheme, name) in [
        (Screen::Desktop, "light", "faults"),
        (Screen::Desktop, "dark", "faults-dark"),
        (Screen::Phone, "light", "faults-phone"),
        (Screen::Phone, "dark", "faults-phone-dark"),
    ] {
        browser.emulate(screen, scheme).await;
        browser.screenshot(name).await;
        if let Some(found) = browser.axe().await {
            assert_eq!(found, Vec::<String>::new(), "{name}");
        }
        let width = browser
            .run("return [document.documentElement.scrollWidth, window.innerWidth]")
            .await;
        assert_eq!(
            width[0], width[1],
            "{name}: the page is wider than the screen"
        );
    }

    second.recover();
    // A reload ends the wait for somebody to mend it.
    run.reload();
    browser
        .until("document.getElementById('verdict').innerText.includes('Ready')")
        .await;

    // Nothing is loaded from elsewhere, and nothing is against the page's own policy.
    let loaded = browser
        .run("return performance.getEntriesByType('resource').map((it) => it.name)")
        .await;
    for name in loaded.as_array().unwrap() {
        assert!(name.as_str().unwrap().starts_with(&page), "{name}");
    }
    assert_eq!(browser.complaints().await, Vec::<Value>::new());

    run.terminate();
    browser
        .until("document.getElementById('feed').dataset.state === 'lost'")
        .await;
    assert_eq!(run.finish().0, Some(0));
}

/// Binance with 1,500 symbols, of which each has several updates a minute.
async fn large() -> MockExchange {
    let mock = Binance::mock().symbols(1497).rate(3000.0).without_limits();
    mock.start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_1500_symbols_stays_fluent_and_is_filtered_with_the_keyboard() {
    let workspace = Workspace::new();
    let binance = large().await;
    let yaml = format!(
        "status: {{listen: 127.0.0.1:0}}\n\
         feeds: {{binance: {{symbols: '*', channels: [trades, ticker], rest_url: '{}', ws_url: '{}'}}}}\n",
        binance.rest_url(),
        binance.ws_url()
    );
    workspace.file("cryptofeed.yaml", &yaml);
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    let address = address_of(&run);
    told(address, |status| {
        let symbols = status["exchanges"][0]["symbols"].as_array();
        symbols.is_some_and(|it| it.len() == 1500)
    })
    .await;
    let Some(browser) = Browser::start(&workspace).await else {
        return;
    };
    browser.emulate(Screen::Desktop, "light").await;
    browser
        .client
        .goto(&format!("http://{address}/"))
        .await
        .unwrap();
    browser
        .until("performance.getEntriesByName('update').length >= 5")
        .await;
    browser.screenshot("symbols-1500").await;
    let updates = "return performance.getEntriesByName('update').map((it) => it.duration)";
    let updates: Vec<f64> = serde_json::from_value(browser.run(updates).await).unwrap();
    println!("updates of the page, in milliseconds: {updates:.1?}");

    // From the top of the page to the filter by the keyboard alone.
    let rows = "document.querySelectorAll('#symbols tbody tr').length";
    browser.until(&format!("{rows} === 50")).await;
    let mut stops = 0;
    while browser.run("return document.activeElement.name").await != "q" {
        let focused = browser.client.active_element().await.unwrap();
        focused.send_keys("\u{e004}").await.unwrap();
        stops += 1;
        assert!(stops < 20, "the filter is not reached");
    }
    let search = browser.client.active_element().await.unwrap();
    search.send_keys("T0042").await.unwrap();
    browser.until(&format!("{rows} === 1")).await;
    browser.until("location.search === '?q=T0042'").await;
    // What is live does not take the focus away.
    let count = "performance.getEntriesByName('update').length";
    let before = browser.run(&format!("return {count}")).await;
    browser.until(&format!("{count} > {before} + 2")).await;
    assert_eq!(browser.run("return document.activeElement.name").await, "q");
    assert_eq!(
        browser.run("return document.activeElement.value").await,
        "T0042"
    );
    assert_eq!(browser.complaints().await, Vec::<Value>::new());
    assert_eq!(
        browser.run("return document.title").await,
        json!(concat!("cryptofeed ", env!("VERSION_AND_COMMIT")))
    );
}
