//! Merge requests from opening to report: a forge in front of a real repository over HTTPS, real hosts, real
//! `ansible-playbook`.

mod hooked;

use std::fs;
use std::time::Duration;

use driftless::domain::{CommitHash, ForgeKind};

use crate::access::page;
use crate::forge::{BOT, Fault, Forge, How};
use crate::sshd::Fleet;
use crate::world::{SOON, World, eventually, some_ansible};

const HOSTS: [&str; 2] = ["web1", "web2"];

const DECLARATION: &str = "version: 1\nstacks:\n  web:\n    playbook: site.yml\n    inventory: hosts.yml\n";

fn playbook(tasks: &[(&str, &str)]) -> String {
    let tasks = tasks.iter().map(|(name, content)| {
        format!(
            "    - name: Write {name}\n      ansible.builtin.copy:\n        content: \"{content}\\n\"\n        \
             dest: \"{{{{ room }}}}/{name}\"\n        mode: \"0644\"\n"
        )
    });
    format!("- hosts: all\n  gather_facts: false\n  tasks:\n{}", tasks.collect::<String>())
}

/// A forge with one stack on `main`, hosts for it, and a daemon that follows it and applied it.
pub(crate) struct Stage {
    pub(crate) fleet: Fleet,
    pub(crate) forge: Forge,
    pub(crate) world: World,
}

impl Stage {
    #[track_caller]
    pub(crate) fn new(kind: ForgeKind, more: &str) -> Self {
        Self::begin(kind, "1s", |_| more.to_owned())
    }

    /// The same, where forge and repository are asked so often.
    #[track_caller]
    fn begin(kind: ForgeKind, poll: &str, more: impl FnOnce(&Forge) -> String) -> Self {
        let fleet = Fleet::start(&HOSTS);
        let forge = Forge::start(kind);
        let first = forge.push(
            "main",
            &[
                ("driftless.yml", DECLARATION),
                ("hosts.yml", &fleet.inventory()),
                ("site.yml", &playbook(&[("page", "one")])),
            ],
        );
        let mut world = World::with_ansible(&some_ansible());
        let more = format!("poll: {poll}\naccess: {}\n{}", fleet.access(), more(&forge));
        world.configure(&forge.sources_asked(poll, &more)).start();
        world.run_of(first.as_str(), "changed");
        Self { fleet, forge, world }
    }

