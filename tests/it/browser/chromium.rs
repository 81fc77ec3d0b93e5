//! A browser, as a test drives it: what it shows, what it is told to do, and what it complains about.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use url::Url;

use super::driver::{Driver, Own};
use crate::world::{SOON, eventually};

/// What is there before any script of a page: it tells of what the policy refused, and of strange text that was
/// executed, in a way that outlives the page.
const WITNESS: &str = "
    document.addEventListener('securitypolicyviolation', it =>
        console.error(`refused by policy: ${it.effectiveDirective} ${it.blockedURI} ${it.sample}`));
    for (const name of ['pwned', 'alert', 'confirm', 'prompt', 'print'])
        Object.defineProperty(window, name, {
            configurable: false,
            get: () => { console.error(`strange text was executed: ${name}`); return () => undefined; },
            set: () => console.error(`strange text was executed: ${name}`),
        });
";

/// Colours as the person's system asks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

/// How wide the window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// A desk.
    Wide,
    /// A phone.
    Narrow,
}

impl Scheme {
    pub(crate) const ALL: [Self; 2] = [Self::Light, Self::Dark];

    fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl Width {
    pub(crate) const ALL: [Self; 2] = [Self::Wide, Self::Narrow];

    fn as_str(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }

    /// Width and height in pixels.
    fn pixels(self) -> (u32, u32) {
        match self {
            Self::Wide => (1280, 900),
            Self::Narrow => (390, 844),
        }
    }
}

/// A Chromium without a screen.
pub(crate) struct Browser {
    executor: tokio::runtime::Runtime,
    client: Option<Client>,
    /// Where the pages are: all requests have to go there.
    origin: Url,
    /// Complaints that the story provokes, by a part of their text.
    provoked: Vec<String>,
    complaints: Vec<String>,
    _driver: Driver,
}

impl Browser {
    /// One for the pages at `origin`, wide and light.
    #[track_caller]
    pub(crate) fn open(origin: &str) -> Self {
        let executor =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an executor");
        let driver = Driver::start();
        let mut args = vec![
            "--headless=new".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--user-data-dir={}", driver.profile()),
        ];
        if rustix::process::geteuid().is_root() {
            args.push("--no-sandbox".to_owned()); // Chromium has none for root.
        }
        let capabilities = Map::from_iter([
            ("goog:chromeOptions".to_owned(), json!({ "args": args })),
            ("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL", "performance": "ALL" })),
        ]);
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let client = executor.block_on(builder.connect(&driver.url)).expect("a browser");
        let browser = Self {
            executor,
            client: Some(client),
            origin: origin.parse().expect("an address"),
            provoked: Vec::new(),
            complaints: Vec::new(),
            _driver: driver,
        };
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": WITNESS }));
        browser.look(Scheme::Light, Width::Wide);
        // What Chromium loads for itself into an empty tab is none of ours.
        browser.log("performance");
        browser.log("browser");
        browser
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("it is open until it is dropped")
    }

    /// A command of the protocol of developer tools.
    #[track_caller]
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let done = self.executor.block_on(self.client().issue_cmd(Own::devtools(command, parameters)));
        done.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Changes the colours and the size.
    pub(crate) fn look(&self, scheme: Scheme, width: Width) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme.as_str() },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
        let (width, height) = width.pixels();
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Goes to a path of the pages.
    #[track_caller]
    pub(crate) fn goto(&self, path: &str) {
        let url = self.origin.join(path).expect("a path");
        self.executor.block_on(self.client().goto(url.as_str())).expect("it goes there");
    }

    /// The path that is shown, with query and fragment.
    pub(crate) fn path(&self) -> String {
        let url = self.executor.block_on(self.client().current_url()).expect("an address");
        url[url::Position::BeforePath..].to_owned()
    }

    /// What a script gives; it may `return`. Policies of the page do not hold for it.
    #[track_caller]
    pub(crate) fn script(&self, script: &str, arguments: Vec<Value>) -> Value {
        let done = self.executor.block_on(self.client().execute(script, arguments));
        done.unwrap_or_else(|error| panic!("{error}: {script}"))
    }

    /// What a script gives to its last argument, a function.
    #[track_caller]
    pub(crate) fn script_later(&self, script: &str) -> Value {
        let done = self.executor.block_on(self.client().execute_async(script, Vec::new()));
        done.unwrap_or_else(|error| panic!("{error}: {script}"))
    }

    /// The texts that are shown by what a selector finds.
    pub(crate) fn texts(&self, css: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])]
            .filter(it => it.checkVisibility()).map(it => it.innerText.trim())";
        serde_json::from_value(self.script(script, vec![css.into()])).expect("texts")
    }

    /// The text of the whole page as it is shown.
    pub(crate) fn text(&self) -> String {
        self.script("return document.body.innerText", Vec::new()).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page shows this text somewhere.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        let mut last = String::new();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(text, SOON, || {
                last = self.text();
                last.contains(text).then_some(())
            });
        }));
        assert!(found.is_ok(), "{} never shows {text:?} but:\n{last}", self.path());
    }

    /// Clicks on the first that a selector finds and that is shown, once there is one.
    #[track_caller]
    pub(crate) fn click(&self, css: &str) {
        let mut why = String::new();
        let clicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(css, SOON, || self.try_click(css).map_err(|error| why = error).ok());
        }));
        assert!(clicked.is_ok(), "{} has no {css} to click on: {why}\n{}", self.path(), self.text());
    }

    fn try_click(&self, css: &str) -> Result<(), String> {
        self.executor.block_on(async {
            let found = self.client().find_all(Locator::Css(css)).await.map_err(|it| it.to_string())?;
            for element in found {
                if element.is_displayed().await.unwrap_or(false) {
                    return element.click().await.map_err(|it| it.to_string());
                }
            }
            Err("there is none, or it is hidden".to_owned())
        })
    }

    /// Clicks on the button or link with this text, once there is one.
    #[track_caller]
    pub(crate) fn press(&self, text: &str) {
        let mark = "const found = [...document.querySelectorAll('button, a, summary, [role=button]')]
            .filter(it => it.checkVisibility() && it.innerText?.trim() === arguments[0]);
            const open = found.find(it => it.closest('dialog[open]')) ?? found[0];
            document.querySelectorAll('[data-pressed]').forEach(it => it.removeAttribute('data-pressed'));
            open?.setAttribute('data-pressed', ''); return !!open";
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(text, SOON, || self.script(mark, vec![text.into()]).as_bool()?.then_some(()));
        }));
        assert!(found.is_ok(), "{} has no button or link {text:?}:\n{}", self.path(), self.text());
        self.click("[data-pressed]");
    }

    /// Types into the first field that a selector finds.
    #[track_caller]
    pub(crate) fn fill(&self, css: &str, text: &str) {
        let typed = self.executor.block_on(async {
            let field = self.client().find(Locator::Css(css)).await?;
            field.clear().await?;
            field.send_keys(text).await
        });
        typed.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Presses a key, whatever has the focus.
    pub(crate) fn key(&self, key: char) {
        let keys = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value: key })
            .then(KeyAction::Up { value: key });
        self.executor.block_on(self.client().perform_actions(keys)).expect("a key");
    }

    /// What has the focus: its tag, and its text or label.
    pub(crate) fn focus(&self) -> String {
        let script =
            "const it = document.activeElement; return it === document.body ? 'nothing' : `${it.localName} ${
            it.getAttribute('aria-label') || it.innerText?.trim() || it.name || it.id}`";
        self.script(script, Vec::new()).as_str().unwrap_or_default().to_owned()
    }

    /// By how many pixels the page is wider than its window.
    pub(crate) fn overflow(&self) -> i64 {
        let script = "return Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)
            - document.documentElement.clientWidth";
        self.script(script, Vec::new()).as_i64().unwrap_or_default()
    }

    /// Keeps a picture of the whole page as `target/screenshots/NAME-SCHEME-WIDTH.png`.
    #[track_caller]
    pub(crate) fn picture(&self, name: &str, scheme: Scheme, width: Width) -> PathBuf {
        let size = self.devtools("Page.getLayoutMetrics", &json!({}));
        let content = &size["cssContentSize"];
        let height = content["height"].as_f64().unwrap_or_default().clamp(1.0, 6_000.0);
        let clip = json!({ "x": 0, "y": 0, "width": content["width"], "height": height, "scale": 1 });
        let told = json!({ "captureBeyondViewport": true, "clip": clip });
        let taken = self.devtools("Page.captureScreenshot", &told);
        let png = base64::engine::general_purpose::STANDARD
            .decode(taken["data"].as_str().expect("a picture"))
            .expect("a picture");
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&dir).expect("a directory");
        let file = dir.join(format!("{name}-{}-{}.png", scheme.as_str(), width.as_str()));
        std::fs::write(&file, png).expect("a file");
        file
    }

    /// The story provokes complaints that have this text: a refusal that the browser logs, for example.
    pub(crate) fn provoke(&mut self, part: &str) {
        self.provoked.push(part.to_owned());
    }

    /// What the browser complained about so far: errors in the console, refusals by policy, strange text that was
    /// executed, requests to other origins.
    #[track_caller]
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        for entry in self.log("browser") {
            let text = entry["message"].as_str().unwrap_or_default();
            let is_expected = self.provoked.iter().any(|it| text.contains(it));
            if entry["level"] == "SEVERE" && !is_expected {
                self.complaints.push(text.to_owned());
            }
        }
        for entry in self.log("performance") {
            let told: Value = serde_json::from_str(entry["message"].as_str().unwrap_or_default())
                .expect("a message of the protocol of developer tools");
            let message = &told["message"];
            let asked = match message["method"].as_str() {
                Some("Network.requestWillBeSent") => &message["params"]["request"]["url"],
                Some("Network.webSocketCreated") => &message["params"]["url"],
                _ => continue,
            };
            let asked = asked.as_str().unwrap_or_default();
            let is_own = Url::parse(asked).is_ok_and(|it| it.origin() == self.origin.origin());
            // Data is no request, and Chromium's own pages are asked for inside of it.
            let is_none = ["data:", "about:", "chrome:"].iter().any(|it| asked.starts_with(it));
            if !is_own && !is_none {
                self.complaints.push(format!("a request to another origin: {asked}"));
            }
        }
        self.complaints.clone()
    }

    #[track_caller]
    fn log(&self, kind: &str) -> Vec<Value> {
        let told = self.executor.block_on(self.client().issue_cmd(Own::log(kind))).expect("a log");
        told.as_array().cloned().unwrap_or_default()
    }

    /// Ends it. Fails if it complained.
    #[track_caller]
    pub(crate) fn finish(mut self) {
        let complaints = self.complaints();
        assert!(complaints.is_empty(), "the browser complains:\n{}", complaints.join("\n"));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() && self.client.is_some() {
            let taken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                self.picture("failure", Scheme::Light, Width::Wide)
            }));
            drop(taken);
        }
        if let Some(client) = self.client.take() {
            drop(self.executor.block_on(client.close()));
        }
    }
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Browser").field("origin", &self.origin.as_str()).finish_non_exhaustive()
    }
}
