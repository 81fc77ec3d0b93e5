//! What a person on call would tell.

use super::*;

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

fn failed(letter: char) -> StackStatus {
    StackStatus { failures: 1, attempted: Some(revision(letter)), ..stack() }
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
    let last = LastEnd {
        stack: stack().id,
        mode: Mode::Apply,
        run: RunId(7),
        outcome: Outcome::Failed,
        started_at: None,
        ended_at: at(0),
        succeeded_at: None,
    };
    let seen = |stack: StackStatus| View { stacks: vec![stack], last_ends: vec![last.clone()], ..calm() };
    watch.see(0, &seen(failed('b')));
    watch.see(100, &seen(StackStatus { failures: 2, ..failed('b') }));
    assert_eq!(watch.kept.told[0].notice.link, "/runs/7");
    // The fix is pushed and tried; it fails as well, which is news.
    watch.see(200, &seen(failed('c')));
    watch.see(300, &seen(failed('c')));
    watch.see(400, &seen(stack()));
    watch.see(460, &seen(stack()));
    assert_eq!(
        watch.kept.said(),
        [
            "0 to ops: raised apply_failed infra/web",
            "200 to ops: raised apply_failed infra/web",
            "460 to ops: resolved apply_failed infra/web"
        ]
    );
}

#[test]
fn an_apply_that_goes_on_is_no_success_yet() {
    let policy = policy(&["ops"]);
    let id: StackId = "infra/web".parse().unwrap();
    let mut live = failed('c');
    live.failures = 0;
    let spec = RunSpec {
        run: RunId(8),
        stack: id,
        revision: revision('c'),
        mode: Mode::Apply,
        trigger: Trigger::NewRevision,
        merge_request: None,
        requested_by: None,
        failures_before: 0,
        outside_window: None,
        selection: Selection::Full,
        playbook: "site.yml".to_owned(),
        inventory: "hosts.ini".to_owned(),
        limit: None,
        tags: Vec::new(),
        skip_tags: Vec::new(),
        extra_vars: BTreeMap::new(),
        forks: None,
        debts: Vec::new(),
        timeout: Span::from_mins(30),
        runtime: RuntimeSpec::System,
    };
    live.live = Some(spec);
    let sight = look(at(0), &View { stacks: vec![live], ..calm() }, &policy);
    assert!(sight.unclear.contains(&"apply_failed infra/web".parse().unwrap()));
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
    watch.see(0, &View { stacks: vec![failed('b')], ..calm() });
    let later = StackStatus { reason: "it is tried again in 3 s".to_owned(), ..failed('b') };
    let sight = look(at(5), &View { stacks: vec![later], ..calm() }, &watch.policy);
    assert_eq!(watch.kept.look(at(5), &sight, &watch.policy), Telling::default());
}

#[test]
fn what_flaps_is_told_once() {
    let mut watch = Watch::new();
    for minute in 0..60 {
        watch.see(minute * 20, &View { stacks: vec![failed('b')], ..calm() });
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
    watch.see(0, &View { stacks: vec![failed('b')], ..calm() });
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
    watch.see(0, &View { stacks: vec![failed('b')], ..calm() });
    watch.policy = policy(&["new", "ops"]);
    watch.see(10, &View { stacks: vec![failed('b')], ..calm() });
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
    let seen = View { stacks: vec![failed('b')], drift: vec![drift(&[("h1", 1, None)], 0)], ..calm() };
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
