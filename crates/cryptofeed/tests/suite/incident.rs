//! Incidents, as an operator meets them: `run` against `mock --faults`, an alert, and the page.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::sleep;

use crate::browser::{Browser, Screen};
use crate::child::Running;
use crate::page::SOON;
use crate::status::{address_of, get};
use crate::workspace::Workspace;

/// How long the longest of these incidents may take to come and to go: a fault comes within 15 seconds and lasts for
/// a minute, and a stream is suspected after half a minute of silence.
const LONG: Duration = Duration::from_secs(150);

/// The mock with one proxy whose password is another one than that in `password`.
struct Incident {
    _mock: Running,
    /// The proxy whose password is wrong.
    proxy: String,
}

fn start(workspace: &Workspace) -> Incident {
    let mock = workspace.start(&["mock", "--faults", "quiet=10s/1m"], &[]);
    let listing: Value = serde_json::from_str(&mock.line()).unwrap();
    let url = |of: &Value, key: &str| of[key].as_str().unwrap().to_owned();
    let proxy = |kind: &str| url(&listing["proxies"][kind], "url");
    let strict = proxy("http");
    let (_, address) = strict.split_once('@').unwrap();
    let feed = |exchange: &str, symbols: &str| {
        let urls = &listing["exchanges"][exchange];
        let [rest, ws] = ["rest_url", "ws_url"].map(|key| url(urls, key));
        format!("  {exchange}: {{symbols: '{symbols}', rest_url: '{rest}', ws_url: '{ws}'}}\n")
    };
    let yaml = format!(
        "tls: {{ca_file: '{}'}}\n\
         status: {{listen: 127.0.0.1:0, ready_after_seconds: 2, metrics_per_symbol: true}}\n\
         proxy:\n\
         \x20 enabled: true\n\
         \x20 default: '{}'\n\
         \x20 exchanges: {{backpack: {{ws: {{pool: {{proxies: [{{url: 'http://{address}', username: demo, password_file: password}}]}}}}}}}}\n\
         feeds:\n{}{}",
        url(&listing, "ca_file"),
        proxy("socks5h"),
        feed("binance", "*"),
        feed("backpack", "SOL-USDC"),
    );
    workspace.file("cryptofeed.yaml", &yaml);
    workspace.file("password", "the-password-of-last-month\n");
    Incident {
        _mock: mock,
        proxy: address.to_owned(),
    }
}

/// What `/ready` answers, once it `is` wanted.
async fn ready(address: SocketAddr, is: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + LONG;
    loop {
        let answer = get(address, "/ready");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let readiness: Value = serde_json::from_str(body).unwrap();
        let code = if readiness["is_ready"] == true {
            " 200 "
        } else {
            " 503 "
        };
        assert!(head.contains(code), "{answer}");
        if is(&readiness) {
            return readiness;
        }
        assert!(Instant::now() < end, "{body}");
        sleep(Duration::from_millis(20)).await;
    }
}

fn names(readiness: &Value, fault: &str) -> bool {
    let culprits = readiness["culprits"].as_array().unwrap();
    culprits.iter().any(|it| it["fault"] == fault)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_leads_to_the_wrong_password_and_to_the_stale_symbol_by_the_page_alone() {
    let workspace = Workspace::new();
    let incident = start(&workspace);
    let run = workspace.start(&["run", "--format", "jsonl"], &[]);
    let address = address_of(&run);
    let browser = Browser::start(&workspace).await;
    if let Some(browser) = &browser {
        browser.emulate(Screen::Desktop, "light").await;
        let page = format!("http://{address}/");
        browser.client.goto(&page).await.unwrap();
    }

    // The alert: CryptofeedNotReady, or CryptofeedProxyRejectsLogin.
    let is_it = |it: &Value| names(it, "no_data") && it.to_string().contains("407");
    let readiness = ready(address, is_it).await;
    let proxy = readiness["culprits"][0]["proxy"].as_str().unwrap();
    assert_eq!(proxy, format!("http://***@{}", incident.proxy));
    let known = Instant::now();
    let metrics = get(address, "/metrics");
    assert!(metrics.contains("\ncryptofeed_ready 0\n"), "{metrics}");
    let rejected = metrics
        .lines()
        .find(|line| line.contains("outcome=\"authentication\""));
    assert!(rejected.unwrap().contains(&incident.proxy), "{rejected:?}");
    // The page: the exchange, the proxy, and what it said.
    if let Some(browser) = &browser {
        let part = |of: &str, text: &str| {
            format!("document.getElementById('{of}').innerText.includes('{text}')")
        };
        browser.until(&part("verdict", "Not ready")).await;
        browser.until(&part("verdict", "backpack")).await;
        browser.until(&part("verdict", &incident.proxy)).await;
        // The first proxy, and the row with its last failure.
        let first = "[...document.querySelectorAll('#proxies tbody tr')].slice(0, 2).map((it) => it.innerText).join()";
        for text in [&*incident.proxy, "authentication failed", "407"] {
            browser.until(&format!("{first}.includes('{text}')")).await;
        }
        assert!(known.elapsed() <= SOON, "{:?}", known.elapsed());
        browser.screenshot("wrong-password").await;
    }
    let password = workspace.file("password", "demo\n");
    assert!(password.is_file());
    run.reload();
    ready(address, |it| !it.to_string().contains("backpack")).await;

    // Then a symbol of the mock is quiet while the exchange moves on.
    let readiness = ready(address, |it| names(it, "stale_stream")).await;
    let known = Instant::now();
    let culprits = readiness["culprits"].as_array().unwrap();
    let stale = culprits
        .iter()
        .find(|it| it["fault"] == "stale_stream")
        .unwrap();
    let symbol = stale["symbol"].as_str().unwrap();
    if let Some(browser) = &browser {
        let row = format!(
            "[...document.querySelectorAll('#symbols tbody tr')].find((it) => it.innerText.includes('{symbol}'))"
        );
        browser
            .until(&format!("{row}?.innerText.includes('stale')"))
            .await;
        let verdict = "document.getElementById('verdict').innerText";
        for text in ["stale stream", symbol] {
            browser
                .until(&format!("{verdict}.includes('{text}')"))
                .await;
        }
        assert!(known.elapsed() <= SOON, "{:?}", known.elapsed());
        browser.screenshot("stale").await;
    }
    let told = format!(
        "symbol=\"{symbol}\",channel=\"{}\",state=\"stale\"}} 1",
        stale["channel"].as_str().unwrap()
    );
    let metrics = get(address, "/metrics");
    assert!(metrics.contains(&told), "{told}: {metrics}");
    // The mock's fault ends.
    ready(address, |it| it["is_ready"] == true).await;
    if let Some(browser) = &browser {
        browser
            .until("document.getElementById('verdict').innerText.includes('Ready')")
            .await;
    }
    run.terminate();
    assert_eq!(run.finish().0, Some(0));
}
