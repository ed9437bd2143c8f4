//! A real browser: Chromium without a window, and the driver that Debian has for it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::time::sleep;
use url::{ParseError, Url};

use crate::child::PATIENCE;
use crate::skip::skip;
use crate::workspace::Workspace;

/// Where Debian puts both, which is not in everybody's search path.
const PROGRAMS: &str = "/usr/bin";

/// The workspace's build folder.
const TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");

/// A browser. It ends, with all that it has started, when this is dropped.
pub(crate) struct Browser {
    driver: Child,
    pub(crate) client: Client,
}

/// The sizes that pages are looked at in, in pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Screen {
    Phone,
    Desktop,
}

impl Browser {
    /// `None` if it is not installed, which `INTEROP=required` makes a failure.
    pub(crate) async fn start(workspace: &Workspace) -> Option<Self> {
        let driver = Path::new(PROGRAMS).join("chromedriver");
        if !driver.is_file() {
            skip("INTEROP", "chromedriver is not installed");
            return None;
        }
        let profile = workspace.path("profile");
        // It may end without a port, as when the one that it chose is taken meanwhile.
        let (driver, port) = (0..5)
            .find_map(|_| Self::start_driver(&driver, workspace))
            .unwrap();
        let capabilities = json!({
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage", "--hide-scrollbars",
                format!("--user-data-dir={}", profile.display()),
            ]},
        });
        let connected = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await;
        Some(Self {
            driver,
            client: connected.unwrap(),
        })
    }

    /// Starts `driver`, and tells its port; `None` if it has ended before it had one.
    fn start_driver(driver: &Path, workspace: &Workspace) -> Option<(Child, u16)> {
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .env("TMPDIR", workspace.path(""))
            .env("HOME", workspace.path(""))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let stdout = BufReader::new(driver.stdout.take().unwrap());
        let mut lines = stdout.lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        if port.is_none() {
            driver.wait().unwrap();
        }
        Some((driver, port?))
    }

    /// Looks at pages on `screen`, as someone who prefers `scheme`: `light` or `dark`.
    pub(crate) async fn emulate(&self, screen: Screen, scheme: &str) {
        let (width, height, mobile) = match screen {
            Screen::Phone => (390, 844, true),
            Screen::Desktop => (1440, 1000, false),
        };
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await;
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Saves what the whole page looks like as `target/screenshots/NAME.png`.
    pub(crate) async fn screenshot(&self, name: &str) {
        let whole = json!({"captureBeyondViewport": true});
        let taken = self.devtools("Page.captureScreenshot", whole).await;
        let image = STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        let folder = PathBuf::from(TARGET).join("screenshots");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.png")), image).unwrap();
    }

    /// What the script says.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// What axe-core finds that keeps people from using the page; `None` if it is not installed.
    pub(crate) async fn axe(&self) -> Option<Vec<String>> {
        let path = Path::new(TARGET).join("test-tools/node_modules/axe-core/axe.min.js");
        let Ok(axe) = fs::read_to_string(path) else {
            skip("INTEROP", "axe-core is not installed");
            return None;
        };
        self.run(&format!("{axe}; window.axe = axe;")).await;
        let script = "const done = arguments[0];
            axe.run(document, {resultTypes: ['violations', 'incomplete']}).then(
                (found) => done(found.violations.flatMap((rule) => rule.nodes.map(
                    (node) => rule.id + ': ' + node.target + ': ' + node.failureSummary))),
                (error) => done(['axe: ' + error]))";
        let found = self.client.execute_async(script, vec![]).await.unwrap();
        Some(serde_json::from_value(found).unwrap())
    }

    /// What the browser has complained about.
    pub(crate) async fn complaints(&self) -> Vec<Value> {
        let command = Endpoint("se/log", json!({"type": "browser"}));
        let log = self.client.issue_cmd(command).await.unwrap();
        let lines = log.as_array().unwrap().iter();
        let is_severe = |line: &&Value| line["level"] == "SEVERE";
        lines.filter(is_severe).cloned().collect()
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        let done = self
            .client
            .issue_cmd(Endpoint("goog/cdp/execute", body))
            .await;
        done.unwrap()
    }

    /// Waits until `condition` holds on the page.
    pub(crate) async fn until(&self, condition: &str) {
        let script = format!("return Boolean({condition})");
        let end = Instant::now() + PATIENCE;
        while self.run(&script).await != json!(true) {
            assert!(Instant::now() < end, "{condition}: {}", self.text().await);
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The text of the page.
    pub(crate) async fn text(&self) -> String {
        let text = self.run("return document.body.innerText").await;
        text.as_str().unwrap().to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = format!("-{}", self.driver.id());
        let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
        let _ = self.driver.wait();
    }
}

/// A command of Chromium's own.
#[derive(Debug)]
struct Endpoint(&'static str, Value);

impl WebDriverCompatibleCommand for Endpoint {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.0
        ))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.1.to_string()))
    }
}
