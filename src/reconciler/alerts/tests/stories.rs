//! What a person on call would tell.

use super::*;
use crate::reconciler::LastApply;

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

fn revision(letter: char) -> Revision {
    format!("main@sha1:{}", letter.to_string().repeat(40)).parse().unwrap()
}

fn source() -> SourceStatus {
    SourceStatus {
        name: "infra".parse().unwrap(),
        head: Some(revision('a')),
        admitted: Some(revision('a').commit),
        waiting: None,
        refused: None,
        problem: None,
        forge_problem: None,
        fetch_failures: 0,
        fetched_at: Some(at(0)),
        next_fetch: None,
        notes: Vec::new(),
    }
}

fn down(failures: u32) -> SourceStatus {
    let problem = Failure::soon("the server does not answer").remedy("check the network");
    SourceStatus { fetch_failures: failures, problem: Some(problem), ..source() }
}

fn stack() -> StackStatus {
    let id: StackId = "infra/web".parse().unwrap();
    StackStatus {
        id: id.clone(),
        policy: StackPolicy::new(id, "site.yml", "hosts.ini"),
        sync: SyncStatus::InSync,
        reason: "aaaaaaa is applied on 3 of 3 hosts".to_owned(),
        head: revision('a'),
        attempted: Some(revision('a')),
        applied: Applied::Everywhere(revision('a').commit),
        hosts: HostCounts::default(),
        live: None,
        request: None,
        suspended: None,
        hold: None,
        airbag: None,
        approval: None,
        predictions: PredictionTotals::default(),
        failures: 0,
        next_run: None,
        last_success: None,
    }
}

fn apply(letter: char, run: u64, outcome: Option<Outcome>) -> LastApply {
    LastApply {
        stack: stack().id,
        revision: revision(letter),
        run: RunId(run),
        outcome,
        words: format!("2 of 3 hosts failed in run {run}"),
    }
}

/// The last apply of the stack went so.
fn went(letter: char, run: u64, outcome: Outcome) -> View {
    View { applies: vec![apply(letter, run, Some(outcome))], ..calm() }
}

fn failed(letter: char) -> View {
    went(letter, 7, Outcome::Failed)
}

fn drift(hosts: &[(&str, u32, Option<i64>)], heals: u64) -> DriftFacts {
    let ledger: Vec<(HostName, HostLedger)> = Vec::new();
    let lines = ledger.iter().map(|(host, line)| (host, line));
    let mut facts =
        DriftFacts::count("infra/web".parse().unwrap(), &StackFacts::default(), [], lines, |_| {
            ChangeClass::Corrective
        });
    for (host, drifted_tasks, owed) in hosts {
        let owed_since = owed.map(at);
        let host_facts = HostFacts { drifted_tasks: *drifted_tasks, owed_since, last_success: None };
        facts.hosts.insert(HostName::new(*host), host_facts);
        facts.owed_since = facts.owed_since.into_iter().chain(owed_since).min();
    }
    facts.heals = (heals, 0);
    facts
}

fn calm() -> View {
    View {
        sources: vec![source()],
        stacks: vec![stack()],
        drift: vec![drift(&[], 0)],
        applies: vec![apply('a', 1, Some(Outcome::Changed))],
        chain: Some(Ok(())),
        ..View::default()
    }
}

/// The store and the policy, and what they make of what is seen.
struct Watch {
    kept: Kept,
    policy: AlertPolicy,
}

impl Watch {
    fn new() -> Self {
        Self { kept: Kept::default(), policy: policy(&["ops"]) }
    }

    fn see(&mut self, second: i64, view: &View) -> Option<Timestamp> {
        let sight = look(at(second), view, &self.policy);
        self.kept.look(at(second), &sight, &self.policy).wake
    }

    fn summaries(&self) -> Vec<&str> {
        self.kept.told.iter().map(|it| it.notice.summary.as_str()).collect()
    }
}

