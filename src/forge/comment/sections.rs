//! The parts of the comment that speak of one stack.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::fit::{Block, List, Making, Part, Rank};
use super::fold::{Group, groups};
use super::harmless::{code, diff, message};
use super::hosts::named;
use super::input::{AppliedResult, CommentInput, FailedTask, LiveResult, PreviewedChange, TaskLabel};
use super::verdict::{unseen, would_change};
use super::words::{count, grouped, sentence, some};
use super::{impact, report};
use crate::domain::{HostName, SandboxedStack, StackImpact, StackName};

/// All that is known of one stack.
#[derive(Debug, Default)]
struct Known<'a> {
    impact: Option<&'a StackImpact>,
    sandboxed: Option<&'a SandboxedStack>,
    live: Option<&'a LiveResult>,
    applied: Option<&'a AppliedResult>,
}

/// A section for each stack that anything is known of, in the order of their names.
pub(super) fn stacks(input: &CommentInput, making: &mut Making) -> Part {
    let mut all: BTreeMap<&StackName, Known<'_>> = BTreeMap::new();
    for it in &input.impact.stacks {
        all.entry(&it.stack).or_default().impact = Some(it);
    }
    for it in &input.stacks {
        let known = all.entry(&it.stack).or_default();
        (known.sandboxed, known.live) = (it.sandboxed.as_ref(), it.live.as_ref());
    }
    for it in input.merged.iter().flat_map(|it| &it.stacks) {
        all.entry(&it.stack).or_default().applied = Some(it);
    }
    let mut list = List::new(Rank::Stacks, all.len() as u64, ("stack", "stacks"));
    list.bullet = "";
    list.instead = format!("{}: see the full report.\n\n", sentence(&count(list.total, "stack", "stacks")));
    making.fill(list, all, |making, (name, known)| stack(making, name, &known))
}

fn stack(making: &mut Making, name: &StackName, known: &Known<'_>) -> Block {
    let mut block = vec![Part::Text(format!("#### Stack {}\n\n", code(name.as_str())))];
    if let Some(it) = known.applied {
        report::stack(making, it, &mut block);
    }
    if let Some(it) = known.sandboxed {
        sandboxed(making, it, &mut block);
    }
    if let Some(it) = known.live {
        live(making, it, &mut block);
    }
    if let Some(it) = known.impact {
        impact::stack(making, it, known.live.is_some(), &mut block);
    }
    block
}

fn sandboxed(making: &mut Making, result: &SandboxedStack, block: &mut Block) {
    if let Some(problem) = &result.problem {
        block.push(Part::Text("Ansible cannot use it as it is.\n\n".to_owned()));
        let mut list = List::new(Rank::Problems, 1, ("", ""));
        list.close = "\n";
        block.push(making.lines(list, [problem], |it| message(it)));
    } else {
        let tasks = count(u64::from(result.tasks), "task", "tasks");
        let plays = count(u64::from(result.plays), "play", "plays");
        let version = code(&result.version);
        block.push(Part::Text(format!("The syntax is right for Ansible {version}: {tasks} in {plays}.\n\n")));
        block.push(plays_and_tasks(making, result));
    }
    if !result.ignored.is_empty() {
        let title = "**Not used in previews**, of `ansible.cfg`";
        let list = titled(Rank::Unseen, result.ignored.len(), ("line", "lines"), title);
        block.push(making.lines(list, &result.ignored, |it| format!("- {}\n", code(it))));
    }
}

/// What the sandbox listed, folded: a line for each play, and below it one for each task.
fn plays_and_tasks(making: &mut Making, result: &SandboxedStack) -> Part {
    let lines = result.listed.iter().flat_map(|play| {
        let hosts = count(u64::from(play.hosts), "host", "hosts");
        let title = format!("- {} on {hosts} of {}\n", code(&play.name), code(&play.pattern));
        std::iter::once(title).chain(play.tasks.iter().map(|it| format!("  - {}\n", code(it))))
    });
    let kept: usize = result.listed.iter().map(|it| 1 + it.tasks.len()).sum();
    let total = kept as u64 + result.left_out();
    let mut list = List::new(Rank::Listing, total, ("play or task", "plays and tasks"));
    "<details><summary>Show plays and tasks</summary>\n\n".clone_into(&mut list.open);
    list.close = "\n</details>\n\n";
    making.lines(list, lines, |it| it)
}

fn live(making: &mut Making, result: &LiveResult, block: &mut Block) {
    let coverage = &result.coverage;
    let of = coverage.seen() + coverage.unseen();
    let mut text = sentence(&would_change(&[result]));
    text.push_str(". Check mode saw ");
    write!(text, "{} of {}", grouped(coverage.seen()), count(of, "result", "results")).ok();
    for it in [unseen(coverage), some(coverage.skipped, "skipped")] {
        if !it.is_empty() {
            text.push_str(", ");
            text.push_str(&it);
        }
    }
    let hosts = count(result.hosts, "host", "hosts");
    write!(text, ", on {hosts}. Run {}, {}", result.run, code(result.outcome.as_str())).ok();
    if let Some(reason) = &result.reason {
        write!(text, ": {}", code(reason)).ok();
    }
    text.push_str(".\n\n");
    block.push(Part::Text(text));
    problems(making, result, block);
    doubts(making, result, block);
    changes(making, result, block);
}

/// A task in words: its name and where it stands.
pub(super) fn task(tasks: &[TaskLabel], place: u32) -> String {
    tasks.get(place as usize).map_or_else(|| "a task that is not listed".to_owned(), label)
}

