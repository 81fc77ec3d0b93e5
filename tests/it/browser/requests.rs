//! Text of strangers in merge requests and names of branches: it stays text.

use std::collections::BTreeSet;

use driftless::domain::ForgeKind;

use super::chromium::{Scheme, Width};
use super::hostile::{all_there, each, strings, turned, wrong};
use super::site::Site;
use crate::forge::Forge;
use crate::world::{SOON, World, eventually, newest_ansible};

#[test]
fn merge_requests_and_branches_stay_text() {
    let strings = strings();
    let strings: Vec<String> = each(&strings, 60).map(|it| it.1.clone()).collect();
    let forge = Forge::start(ForgeKind::Gitlab);
    let first = forge.push(
        "main",
        &[
            ("driftless.yml", "version: 1\nstacks:\n  web: { playbook: site.yml, inventory: hosts.ini }\n"),
            ("site.yml", "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.ping:\n"),
            ("hosts.ini", "web1 ansible_connection=local\n"),
        ],
    );
    let branches = branches(&strings);
    assert!(strings.len() / 4 < branches.len(), "{} branches", branches.len());
    for (number, text) in strings.iter().enumerate() {
        let branch = branches.get(number).cloned().unwrap_or_else(|| format!("change-{number}"));
        forge.push(&branch, &[("README.md", &format!("{number}\n"))]);
        forge.open(&branch, text, "alice");
    }
    let mut world = World::with_ansible(&newest_ansible());
    world
        .configure(&forge.sources("poll: 1s\nmerge_requests: { previews: static, report: false }\n"))
        .start();
    world.run_of(first.as_str(), "in_sync");
    eventually("all are followed", SOON * 3, || {
        let told = world.json(&["merge-requests"]);
        let count = told["merge_requests"].as_array().map(Vec::len)?;
        (strings.len() <= count).then_some(())
    });
    let site = Site::of(world);
    let browser = site.sign_in("vera", "viewer");
    let mut complaints = Vec::new();
    for width in Width::ALL {
        browser.look(Scheme::Light, width);
        browser.goto("/merge-requests");
        let told = turned(&browser, &mut complaints);
        complaints.extend(all_there("a merge request", &strings, &told));
        complaints.extend(all_there("a branch", &branches, &told));
    }
    for number in 1..=strings.len() {
        browser.goto(&format!("/sources/infra/merge-requests/{number}"));
        complaints.extend(wrong(&browser));
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
    browser.finish();
}

/// Those that Git takes as names of branches.
fn branches(strings: &[String]) -> Vec<String> {
    let taken = |it: &&String| git2::Branch::name_is_valid(it).unwrap_or(false) && it.len() < 200;
    let all: BTreeSet<&String> = strings.iter().filter(taken).collect();
    // One may be the beginning of another.
    let apart = |it: &&&String| !all.iter().any(|other| other.starts_with(&format!("{it}/")));
    all.iter().filter(apart).map(|it| (*it).clone()).collect()
}