    /// The only comment of ours, once it says this.
    #[track_caller]
    pub(crate) fn comment_with(&self, number: u64, words: &[&str]) -> String {
        let mut last = String::new();
        let begun = std::time::Instant::now();
        loop {
            let comments = self.forge.comments(number);
            let ours: Vec<_> = comments.iter().filter(|it| it.by == BOT).collect();
            assert!(ours.len() <= 1, "one comment: {ours:#?}");
            if let Some(comment) = ours.first() {
                last.clone_from(&comment.body);
            }
            if words.iter().all(|it| last.contains(it)) {
                return last;
            }
            assert!(
                begun.elapsed() < SOON * 2,
                "waited in vain for {words:?}: {last}\n{}\n{}",
                self.world.text(&["merge-requests"]),
                self.world.log()
            );
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    fn content(&self, host: &str, name: &str) -> String {
        fs::read_to_string(self.fleet.room(host).join(name)).unwrap_or_default()
    }

    #[track_caller]
    fn status_of(&self, commit: &CommitHash, state: &str) -> String {
        eventually("the status is written", SOON, || {
            let statuses = self.forge.statuses(commit);
            let last = statuses.iter().rev().find(|it| it.context == "driftless/infra")?;
            (last.state == state).then(|| last.description.clone())
        })
    }
}

fn whole_story(kind: ForgeKind, how: How) {
    let stage = Stage::new(kind, "approvals: 1\nmerge_requests: { previews: live, live_for: [bob] }\n");
    let Stage { forge, world, .. } = &stage;
    forge.push("change", &[("site.yml", &playbook(&[("page", "two")]))]);
    let number = forge.open("change", "Change the page @everybody", "alice");
    let comment = stage.comment_with(number, &["Sandboxed preview", "site.yml", "0 of 1 approval"]);
    assert!(!comment.contains("@everybody"), "{comment}");
    assert!(!world.runs().iter().any(|it| it["trigger"] == "merge_request"), "nobody who is trusted spoke");

    // Another push: the same comment, of the new head.
    let tasks = [("page", "two"), ("list", "all")];
    let head = forge.push("change", &[("site.yml", &playbook(&tasks))]);
    let comment = stage.comment_with(number, &["Sandboxed preview", head.short()]);
    assert!(
        comment.contains("- `all` on 2 hosts of `all`\n  - `Write page`\n  - `Write list`\n"),
        "{comment}"
    );
    let told = world.text(&["preview", "infra", &number.to_string()]);
    assert!(told.contains("    all (all, 2 hosts)\n      Write page\n      Write list\n"), "{told}");

    // Somebody who is trusted approves of it: check mode with the real keys.
    forge.approve(number, "bob");
    stage.comment_with(number, &["Live preview", "Write page", "Write list", "1 of 1 approval"]);
    assert_eq!(stage.content("web1", "page"), "one\n", "nothing was changed");
    let said = stage.status_of(&head, "success");
    assert!(said.contains("would change"), "{said}");

    // It is merged, applied, and compared with what was shown.
    let landed = forge.merge(number, "bob", how);
    world.run_of(landed.as_str(), "changed");
    assert_eq!(
        (stage.content("web1", "page"), stage.content("web2", "list")),
        ("two\n".into(), "all\n".into())
    );
    let comment = stage.comment_with(number, &["s previewed: 4 of 4"]);
    assert!(comment.contains("Merged"), "{comment}");
    assert_eq!(forge.comments(number).len(), 1, "it was edited in place");
    let series = r#"driftless_preview_changes_total{result="as_predicted",source="infra",stack="web"} "#;
    assert_eq!(world.metric(series), Some(4.0));
    still_readable(world, number, landed.as_str());

    // What nobody approved of is not applied, whoever pushed it.
    let pushed = forge.push("main", &[("site.yml", &playbook(&[("page", "evil")]))]);
    eventually("it is refused", SOON, || {
        let status = world.json(&["status"]);
        status["sources"][0]["problem"]["message"].as_str()?.contains("not merged through").then_some(())
    });
    assert!(
        !world.runs().iter().any(|it| it["revision"].as_str().is_some_and(|it| it.contains(pushed.as_str())))
    );
    assert_eq!(stage.content("web1", "page"), "two\n");
}

/// What was promised and what came of it can be looked up after all was told.
#[track_caller]
fn still_readable(world: &World, number: u64, landed: &str) {
    let told = eventually("all is told", SOON, || {
        let told = world.json(&["preview", "infra", &number.to_string()]);
        (told["facts"]["told"] == told["facts"]["version"]).then_some(told)
    });
    assert_eq!(told["facts"]["applied"]["web"]["report"]["as_predicted"], 4, "{told:#}");
    let preview = world.text(&["preview", "infra", &number.to_string()]);
    assert!(preview.contains("4 of 4"), "{preview}");
    let apply = world.run_of(landed, "changed")["run"].as_u64().expect("a number").to_string();
    let shown = world.text(&["show", &apply]);
    assert!(shown.contains("as previewed: 4 of 4"), "{shown}");
    let shown = world.json(&["show", &apply]);
    let kept = &shown["run"]["predictions"][0];
    assert_eq!((&kept["merge_request"], &kept["compared"]["predicted"]), (&number.into(), &4.into()));
    assert_eq!(kept["title"], "Change the page @everybody");
    for path in [format!("/sources/infra/merge-requests/{number}"), format!("/runs/{apply}")] {
        let html = page(world, &path);
        assert!(html.contains("Change the page @everybody"), "{html}");
    }
}

#[test]
fn a_merge_request_of_github_is_previewed_approved_merged_applied_and_reported() {
    whole_story(ForgeKind::Github, How::Merge);
}

#[test]
fn a_merge_request_of_gitlab_is_previewed_approved_merged_applied_and_reported() {
    whole_story(ForgeKind::Gitlab, How::Squash);
}

#[test]
fn a_merge_request_of_forgejo_is_previewed_approved_merged_applied_and_reported() {
    whole_story(ForgeKind::Forgejo, How::Merge);
}

/// A task that goes on for long, in check mode as well.
const LONG: &str = "    - name: Take long\n      ansible.builtin.command: sleep 600\n      check_mode: false\n      \
                    changed_when: false\n";

/// A live preview that is under way.
#[track_caller]
fn live_preview(stage: &Stage) -> (u64, u64) {
    let tasks = format!("{}{LONG}", playbook(&[("page", "two")]));
    stage.forge.push("change", &[("site.yml", &tasks)]);
    let number = stage.forge.open("change", "Take long", "alice");
    let run = eventually("the live preview runs", SOON, || {
        let runs = stage.world.runs();
        let live = runs.iter().find(|it| it["trigger"] == "merge_request" && it["started_at"].is_string())?;
        let hosts = live["run"].as_u64()?;
        let log = stage.world.text(&["logs", &hosts.to_string()]);
        log.contains("Take long").then_some(hosts)
    });
    (number, run)
}

/// A commit on `main` is applied, although a moment ago something else worked on its hosts.
#[track_caller]
fn nobody_holds_the_hosts(stage: &Stage, content: &str) {
    let commit = stage.forge.push("main", &[("site.yml", &playbook(&[("page", content)]))]);
    stage.world.run_of(commit.as_str(), "changed");
    assert_eq!(stage.content("web1", "page"), format!("{content}\n"));
}

#[test]
fn row_16_a_merge_request_that_is_closed_or_pushed_to_leaves_no_lock() {
    let stage = Stage::new(ForgeKind::Forgejo, "merge_requests: { previews: live, live_for: [alice] }\n");
    let (number, run) = live_preview(&stage);
    // While it looks, nobody changes its hosts.
    let commit = stage.forge.push("main", &[("site.yml", &playbook(&[("page", "three")]))]);
    eventually("the apply waits for the hosts", SOON, || {
        let stacks = stage.world.json(&["stacks"]);
        let reason = stacks["stacks"][0]["reason"].as_str().unwrap_or_default().to_owned();
        reason.contains(&format!("run {run} is live")).then_some(())
    });
    // A push ends it: what was trusted was the head before.
    let head = stage.forge.force_push("change", &[("site.yml", &playbook(&[("page", "four")]))]);
    stage.world.run_of(commit.as_str(), "changed");
    stage.comment_with(number, &["Live preview", head.short()]);
    let ended = stage.world.json(&["show", &run.to_string()]);
    assert_eq!(ended["run"]["ending"]["outcome"], "cancelled", "{ended:#}");
    assert_eq!(stage.content("web1", "page"), "three\n");

    let tasks = format!("{}{LONG}", playbook(&[("page", "five")]));
    stage.forge.force_push("change", &[("site.yml", &tasks)]);
    eventually("another live preview runs", SOON, || {
        let runs = stage.world.runs();
        let live = runs.iter().find(|it| it["trigger"] == "merge_request" && it["ending"].is_null())?;
        live["started_at"].is_string().then_some(())
    });
    stage.forge.close(number);
    nobody_holds_the_hosts(&stage, "six");
    assert!(stage.world.json(&["merge-requests"])["merge_requests"].as_array().is_some_and(Vec::is_empty));
}

#[test]
fn row_16_a_daemon_that_is_killed_in_a_live_preview_leaves_no_lock() {
    let mut stage = Stage::new(ForgeKind::Gitlab, "merge_requests: { previews: live, live_for: [alice] }\n");
    let (number, run) = live_preview(&stage);
    for _ in 0..3 {
        stage.world.kill();
        stage.world.start();
        eventually("it is made again", SOON * 2, || {
            let runs = stage.world.runs();
            let live = runs.iter().find(|it| it["trigger"] == "merge_request" && it["ending"].is_null())?;
            (live["run"].as_u64()? != run && live["started_at"].is_string()).then_some(())
        });
    }
    let ended = stage.world.json(&["show", &run.to_string()]);
    assert_eq!(ended["run"]["ending"]["outcome"], "interrupted", "{ended:#}");
    stage.forge.close(number);
    nobody_holds_the_hosts(&stage, "seven");
}

#[test]
fn a_forge_that_is_down_delays_no_apply_and_is_told_later() {
    let stage = Stage::new(ForgeKind::Github, "merge_requests: { previews: static }\n");
    stage.forge.rate_limit(2, 2);
    stage.forge.faults([Fault::Slow(Duration::from_secs(2)), Fault::Reset]);
    nobody_holds_the_hosts(&stage, "eight");
    stage.forge.push("change", &[("site.yml", &playbook(&[("page", "two")]))]);
    let number = stage.forge.open("change", "Change the page", "mallory");
    stage.comment_with(number, &["Static preview", "site.yml"]);
    let fork = stage.forge.push_to_fork("eve", "evil", &[("site.yml", &playbook(&[("page", "evil")]))]);
    let number = stage.forge.open_from_fork("evil", "From elsewhere", "eve");
    eventually("it is followed", SOON, || {
        stage.world.text(&["merge-requests"]).contains("it comes from another repository").then_some(())
    });
    assert!(stage.forge.comments(number).is_empty() && stage.forge.statuses(&fork).is_empty());
}
