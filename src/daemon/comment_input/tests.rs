//! From what a check told of a large fleet to the comment.

use std::time::{Duration, Instant};

use super::*;
use crate::domain::{
    CommitHash, Findings, Gathering, Impact, MergeRequest, MergeRequestNumber, MergeRequestState, Mode,
    Outcome, Previewed, Revision, RunEvent, RunEventKind, RunId, TaskNumber, Timestamp,
};
use crate::forge::comment::render;
use crate::store::StoreSettings;

const HOSTS: u32 = 500;
const TASKS: u32 = 200;

fn commit(digit: char) -> CommitHash {
    digit.to_string().repeat(40).parse().unwrap()
}

fn task(number: TaskNumber) -> TaskIdentity {
    TaskIdentity {
        path: "site.yml".to_owned(),
        line: number + 1,
        action: "ansible.builtin.copy".to_owned(),
        name: format!("Write file {number}"),
        ..TaskIdentity::default()
    }
}

/// What is gathered of a run in which each task changes, or would, on each host.
fn found(mode: Mode) -> Findings {
    let mut gathering = Gathering::new(RunId(7), mode, Vec::new());
    let mut add = |kind| gathering.add(&RunEvent { at: Timestamp::UNIX_EPOCH, kind });
    for number in 0..TASKS {
        add(RunEventKind::TaskStarted { task: number, identity: task(number), handler: false });
        for host in 0..HOSTS {
            let result = serde_json::json!({
                "host": format!("web{host}.example.org"), "task": number, "status": "ok", "changed": true,
                "diff_digest": "0123456789abcdef",
            });
            add(RunEventKind::TaskEnded(serde_json::from_value(result).unwrap()));
        }
    }
    gathering.finish()
}

fn facts(live: LiveStack) -> MergeRequestFacts {
    let web: StackName = "web".parse().unwrap();
    let mut facts = MergeRequestFacts::new(MergeRequest {
        number: MergeRequestNumber(12),
        title: "Change all".to_owned(),
        author: "alice".to_owned(),
        head: commit('b'),
        target: "main".parse().unwrap(),
        fork: false,
        draft: false,
        state: MergeRequestState::Open,
        approvals: Vec::new(),
        url: String::new(),
        updated_at: Timestamp::UNIX_EPOCH,
    });
    facts.preview = Some(PreviewFacts {
        head: commit('b'),
        target: commit('a'),
        level: PreviewLevel::Sandboxed,
        at: Timestamp::UNIX_EPOCH,
        made: Ok(Previewed {
            merge: Merge::Clean { commit: commit('e') },
            impact: Impact::default(),
            sandboxed: BTreeMap::new(),
            no_sandbox: None,
        }),
    });
    facts.live = Some(LivePreview {
        head: commit('b'),
        target: commit('a'),
        result: Revision { reference: "merge-requests/12".parse().unwrap(), commit: commit('e') },
        allowed_by: "alice".to_owned(),
        asked: false,
        since: Timestamp::UNIX_EPOCH,
        stacks: [(web, Some(live))].into(),
    });
    facts
}

async fn comment(facts: &MergeRequestFacts) -> String {
    let dir = tempfile::tempdir().unwrap();
    let settings = StoreSettings { ballast_bytes: 0, ..StoreSettings::default() };
    let (store, _) = Store::open(dir.path(), settings).unwrap();
    let source: SourceName = "infra".parse().unwrap();
    let policy = SourcePolicy::new(source.clone(), "main".parse().unwrap());
    let around = Surroundings { source: &source, policy: &policy, standing: None, link: None };
    let input = input(&store, &around, facts).await;
    store.close().await;
    let comment = render(&input, 65_536);
    assert!(comment.body.len() <= 65_536, "{}", comment.body.len());
    assert!(comment.body.contains(&format!("### W{}\n", &comment.status.description[1..])));
    comment.body
}

fn live_stack(findings: &Findings, flapping: &BTreeSet<TaskKey>) -> LiveStack {
    let hosts = (0..HOSTS).map(|it| HostName::new(format!("web{it}.example.org"))).collect();
    LiveStack::of(RunId(7), Outcome::Drifted, hosts, findings, (flapping, &BTreeSet::new()))
}

#[tokio::test]
async fn a_check_with_more_changes_than_are_kept_is_counted_whole_and_fits() {
    let begun = Instant::now();
    let live = live_stack(&found(Mode::Check), &BTreeSet::new());
    let body = comment(&facts(live.clone())).await;
    assert!(body.contains("### Would change 200 tasks on 500 hosts\n"), "{body:.300}");
    assert!(body.contains("100,000 of 100,000 results"), "{body:.900}");
    let kept = Findings::CHANGES_MAX as u64;
    let more = u64::from(HOSTS * TASKS) - kept;
    assert_eq!((live.prediction.changes.len() as u64, live.prediction.left_out), (kept, more));
    assert!(body.contains("**90,000 more changes were not kept one by one**"), "{body:.3000}");
    assert!(body.contains("- `Write file 199` (`site.yml:200`): 500 changes\n"), "{body:.9000}");
    assert!(body.contains("**500 hosts: 20 changes** on `web[0-499].example.org`"), "{body:.3000}");

    // The apply does just that: nothing is missing or extra, and only what was not kept says nothing.
    let report = live.prediction.compare(&found(Mode::Apply), &BTreeSet::new());
    assert!(report.holds());
    assert_eq!((report.as_predicted, report.not_predictable), (kept, more));
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_was_kept_of_a_large_check_is_still_promised() {
    let prediction = live_stack(&found(Mode::Check), &BTreeSet::new()).prediction;
    let mut actual = found(Mode::Apply);
    // One of the first task did not happen, one of the last is told, and one of a task that the check did not name.
    actual.changes.remove(0);
    actual.changes.push(crate::domain::Change { task: TASKS - 1, ..actual.changes[0].clone() });
    let place = u32::try_from(actual.tasks.len()).unwrap();
    actual.tasks.push((task(999), TaskCounts::default()));
    actual.changes.push(crate::domain::Change { task: place, ..actual.changes[0].clone() });
    let report = prediction.compare(&actual, &BTreeSet::new());
    assert_eq!((report.missing.len(), report.different.len(), report.extra.len()), (1, 0, 1));
    assert_eq!(report.as_predicted, Findings::CHANGES_MAX as u64 - 1);
    assert_eq!(report.not_predictable, 90_001);
}

#[tokio::test]
async fn tasks_that_flap_are_named_and_not_counted() {
    let flapping: BTreeSet<TaskKey> = [task(3).key(), task(150).key(), task(999).key()].into();
    let live = live_stack(&found(Mode::Check), &flapping);
    assert_eq!(live.prediction.left_out, 180 * 500 - 500);
    let body = comment(&facts(live)).await;
    assert!(body.contains("### Would change 198 tasks on 500 hosts\n"), "{body:.300}");
    let (_, list) = body.split_once("**Flapping**: these report a change each time:\n\n").expect("a section");
    let (list, rest) = list.split_once("\n\n").expect("its end");
    assert_eq!(list, "- `Write file 3` (`site.yml:4`)\n- `Write file 150` (`site.yml:151`)");
    assert!(!rest.contains("`Write file 3`") && !rest.contains("`Write file 150`"));
}
