use crate::domain::{ItemId, TaskIdentity, Timestamp};

use super::*;

fn event(kind: RunEventKind) -> RunEvent {
    RunEvent { at: Timestamp::UNIX_EPOCH, kind }
}

fn tally(kinds: impl IntoIterator<Item = RunEventKind>) -> Tally {
    let mut tally = Tally::default();
    kinds.into_iter().for_each(|kind| tally.add(&event(kind)));
    tally
}

fn result(host: &str, status: ResultStatus, changed: bool) -> TaskResult {
    TaskResult {
        host: HostName::new(host),
        task: 0,
        item: None,
        status,
        changed,
        duration_ms: 1,
        module: String::new(),
        for_real: false,
        blind: false,
        no_log: false,
        delegated_to: None,
        items: 0,
        satisfied: false,
        tainted: false,
        diff_digest: String::new(),
        detail: None,
    }
}

fn ended(host: &str, status: ResultStatus, changed: bool) -> RunEventKind {
    RunEventKind::TaskEnded(result(host, status, changed))
}

fn stats(hosts: &[(&str, HostStats)]) -> RunEventKind {
    RunEventKind::Stats { hosts: hosts.iter().map(|(host, stats)| (HostName::new(*host), *stats)).collect() }
}

fn end_of(tally: &Tally, host: &str) -> HostEnd {
    tally.host_ends()[&HostName::new(host)]
}

#[test]
fn a_live_run_counts_as_ansible_does() {
    use ResultStatus::{Failed, Ignored, Ok, Skipped, Unreachable, UnreachableIgnored};

    let tally = tally([
        ended("h1", Ok, true),
        ended("h1", Ok, false),
        ended("h1", Skipped, true),
        ended("h1", Ignored, true),
        ended("h1", Failed, false),
        ended("h2", UnreachableIgnored, false),
        ended("h2", Unreachable, false),
    ]);
    let h1 = HostStats { ok: 3, changed: 2, failed: 1, skipped: 1, ignored: 1, ..HostStats::default() };
    assert_eq!(tally.hosts[&HostName::new("h1")], h1);
    let h2 = HostStats { unreachable: 1, ignored: 1, ..HostStats::default() };
    assert_eq!(tally.hosts[&HostName::new("h2")], h2);
    assert_eq!((tally.results, tally.stats), (7, false));
}

#[test]
fn items_are_part_of_their_task_and_not_counted() {
    let item = TaskResult {
        item: Some(ItemId { index: 0, digest: String::new() }),
        ..result("h1", ResultStatus::Failed, true)
    };
    let tally = tally([RunEventKind::ItemEnded(item), ended("h1", ResultStatus::Ignored, true)]);
    assert_eq!(tally.results, 1);
    assert_eq!(tally.hosts[&HostName::new("h1")].failed, 0);
}

#[test]
fn ansibles_own_counts_are_the_last_word() {
    let own = HostStats { ok: 1, rescued: 1, ..HostStats::default() };
    let tally = tally([
        ended("h1", ResultStatus::Failed, false),
        ended("left over", ResultStatus::Ok, false),
        stats(&[("h1", own)]),
        ended("late", ResultStatus::Failed, false),
    ]);
    assert_eq!(tally.hosts, [(HostName::new("h1"), own)].into());
    assert_eq!(end_of(&tally, "h1"), HostEnd::Converged);
}

#[test]
fn a_recap_in_parts_counts_once_it_is_whole() {
    let one = HostStats { ok: 1, ..HostStats::default() };
    let part = |host: &str| RunEventKind::StatsPart { hosts: vec![(HostName::new(host), one)] };
    let mut tally = tally([ended("h1", ResultStatus::Ok, false), part("h1"), part("h2")]);
    assert!(!tally.stats);
    assert_eq!(end_of(&tally, "h1"), HostEnd::Unfinished);
    tally.add(&event(stats(&[("h3", one)])));
    assert!(tally.stats);
    assert_eq!(tally.host_ends().into_values().collect::<Vec<_>>(), [HostEnd::Converged; 3]);
}

#[test]
fn the_worst_of_a_host_is_its_end() {
    let at_its_end = HostStats { ok: 3, changed: 1, ..HostStats::default() };
    let unfinished = HostStats { unfinished: true, ..at_its_end };
    let failed = HostStats { failed: 1, ..unfinished };
    let gone = HostStats { unreachable: 1, ..failed };
    let tally = tally([stats(&[("a", at_its_end), ("b", unfinished), ("c", failed), ("d", gone)])]);
    let ends: Vec<_> = tally.host_ends().into_values().collect();
    assert_eq!(ends, [HostEnd::Converged, HostEnd::Unfinished, HostEnd::Failed, HostEnd::Unreachable]);
}

