//! Every page, light and dark, wide and narrow: that everybody can use it, and that nothing is wider than the window.

use std::fs;

use super::axe;
use super::chromium::{Browser, Scheme, Width};
use super::site::{Site, file, wait};
use crate::served::Stage;

/// Looks at a page in each way, and keeps pictures. What is wrong with it, one a line.
pub(crate) fn look(browser: &Browser, name: &str, path: &str) -> Vec<String> {
    look_once(browser, name, path, |_| {})
}

/// The same, once something was done on it.
fn look_once(browser: &Browser, name: &str, path: &str, then: impl Fn(&Browser)) -> Vec<String> {
    let mut wrong = Vec::new();
    for scheme in Scheme::ALL {
        for width in Width::ALL {
            browser.look(scheme, width);
            browser.goto(path);
            then(browser);
            let at = format!("{name}, {scheme:?} and {width:?}");
            browser.picture(name, scheme, width);
            let overflow = browser.overflow();
            if 0 < overflow {
                wrong.push(format!("{at}: {overflow} pixels wider than the window: {}", widest(browser)));
            }
            wrong.extend(axe::violations(browser).iter().map(|it| format!("{at}: {it}")));
        }
    }
    browser.look(Scheme::Light, Width::Wide);
    wrong
}

/// What sticks out.
pub(super) fn widest(browser: &Browser) -> String {
    let script = "const edge = document.documentElement.clientWidth;
        return [...document.querySelectorAll('body *')].filter(it => it.getBoundingClientRect().right > edge + 1)
            .slice(0, 4).map(it => it.cloneNode(false).outerHTML.slice(0, 120)).join(' ')";
    browser.script(script, Vec::new()).as_str().unwrap_or_default().to_owned()
}

#[test]
fn each_page_can_be_used_by_everybody_in_every_size_and_colour() {
    let mut site =
        Site::new(&["web1", "web2", "web3"], &(file("conf", "listen 80") + &file("motd", "welcome")));
    let first = site.world.repository.commit("Serve on port 80");
    site.world.start();
    site.world.run_of(&first, "changed");
    let fails = "    - name: Ask for the impossible\n      ansible.builtin.command: /bin/false\n      \
                 when: inventory_hostname == 'web3'\n";
    site.tasks(&(file("conf", "listen 8080") + fails));
    let commit = site.world.repository.commit("Serve on port 8080\n\nThe proxy in front has moved.");
    let failed = site.world.run_of(&commit, "failed");
    fs::write(site.room("web1").join("conf"), "by hand\n").expect("edited by hand");
    site.world.cli(&["plan", "web"]);
    let check = site.run_when("a check", |it| it["mode"] == "check" && !it["ending"].is_null());
    let signed_out = Browser::open(&site.url());
    let mut wrong = look(&signed_out, "sign-in", "/sign-in");
    signed_out.finish();
    let browser = site.sign_in("ada", "admin");
    let number = |run: &serde_json::Value| run["run"].as_u64().expect("a number");
    for (name, path) in [
        ("fleet", "/".to_owned()),
        ("stack", "/stacks/infra/web".to_owned()),
        ("hosts", "/hosts".to_owned()),
        ("host", "/hosts/web1".to_owned()),
        ("runs", "/runs".to_owned()),
        ("run-failed", format!("/runs/{}", number(&failed))),
        ("run-check", format!("/runs/{}", number(&check))),
        ("run-log", format!("/runs/{}/log", number(&failed))),
        ("commit", format!("/sources/infra/commits/{commit}")),
        ("merge-requests", "/merge-requests".to_owned()),
        ("audit", "/audit".to_owned()),
        ("system", "/system".to_owned()),
    ] {
        wrong.extend(look(&browser, name, &path));
    }
    browser.goto(&format!("/runs/{}/log", number(&failed)));
    assert!(!browser.texts(".log-line").is_empty(), "{}", browser.text());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    browser.finish();
}

#[test]
fn what_goes_on_what_asks_and_what_is_missing_can_be_used_by_everybody() {
    let mut site = Site::new(&["web1", "web2"], "");
    let gate = site.world.path("gate");
    site.tasks(&(file("motd", "welcome") + &wait(&gate) + &file("conf", "listen 80")));
    let commit = site.world.repository.commit("Greet whoever comes");
    site.world.start();
    let mut browser = site.sign_in("ada", "admin");
    browser.provoke("status of 404");
    let live = site.run_when("the run waits", |it| it["ending"].is_null())["run"].to_string();
    let path = format!("/runs/{live}");
    let mut wrong = look_once(&browser, "run-live", &path, |browser| browser.shows("Wait for a person"));
    wrong
        .extend(look_once(&browser, "run-task", &format!("{path}/tasks/0"), |browser| browser.shows("web2")));
    wrong.extend(look_once(&browser, "act", "/stacks/infra/web", |browser| {
        browser.press("Cancel run");
        let asked = browser.texts("dialog[open]").concat();
        assert!(asked.contains("Also suspend the stack"), "{asked}");
    }));
    wrong.extend(look_once(&browser, "error", "/runs/4711", |browser| browser.shows("4711")));
    fs::write(&gate, "").expect("a file");
    site.world.run_of(&commit, "changed");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    browser.finish();
}

#[test]
fn nothing_and_very_much_can_be_used_by_everybody() {
    let empty = Stage::empty();
    let browser = Browser::open(&empty.url);
    let mut wrong =
        look_once(&browser, "fleet-empty", "/", |browser| browser.shows("No source is followed yet"));
    for (name, path) in [
        ("merge-requests-filled", "/merge-requests"),
        ("merge-request", "/sources/infra/merge-requests/12"),
        ("merge-request-applied", "/sources/infra/merge-requests/11"),
    ] {
        wrong.extend(look(&browser, name, path));
    }
    browser.finish();
    let large = Stage::large(40, 25);
    let browser = Browser::open(&large.url);
    wrong.extend(look_once(&browser, "fleet-large", "/", |browser| {
        let cells = browser.script("return document.querySelectorAll('#map .cells a').length", Vec::new());
        assert_eq!(cells, 1_000);
    }));
    wrong.extend(look(&browser, "hosts-large", "/hosts"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    browser.finish();
}
