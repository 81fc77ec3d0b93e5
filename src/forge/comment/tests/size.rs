//! It fits, whatever the size of the fleet, and what was left out is counted.

use std::sync::Arc;
use std::time::Instant;

use super::example::{change, host, input, live, live_result, sandboxed};
use super::parsed::assert_harmless;
use crate::domain::{Coverage, SandboxedPlay, SandboxedStack};
use crate::forge::comment::{CommentInput, LiveResult, TaskLabel, render};

/// GitHub, an old Gitea, Bitbucket, GitLab.
const LIMITS: [usize; 4] = [65_536, 65_535, 32_767, 1_000_000];

/// 500 hosts with 200 changes each; the same on all of them, or on no two.
fn fleet(identical: bool) -> CommentInput {
    let shared: Vec<Arc<str>> = (0..200).map(|it| diff(0, it)).collect();
    let mut changes = Vec::new();
    for on in 0..500 {
        let name = format!("web{on}.dc1.example.com");
        for task in 0..200 {
            let own = if identical { Arc::clone(&shared[task as usize]) } else { diff(on, task) };
            changes.push(change(&name, task, Some(&own)));
        }
    }
    let tasks = (0..200)
        .map(|it| TaskLabel {
            name: format!("Write the configuration file number {it}"),
            place: format!("roles/web/tasks/main.yml:{}", it * 5 + 1),
        })
        .collect();
    let coverage = Coverage { would_change: 100_000, blind: 500, ..Coverage::default() };
    let result = LiveResult { changes, tasks, coverage, hosts: 500, blind: vec![(7, 500)], ..live_result() };
    let mut input = live();
    input.stacks[0].live = Some(result);
    input
}

fn diff(on: u32, task: u32) -> Arc<str> {
    let line = "x".repeat(60);
    format!("@@ /etc/web/{task}.conf:12 @@\n listen 80;\n-name old{on}; # {line}\n+name new{on}; # {line}\n")
        .into()
}

/// The number in `… and 12 more changes`.
fn more(body: &str, noun: &str) -> u64 {
    let numbers = body.lines().filter_map(|line| {
        let rest = line.trim_start_matches("- ").strip_prefix("… and ")?;
        let (number, what) = rest.split_once(" more ")?;
        what.starts_with(noun).then(|| number.replace(',', "").parse::<u64>().unwrap())
    });
    numbers.sum()
}

#[test]
fn the_same_on_500_hosts_is_said_once() {
    let input = fleet(true);
    for limit in LIMITS {
        let body = render(&input, limit).body;
        assert!(body.len() <= limit);
        assert_harmless(&body);
        assert!(body.contains("### Would change 200 tasks on 500 hosts; 500 blind"), "{body:.200}");
        assert!(body.contains("**500 hosts: 200 changes** on `web[0-499].dc1.example.com`\n"));
        assert!(body.contains("[Full report](https://driftless.example.com/"));
        let (_, changes) = body.split_once("<summary>Show 200 changes</summary>").expect("the changes");
        let shown = changes.matches("- `Write the configuration file").count() as u64;
        assert_eq!(shown + more(&body, "change"), 200, "of {limit}");
    }
    // All of it fits where it is said once.
    let body = render(&input, 1_000_000).body;
    assert_eq!((more(&body, "change"), body.matches("```diff").count()), (0, 200));
}

#[test]
fn what_a_sandbox_lists_is_folded_cut_and_counted() {
    let play = |at: usize| SandboxedPlay {
        name: format!("Play {at}"),
        pattern: "all".to_owned(),
        hosts: 500,
        tasks: (0..9).map(|it| format!("Task {it} {}", "x".repeat(150))).collect(),
    };
    let mut input = sandboxed(None);
    let stack = input.stacks[0].sandboxed.take().expect("it was listed");
    let stack = SandboxedStack { listed: Vec::new(), plays: 0, tasks: 0, ..stack };
    input.stacks[0].sandboxed = Some(stack.with_plays((0..500).map(play)));
    for limit in [LIMITS[0], LIMITS[2], LIMITS[3], 4000] {
        let body = render(&input, limit).body;
        assert!(body.len() <= limit);
        assert_harmless(&body);
        let shown =
            body.lines().filter(|it| it.starts_with("  - `Task") || it.starts_with("- `Play")).count();
        assert_eq!(shown as u64 + more(&body, "play"), 5000, "of {limit}");
        assert!(body.contains("[Full report]("), "{body}");
    }
}