#[test]
fn without_the_recap_no_host_got_to_its_end() {
    let tally = tally([ended("h1", ResultStatus::Ok, false), ended("h2", ResultStatus::Failed, false)]);
    assert_eq!(end_of(&tally, "h1"), HostEnd::Unfinished);
    assert_eq!(end_of(&tally, "h2"), HostEnd::Failed);
}

#[test]
fn a_name_that_an_earlier_task_may_have_made_is_no_typo() {
    let play = |unknown: &str, dynamic| RunEventKind::PlayStarted {
        name: "p".to_owned(),
        hosts: 0,
        unknown: vec![unknown.to_owned()],
        dynamic,
    };
    let tally = tally([play("typo", false), play("made", true), RunEventKind::NoHostsMatched]);
    assert_eq!(tally.unknown_patterns, ["typo".to_owned()].into());
    assert_eq!((tally.plays, tally.empty_plays, tally.no_hosts_left), (2, 1, false));
}

#[test]
fn a_limit_that_leaves_nobody_is_kept_with_its_unknown_terms() {
    let tally = tally([RunEventKind::NoHostsLeft { unknown: vec!["h9".to_owned()] }]);
    assert!(tally.no_hosts_left);
    assert_eq!(tally.unknown_patterns, ["h9".to_owned()].into());
    assert_eq!(tally.plays, 0);
}

#[test]
fn the_first_error_is_the_cause() {
    let error = |class: &str| RunEventKind::Error { class: class.to_owned(), place: None, message: None };
    let tally = tally([error("First"), error("Second")]);
    assert_eq!(tally.error, Some(("First".to_owned(), None, None)));
}

#[test]
fn what_only_tells_progress_changes_no_tally() {
    let host = HostName::new("h1");
    let before = tally([RunEventKind::Hello { ansible: String::new(), python: String::new() }]);
    let mut after = before.clone();
    for kind in [
        RunEventKind::PlaybookStarted { plays: 3 },
        RunEventKind::NoHostsRemaining,
        RunEventKind::TaskStarted { task: 0, identity: TaskIdentity::default(), handler: false },
        RunEventKind::Included { path: String::new(), hosts: 1 },
        RunEventKind::Notified {
            host: host.clone(),
            handler: String::new(),
            task: 0,
            play: 0,
            section: 0,
            dynamic: false,
        },
        RunEventKind::Retried { host, task: 0, attempt: 1, retries: 3 },
    ] {
        after.add(&event(kind));
    }
    assert_eq!(after, before);
}

#[test]
fn what_would_change_is_counted_by_what_check_mode_could_say() {
    let ok = |change: fn(&mut TaskResult)| {
        let mut it =
            TaskResult { module: "ansible.builtin.copy".to_owned(), ..result("h1", ResultStatus::Ok, true) };
        change(&mut it);
        it
    };
    let handler = RunEventKind::TaskStarted { task: 7, identity: TaskIdentity::default(), handler: true };
    let item = RunEventKind::ItemEnded(ok(|it| it.item = Some(ItemId { index: 0, digest: String::new() })));
    for (kind, expected) in [
        (RunEventKind::TaskEnded(ok(|_| {})), 1),
        (item, 1),
        (RunEventKind::TaskEnded(ok(|it| it.no_log = true)), 1),
        (RunEventKind::TaskEnded(ok(|it| it.items = 1)), 0),
        (RunEventKind::TaskEnded(ok(|it| it.changed = false)), 0),
        (RunEventKind::TaskEnded(ok(|it| it.for_real = true)), 0),
        (RunEventKind::TaskEnded(ok(|it| it.tainted = true)), 0),
        (RunEventKind::TaskEnded(ok(|it| it.module = "ansible.builtin.add_host".to_owned())), 0),
        (RunEventKind::TaskEnded(ok(|it| it.task = 7)), 0),
    ] {
        let tally = tally([handler.clone(), kind.clone()]);
        assert_eq!(tally.would_change, expected, "{kind:?}");
    }
}

#[test]
fn the_first_refusal_is_why() {
    let refused = |why: &str| RunEventKind::Refused { question: 1, why: why.to_owned() };
    assert_eq!(tally([refused("one"), refused("two")]).refused.as_deref(), Some("one"));
    assert_eq!(tally([]).refused, None);
}
