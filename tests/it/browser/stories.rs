//! What people come for, from signing in to what they came for.

use std::fs;

use super::site::{Site, file, wait};
use crate::world::{SOON, eventually};

/// Notes that the page was not loaded anew: what is shown came while it was open.
const STAYS: &str = "window.stays = true";
const STAYED: &str = "return window.stays === true";

#[test]
fn a_live_run_is_followed_to_its_end() {
    let mut site = Site::new(&["web1", "web2"], "");
    let gate = site.world.path("gate");
    site.tasks(&(file("motd", "welcome") + &wait(&gate) + &file("conf", "listen 80")));
    let commit = site.world.repository.commit("Greet whoever comes");
    site.world.start();
    let browser = site.sign_in("anna", "viewer");
    browser.shows("infra/web");
    browser.shows("Greet whoever comes");
    site.run_when("the run waits", |it| it["ending"].is_null());
    browser.click("a[href^='/runs/']");
    browser.shows("Wait for a person");
    browser.script(STAYS, Vec::new());
    assert!(!browser.text().contains("Write conf"), "{}", browser.text());
    fs::write(&gate, "").expect("a file");
    browser.shows("Write conf");
    site.world.run_of(&commit, "changed");
    eventually("the page tells the end", SOON, || {
        browser.texts("h1").concat().contains("changed").then_some(())
    });
    assert_eq!(browser.script(STAYED, Vec::new()), true, "the page was loaded anew");
    browser.finish();
}

#[test]
fn drift_is_found_with_what_differs() {
    let mut site = Site::new(&["web1", "web2"], &(file("conf", "listen 80") + &file("motd", "welcome")));
    let commit = site.world.repository.commit("Serve on port 80");
    site.world.start();
    site.world.run_of(&commit, "changed");
    fs::write(site.room("web2").join("conf"), "listen 8080\n").expect("edited by hand");
    site.world.cli(&["plan", "web"]);
    site.run_when("a check finds it", |it| it["ending"]["outcome"] == "drifted");
    let browser = site.sign_in("anna", "viewer");
    browser.shows("drifted");
    browser.press("infra/web");
    browser.shows("web2");
    browser.shows("Write conf");
    // From the stack to the check that saw it, and to what it saw.
    browser.click("[aria-labelledby=drift-title] a[href^='/runs/']");
    browser.shows("listen 8080");
    browser.shows("listen 80");
    browser.finish();
}

#[test]
fn a_held_run_is_approved_by_who_sees_what_it_would_do() {
    let mut site = Site::new(&["web1", "web2", "web3"], &file("conf", "listen 80"));
    let repository = site.world.repository.path.display().to_string();
    site.world.configure(&format!(
        "raw_log: true\nsources:\n  infra:\n    url: {repository}\n    stacks:\n      web: {{ approval: person }}"
    ));
    let commit = site.world.repository.commit("Serve on port 80");
    site.world.start();
    let browser = site.sign_in("olaf", "operator");
    browser.shows("waits for a person");
    browser.press("infra/web");
    browser.press("Approve");
    let dialog = browser.texts("dialog[open]").concat();
    assert!(dialog.contains("3 hosts"), "the question says to how many hosts: {dialog}");
    browser.press("Approve");
    site.world.run_of(&commit, "changed");
    assert_eq!(site.content("web3", "conf"), "listen 80\n");
    browser.shows("in sync");
    let trail = site.world.text(&["audit", "show"]);
    assert!(trail.contains("olaf"), "{trail}");
    browser.finish();
}

#[test]
fn a_stack_is_suspended_and_resumed() {
    let mut site = Site::new(&["web1"], &file("conf", "listen 80"));
    let commit = site.world.repository.commit("Serve on port 80");
    site.world.start();
    site.world.run_of(&commit, "changed");
    let browser = site.sign_in("olaf", "operator");
    browser.goto("/stacks/infra/web");
    browser.press("Suspend");
    browser.press("Suspend");
    browser.shows("Suspended by token:olaf");
    site.world
        .repository
        .write("site.yml", "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.ping:\n");
    let newer = site.world.repository.commit("Only ask for signs of life");
    browser.shows("Only ask for signs of life");
    assert_eq!(site.world.applies().len(), 1, "nothing is started while it is suspended");
    browser.press("Resume");
    browser.press("Resume");
    site.world.run_of(&newer, "in_sync");
    browser.shows("in sync");
    browser.finish();
}

#[test]
fn why_a_commit_did_not_run_is_told() {
    let mut site = Site::new(&["web1"], &file("conf", "listen 80"));
    let commit = site.world.repository.commit("Serve on port 80");
    site.world.start();
    site.world.run_of(&commit, "changed");
    site.world.repository.write("driftless.yml", "version: 1\nstacks:\n  web:\n    playbok: site.yml\n");
    let broken = site.world.repository.commit("Break the declaration");
    eventually("it is fetched", SOON, || {
        let told = site.world.json(&["status"]).to_string();
        told.contains("playbok").then_some(())
    });
    let browser = site.sign_in("anna", "viewer");
    browser.shows("has no playbook");
    browser.script("for (const it of document.querySelectorAll('details')) it.open = true", Vec::new());
    browser.shows("playbok");
    browser.goto(&format!("/sources/infra/commits/{broken}"));
    browser.shows("Break the declaration");
    browser.shows("nothing of it runs");
    browser.shows("has no playbook");
    browser.finish();
}

#[test]
fn who_may_only_look_is_refused_an_act() {
    let mut site = Site::new(&["web1"], &file("conf", "listen 80"));
    let commit = site.world.repository.commit("Serve on port 80");
    site.world.start();
    site.world.run_of(&commit, "changed");
    let mut browser = site.sign_in("vera", "viewer");
    browser.goto("/stacks/infra/web");
    browser.shows("Serve on port 80");
    let offered = browser.texts("button[data-act]:not([disabled])");
    assert!(offered.is_empty(), "a viewer is offered {offered:?}");
    // Who finds the way round the page is refused by the daemon.
    browser.provoke("403");
    let told = browser.script_later(
        "const done = arguments[arguments.length - 1];
         const csrf = document.querySelector('meta[name=csrf]').content;
         fetch('/api/v1/stacks/infra/web/suspend', {
             method: 'POST', body: '{}', headers: { 'content-type': 'application/json', 'x-driftless-csrf': csrf },
         }).then(async it => done({ status: it.status, body: await it.text() }))",
    );
    assert_eq!(told["status"], 403, "{told}");
    assert!(
        told["body"].as_str().is_some_and(|it| it.contains("operator")),
        "it says what is needed: {told}"
    );
    assert!(site.world.json(&["status"])["stacks"][0]["suspended"].is_null());
    browser.finish();
}