#[test]
fn a_remote_that_is_down_for_a_day_is_told_once_and_its_return_once() {
    let mut watch = Watch::new();
    watch.see(0, &calm());
    for minute in 1..24 * 60 {
        let failures = u32::try_from(minute).unwrap();
        watch.see(minute * MINUTE, &View { sources: vec![down(failures)], ..calm() });
        if minute % 300 == 0 {
            // The daemon is started anew and has not fetched yet.
            let fresh = SourceStatus { fetched_at: None, fetch_failures: 0, problem: None, ..source() };
            watch.see(minute * MINUTE + 1, &View { sources: vec![fresh], chain: None, ..calm() });
        }
    }
    assert_eq!(watch.kept.said(), ["960 to ops: raised source_unreachable infra"]);
    watch.see(DAY, &calm());
    watch.see(DAY + 30, &calm());
    assert_eq!(watch.kept.said()[1..], ["86430 to ops: resolved source_unreachable infra"]);
    let notice = &watch.kept.told[1].notice;
    assert_eq!(notice.summary, "infra can be fetched again");
    assert!(notice.details.contains(&"it lasted 23 h 59 min".to_owned()), "{:?}", notice.details);
}

#[test]
fn a_short_outage_is_told_to_nobody_but_an_attack_at_once() {
    let mut watch = Watch::new();
    assert_eq!(watch.see(0, &View { sources: vec![down(1)], ..calm() }), Some(at(15 * MINUTE)));
    watch.see(14 * MINUTE, &View { sources: vec![down(14)], ..calm() });
    watch.see(15 * MINUTE, &calm());
    assert!(watch.kept.told.is_empty() && watch.kept.facts.is_empty());
    let changed_key = Failure::until_changed("the host key is another one").security();
    let attacked = SourceStatus { problem: Some(changed_key), ..down(1) };
    watch.see(DAY, &View { sources: vec![attacked], ..calm() });
    assert_eq!(watch.kept.told[0].notice.severity, AlertSeverity::Critical);
}

#[test]
fn a_failed_apply_is_over_only_once_one_succeeded() {
    let mut watch = Watch::new();
    watch.see(0, &failed('b'));
    watch.see(100, &went('b', 8, Outcome::TimedOut));
    assert_eq!(watch.kept.told[0].notice.link, "/runs/7");
    // The fix is pushed and tried; it fails as well, which is news.
    watch.see(200, &went('c', 9, Outcome::Errored));
    watch.see(300, &went('c', 9, Outcome::Errored));
    // Neither what goes on, nor what somebody ended, nor what did not reach all hosts is a success.
    for (second, outcome) in [(310, None), (350, Some(Outcome::Cancelled)), (390, Some(Outcome::Unreachable))]
    {
        watch.see(second, &View { applies: vec![apply('d', 10, outcome)], ..calm() });
    }
    watch.see(400, &went('d', 11, Outcome::Changed));
    watch.see(460, &went('d', 11, Outcome::Changed));
    assert_eq!(
        watch.kept.said(),
        [
            "0 to ops: raised apply_failed infra/web",
            "200 to ops: raised apply_failed infra/web",
            "460 to ops: resolved apply_failed infra/web"
        ]
    );
    let of = |letter: char| revision(letter).short();
    assert_eq!(
        watch.summaries(),
        [
            format!("the apply of {} to infra/web failed", of('b')),
            format!("the apply of {} to infra/web could not run", of('c')),
            format!("infra/web: the apply of {} succeeded", of('d'))
        ]
    );
}

#[test]
fn who_does_not_answer_has_not_failed() {
    let mut watch = Watch::new();
    let away = |drift| View { drift: vec![drift], ..went('b', 7, Outcome::Unreachable) };
    watch.see(0, &away(drift(&[("h9", 0, Some(0))], 0)));
    watch.see(3599, &away(drift(&[("h9", 0, Some(0))], 0)));
    assert!(watch.kept.told.is_empty());
    watch.see(3600, &away(drift(&[("h9", 0, Some(0))], 0)));
    assert_eq!(watch.kept.said(), ["3600 to ops: raised hosts_owed infra/web"]);
}

