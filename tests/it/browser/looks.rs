//! Every page, light and dark, wide and narrow: that everybody can use it, and that nothing is wider than the window.

use std::fs;

use super::axe;
use super::chromium::{Browser, Scheme, Width};
use super::site::{Site, file};

/// Looks at a page in each way, and keeps pictures. What is wrong with it, one a line.
pub(crate) fn look(browser: &Browser, name: &str, path: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for scheme in Scheme::ALL {
        for width in Width::ALL {
            browser.look(scheme, width);
            browser.goto(path);
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
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    browser.finish();
}