#[test]
fn what_differs_on_500_hosts_is_cut_and_counted() {
    let input = fleet(false);
    for limit in LIMITS {
        let body = render(&input, limit).body;
        assert!(body.len() <= limit && limit * 9 / 10 < body.len(), "{} of {limit}", body.len());
        assert_harmless(&body);
        assert!(body.contains("### Would change 200 tasks on 500 hosts; 500 blind"), "{body:.200}");
        assert!(body.contains("[Full report](https://driftless.example.com/"));
        let groups = body.matches("**1 host: 200 changes** on ").count() as u64;
        assert_eq!(groups + more(&body, "group"), 500, "of {limit}");
        assert!(body.contains("```diff\n@@ /etc/web/0.conf:12 @@\n"), "of {limit}");
    }
}

/// With any limit it is at most that long, in order, and the verdict is the last that goes.
#[test]
fn every_limit_is_kept() {
    let mut input = live();
    input.impact.notes = vec!["driftless.yml changes the limit of a stack".to_owned()];
    let longest = render(&input, 100_000).body.len();
    let mut last = 0;
    for limit in (0..longest + 20).step_by(7) {
        let body = render(&input, limit).body;
        assert!(body.len() <= limit, "{} of {limit}", body.len());
        if 250 <= limit {
            assert_harmless(&body);
            assert!(body.contains("### Would change 2 tasks on 42 hosts; 42 blind"), "{body}");
            assert!(body.contains("[Full report]"), "{body}");
        }
        last = body.len();
    }
    assert_eq!(last, longest);
}

/// A thousand stacks are counted, not listed.
#[test]
fn many_stacks_and_files_are_counted() {
    let mut input = input();
    let stack = input.impact.stacks.remove(0);
    for at in 0..1000 {
        let name = format!("stack-{at:04}").parse().unwrap();
        input.impact.stacks.push(crate::domain::StackImpact { stack: name, ..stack.clone() });
        input.impact.files.push((format!("roles/web/files/{at}"), crate::domain::FileChange::Added));
    }
    input.impact.files_left_out = 5;
    let body = render(&input, 65_536).body;
    assert!(body.len() <= 65_536);
    assert_harmless(&body);
    assert_eq!(body.matches("#### Stack ").count() as u64 + more(&body, "stack"), 1000);
    assert_eq!(body.matches("- added `roles/web/files/").count() as u64 + more(&body, "file"), 1005);
    assert!(body.contains("<summary>1,007 changed files</summary>"));
}

/// The order in which results came does not show.
#[test]
fn another_order_gives_the_same_bytes() {
    let mut input = live();
    let before = render(&input, 65_536);
    input.stacks[0].live.as_mut().unwrap().changes.reverse();
    input.impact.stacks.reverse();
    assert_eq!(render(&input, 65_536), before);
    let result = input.stacks[0].live.as_mut().unwrap();
    result.changes.push(change("web43", 0, None));
    result.unreachable.insert(host("web44"));
    assert_ne!(render(&input, 65_536), before);
}

/// Goal: under 100 ms in a release build.
#[test]
fn it_is_fast() {
    for identical in [true, false] {
        let input = fleet(identical);
        for limit in LIMITS {
            let begin = Instant::now();
            let comment = render(&input, limit);
            let took = begin.elapsed();
            println!("identical {identical}, limit {limit}: {} bytes in {took:?}", comment.body.len());
            assert!(took.as_secs() < 5, "{took:?}");
        }
    }
}