/// An hour later each line would be wrong in which something is said of what comes next.
#[test]
fn what_is_told_stays_true() {
    let mut watch = Watch::new();
    let hold = Hold { revision: revision('b'), since: at(-3600), reason: "anna cancelled run 7".to_owned() };
    let reason = "held for 3s; retry in 20s; run 31 is live".to_owned();
    let stacks = vec![StackStatus { reason, hold: Some(hold), ..stack() }];
    let drift = vec![drift(&[("h1", 1, Some(-7200))], 0)];
    watch.see(0, &View { stacks: stacks.clone(), drift, ..failed('b') });
    watch.see(10, &View { stacks: stacks.clone(), ..calm() });
    watch.see(60, &View { stacks, ..calm() });
    assert_eq!(watch.kept.told.len(), 4 + 3, "{:?}", watch.kept.said());
    for it in &watch.kept.told {
        let said = [std::slice::from_ref(&it.notice.summary), &it.notice.details[..]].concat().join("\n");
        for passes in ["for 3s", "in 20s", "is live"] {
            assert!(!said.contains(passes), "{said}");
        }
    }
}

#[test]
fn what_is_declared_wrongly_is_told_in_one_line_and_shown_in_others() {
    let mut watch = Watch::new();
    let report = "error: `stacks.web` has no `playbook`\n --> driftless.yml:2:3\n\n2 |   web: {}";
    let problem = Failure::until_changed("`driftless.yml` cannot be used: `stacks.web` has no `playbook`")
        .details(report)
        .remedy("correct it");
    let broken = SourceStatus { admitted: Some(revision('b').commit), problem: Some(problem), ..source() };
    watch.see(0, &View { sources: vec![broken], ..calm() });
    let notice = &watch.kept.told[0].notice;
    assert_eq!(
        notice.summary,
        "bbbbbbbbbb of infra is not followed: `driftless.yml` cannot be used: `stacks.web` has no `playbook`"
    );
    assert_eq!(notice.details.len(), 1 + 3, "{:?}", notice.details);
    assert!(notice.details.iter().all(|it| !it.contains('\n')), "{:?}", notice.details);
}

#[test]
fn rewritten_history_is_told_once() {
    let mut watch = Watch::new();
    let problem = Failure::until_changed("history was rewritten").security();
    let rewound = SourceStatus { waiting: Some(revision('d')), problem: Some(problem), ..source() };
    watch.see(0, &View { sources: vec![rewound], ..calm() });
    assert_eq!(watch.kept.said(), ["0 to ops: raised held infra"]);
}

#[test]
fn drift_that_was_healed_is_told_so() {
    let mut watch = Watch::new();
    let drifted = |heals| View { drift: vec![drift(&[("h1", 2, None), ("h2", 0, None)], heals)], ..calm() };
    watch.see(0, &drifted(4));
    watch.see(20, &View { drift: vec![drift(&[], 5)], ..calm() });
    watch.see(60, &View { drift: vec![drift(&[], 5)], ..calm() });
    watch.see(3600, &drifted(5));
    watch.see(3700, &View { drift: vec![drift(&[], 5)], ..calm() });
    watch.see(3800, &View { drift: vec![drift(&[], 5)], ..calm() });
    let gone = "nothing that somebody changed on the hosts of infra/web is left";
    let healed = format!("{gone}: it was healed");
    let found = "1 host of infra/web drifted";
    assert_eq!(watch.summaries(), [found, &healed, found, gone]);
    assert_eq!(watch.kept.told[0].notice.details[0], "h1");
}

#[test]
fn what_only_reads_otherwise_is_not_written_again() {
    let mut watch = Watch::new();
    watch.see(0, &failed('b'));
    let sight = look(at(5), &went('b', 8, Outcome::Failed), &watch.policy);
    assert_eq!(watch.kept.look(at(5), &sight, &watch.policy), Telling::default());
}

#[test]
fn what_flaps_is_told_once() {
    let mut watch = Watch::new();
    for minute in 0..60 {
        watch.see(minute * 20, &failed('b'));
        watch.see(minute * 20 + 10, &calm());
    }
    assert_eq!(watch.kept.said(), ["0 to ops: raised apply_failed infra/web"]);
}