/// The same for a label at hand.
pub(super) fn label(it: &TaskLabel) -> String {
    if it.place.is_empty() { code(&it.name) } else { format!("{} ({})", code(&it.name), code(&it.place)) }
}

/// A list with a line before it and an empty one after it. If there is no room for it, that line is shortened.
pub(super) fn titled(rank: Rank, total: usize, noun: (&'static str, &'static str), title: &str) -> List {
    let mut list = List::new(rank, total as u64, noun);
    list.open = format!("{title}:\n\n");
    list.close = "\n";
    list.instead = format!("{title}.\n\n");
    list
}

fn problems(making: &mut Making, result: &LiveResult, block: &mut Block) {
    if !result.failed.is_empty() {
        let mut failed: BTreeMap<(u32, &str), Vec<&HostName>> = BTreeMap::new();
        for FailedTask { task, message, host } in &result.failed {
            failed.entry((*task, message)).or_default().push(host);
        }
        let title = format!("**{} failed**", count(failed.len() as u64, "task", "tasks"));
        let list = titled(Rank::Problems, failed.len(), ("failure", "failures"), &title);
        block.push(making.lines(list, failed, |((place, said), hosts)| {
            let said = if said.is_empty() { String::new() } else { format!("\n{}\n", message(said)) };
            format!("- {} on {}\n{said}", task(&result.tasks, place), named(hosts))
        }));
    }
    if !result.unreachable.is_empty() {
        let hosts = count(result.unreachable.len() as u64, "host", "hosts");
        let text = format!("**{hosts} did not answer**: {}\n\n", named(&result.unreachable));
        block.push(Part::Text(text));
    }
}

fn doubts(making: &mut Making, result: &LiveResult, block: &mut Block) {
    let noun = ("task", "tasks");
    let lists = [
        (&result.blind, "**Blind**: check mode could not simulate these"),
        (&result.tainted, "**Tainted**: what these say rests on what check mode could not simulate"),
        (&result.ran_for_real, "**Ran for real**: the playbook exempts these from check mode"),
    ];
    for (tasks, title) in lists.into_iter().filter(|it| !it.0.is_empty()) {
        let list = titled(Rank::Unseen, tasks.len(), noun, title);
        block.push(making.lines(list, tasks, |(place, hosts)| {
            format!("- {} on {}\n", task(&result.tasks, *place), count(*hosts, "host", "hosts"))
        }));
    }
    if !result.flapping.is_empty() {
        let title = "**Flapping**: these report a change each time";
        let list = titled(Rank::Unseen, result.flapping.len(), noun, title);
        block.push(making.lines(list, &result.flapping, |it| format!("- {}\n", task(&result.tasks, *it))));
    }
}

fn changes(making: &mut Making, result: &LiveResult, block: &mut Block) {
    let groups = groups(&result.changes);
    if !groups.is_empty() {
        shown_changes(making, result, &groups, block);
    }
    if result.changes_left_out == 0 {
        return;
    }
    let more = count(result.changes_left_out, "more change was", "more changes were");
    let title = format!("**{more} not kept one by one**; after the apply they count as not predictable");
    if result.left_out_tasks.is_empty() {
        return block.push(Part::Text(format!("{title}.\n\n")));
    }
    let list = titled(Rank::Unseen, result.left_out_tasks.len(), ("task", "tasks"), &title);
    block.push(making.lines(list, &result.left_out_tasks, |(place, changes)| {
        format!("- {}: {}\n", task(&result.tasks, *place), count(*changes, "change", "changes"))
    }));
}

fn shown_changes(making: &mut Making, result: &LiveResult, groups: &[Group<'_>], block: &mut Block) {
    let hosts: usize = groups.iter().map(|it| it.hosts.len()).sum();
    let mut list = List::new(Rank::Groups, groups.len() as u64, ("group of hosts", "groups of hosts"));
    list.bullet = "";
    let changes = count(result.changes.len() as u64, "change", "changes");
    list.instead = format!("{changes} on {}.\n\n", count(hosts as u64, "host", "hosts"));
    block.push(making.fill(list, groups, |making, it| group(making, result, it)));
}

fn group(making: &mut Making, result: &LiveResult, group: &Group<'_>) -> Block {
    let hosts = count(group.hosts.len() as u64, "host", "hosts");
    let changes = count(group.changes.len() as u64, "change", "changes");
    let heading = format!("**{hosts}: {changes}** on {}\n\n", named(group.hosts.iter().copied()));
    let mut list = List::new(Rank::Changes, group.changes.len() as u64, ("change", "changes"));
    list.open = format!("<details><summary>Show {changes}</summary>\n\n");
    list.close = "\n</details>\n\n";
    let list = making.fill(list, &group.changes, |making, it| change(making, &result.tasks, it));
    vec![Part::Text(heading), list]
}

fn change(making: &mut Making, tasks: &[TaskLabel], change: &PreviewedChange) -> Block {
    let mut line = format!("- {}", task(tasks, change.task));
    if !change.item.is_empty() {
        write!(line, ", item {}", code(&change.item)).ok();
    }
    if change.no_log {
        line.push_str(" — hidden by `no_log`");
    }
    line.push('\n');
    let mut block = vec![Part::Text(line)];
    if let Some(text) = change.diff.as_deref().filter(|_| !change.no_log) {
        let mut list = List::new(Rank::Diffs, 1, ("", ""));
        (list.open, list.close) = ("\n".to_owned(), "\n");
        block.push(making.lines(list, [text], diff));
    }
    block
}
