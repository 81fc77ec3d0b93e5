//! All of it without a mouse.

use super::site::{Site, file};

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
const ESCAPE: char = '\u{e00c}';

#[test]
fn a_stack_is_suspended_by_keys_alone() {
    let mut site = Site::new(&["web1"], &file("conf", "listen 80"));
    let commit = site.world.repository.commit("Serve on port 80");
    site.world.start();
    site.world.run_of(&commit, "changed");
    let browser = site.sign_in("olaf", "operator");
    browser.goto("/");
    // The first stop leads past the navigation.
    browser.key(TAB);
    assert_eq!(browser.focus(), "a Skip to content");
    browser.key(ENTER);
    browser.key('j');
    assert_eq!(browser.focus(), "a infra/web");
    browser.key(ENTER);
    browser.shows("Suspend");
    until_focus(&browser, "button Suspend");
    browser.key(ENTER);
    // The question has the focus and keeps it: what is behind cannot be reached.
    for _ in 0..8 {
        let inside = "return document.activeElement === document.body
            || document.querySelector('dialog[open]').contains(document.activeElement)";
        assert_eq!(browser.script(inside, Vec::new()), true, "{} is behind the question", browser.focus());
        browser.key(TAB);
    }
    browser.key(ESCAPE);
    assert_eq!(browser.texts("dialog[open]"), [""; 0], "Escape closes it");
    assert_eq!(browser.focus(), "button Suspend", "where it was before");
    assert!(site.world.json(&["status"])["stacks"][0]["suspended"].is_null(), "nothing was done");
    browser.key(ENTER);
    until_focus(&browser, "button Suspend");
    browser.key(ENTER);
    browser.shows("Suspended by token:olaf");
    browser.finish();
}

/// Goes from stop to stop until it is this one. Each stop can be seen.
#[track_caller]
fn until_focus(browser: &super::chromium::Browser, wanted: &str) {
    let mut seen = Vec::new();
    while seen.len() < 80 {
        let focus = browser.focus();
        if focus == wanted {
            return;
        }
        let marked = "const it = getComputedStyle(document.activeElement);
            return document.activeElement === document.body || it.outlineStyle !== 'none' || it.boxShadow !== 'none'";
        assert_eq!(browser.script(marked, Vec::new()), true, "{focus} does not show that it has the focus");
        seen.push(focus);
        browser.key(TAB);
    }
    panic!("no stop is {wanted}: {seen:?}");
}