#[test]
fn hosts_are_told_of_when_one_is_owed_for_too_long() {
    let mut watch = Watch::new();
    let owed = |since| View { drift: vec![drift(&[("h9", 0, Some(since))], 0)], ..calm() };
    assert_eq!(watch.see(0, &owed(0)), Some(at(3600)));
    // The first one is back; another one is owed since later.
    assert_eq!(watch.see(3600, &owed(3000)), Some(at(6600)));
    watch.see(6600, &owed(3000));
    assert_eq!(watch.kept.said(), ["6600 to ops: raised hosts_owed infra/web"]);
    assert_eq!(watch.summaries(), ["1 host of infra/web is owed a revision"]);
}

#[test]
fn what_waits_for_a_person_is_told_at_once_and_a_hold_when_it_grows_old() {
    let mut watch = Watch::new();
    let rewound = SourceStatus { waiting: Some(revision('d')), ..source() };
    watch.see(0, &View { sources: vec![rewound], ..calm() });
    let hold = Hold { revision: revision('b'), since: at(100), reason: "anna cancelled run 7".to_owned() };
    let waiting = StackStatus { hold: Some(hold), ..stack() };
    watch.see(100, &View { stacks: vec![waiting.clone()], ..calm() });
    watch.see(3699, &View { stacks: vec![waiting.clone()], ..calm() });
    assert_eq!(watch.kept.said(), ["0 to ops: raised held infra", "3699 to ops: resolved held infra"]);
    watch.see(3700, &View { stacks: vec![waiting], ..calm() });
    assert_eq!(watch.kept.said()[2..], ["3700 to ops: raised held infra/web"]);
}

#[test]
fn a_broken_chain_stays_told_while_nobody_verified_it_again() {
    let mut watch = Watch::new();
    watch.see(0, &View { chain: Some(Err("record 7 is another one".to_owned())), ..calm() });
    watch.see(100, &View { chain: None, ..calm() });
    watch.see(1000, &View { chain: None, ..calm() });
    assert_eq!(watch.kept.said(), ["0 to ops: raised chain_broken -"]);
}

#[test]
fn a_stack_that_is_gone_is_not_waited_for() {
    let mut watch = Watch::new();
    watch.see(0, &failed('b'));
    let gone = View { stacks: Vec::new(), drift: Vec::new(), ..calm() };
    watch.see(10, &gone);
    watch.see(40, &gone);
    assert!(
        watch.summaries()[1].starts_with("not followed any more: the apply of "),
        "{:?}",
        watch.summaries()
    );
}

#[test]
fn who_comes_later_is_told_of_what_is_there_and_who_goes_of_nothing() {
    let mut watch = Watch::new();
    watch.see(0, &failed('b'));
    watch.policy = policy(&["new", "ops"]);
    watch.see(10, &failed('b'));
    watch.policy = policy(&["new"]);
    watch.see(20, &calm());
    watch.see(60, &calm());
    assert_eq!(
        watch.kept.said(),
        [
            "0 to ops: raised apply_failed infra/web",
            "10 to new: raised apply_failed infra/web",
            "60 to new: resolved apply_failed infra/web"
        ]
    );
}

#[test]
fn routes_say_who_and_when() {
    let mut watch = Watch::new();
    watch.policy = AlertPolicy {
        routes: vec![
            Route {
                severity: Some(AlertSeverity::Critical),
                to: ["pager".parse().unwrap()].into(),
                ..Route::default()
            },
            Route {
                stacks: vec!["infra/*".parse().unwrap()],
                digest: Some(Span::from_hours(1)),
                to: ["mail".parse().unwrap()].into(),
                ..Route::default()
            },
        ],
        ..policy(&["pager", "mail"])
    };
    let seen = View { drift: vec![drift(&[("h1", 1, None)], 0)], ..failed('b') };
    watch.see(100, &seen);
    watch.see(3000, &View { drift: vec![drift(&[], 0)], ..seen.clone() });
    watch.see(3100, &View { drift: vec![drift(&[], 0)], ..seen });
    assert_eq!(
        watch.kept.said(),
        [
            "3600 to mail: raised apply_failed infra/web",
            "100 to pager: raised apply_failed infra/web",
            "3600 to mail: raised drift infra/web",
            "3600 to mail: resolved drift infra/web"
        ]
    );
}
