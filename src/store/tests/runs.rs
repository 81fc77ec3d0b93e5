//! The record of runs.

use std::sync::Arc;

use super::fixture::*;
use crate::domain::*;
use crate::store::{LastEnd, Progress, RunFilter, Total};

#[tokio::test]
async fn a_run_is_recorded_from_decision_to_end() {
    let dir = directory();
    let (store, _) = open(&dir);
    let id = RunId(3);
    assert_eq!(store.run(id).await.expect("read"), None);
    store.journal(at(1), &Event::Tick, &[start(3, "web", Mode::Apply)], &[]).await.expect("journaled");
    store.started(id, at(2), "sha256:abc".to_owned(), Some("2.19.14".to_owned())).await.expect("started");
    let stats = HostStats { ok: 4, changed: 2, unfinished: true, ..HostStats::default() };
    let hosts = [(HostName::new("h1"), stats), (HostName::new("ü\u{1b}[0m"), HostStats::default())];
    let progress =
        Progress { hosts: hosts.clone().into(), left_out: 4, events_lost: 2, ..Progress::default() };
    store.progress(id, Arc::new(progress)).await.expect("progress");
    let ending = Ending::because(Outcome::Failed, Reason::NoStats { exit: Exit::Signal(9) });
    store.journal(at(9), &finished(3, ending.clone()), &[], &[]).await.expect("journaled");

    let run = store.run(id).await.expect("read").expect("a run");
    let expected = Run {
        started_at: Some(at(2)),
        ended_at: Some(at(9)),
        ending: Some(ending),
        runtime: Some("sha256:abc".to_owned()),
        ansible_version: Some("2.19.14".to_owned()),
        hosts: hosts.into(),
        reason: "run 3 is due".to_owned(),
        results_left_out: 4,
        events_lost: 2,
        ..Run::decided(spec(3, "web", Mode::Apply), at(1))
    };
    assert_eq!(run, expected);
    assert!(store.recover().await.expect("recovered").live.is_empty());
}

#[tokio::test]
async fn how_a_run_compares_with_previews_is_kept_with_it_and_goes_with_it() {
    let dir = directory();
    let (store, _) = open(&dir);
    whole_run(&store, 1, "web", Mode::Apply, 0, Outcome::Changed).await;
    let broken = BrokenPrediction {
        kind: BrokenKind::Missing,
        host: HostName::new("web1"),
        task: TaskIdentity { name: "Restart".to_owned(), ..TaskIdentity::default() },
    };
    let compared =
        ComparedPrediction { predicted: 1, missing: 1, broken: vec![broken], ..Default::default() };
    let prediction = |number, title: &str, compared| RunPrediction {
        merge_request: MergeRequestNumber(number),
        title: title.to_owned(),
        with_others: true,
        compared,
    };
    let fact =
        |run, it: &RunPrediction| Fact::RunPrediction { run: RunId(run), prediction: it.clone().into() };
    let told = prediction(12, "Change the page", Some(compared));
    let other = prediction(7, "Change the list", None);
    let facts = [
        fact(1, &prediction(12, "Change", None)),
        fact(1, &told),
        fact(1, &other),
        fact(77, &other), // Of a run that retention removed.
    ];
    store.journal(at(9), &Event::Tick, &[], &facts).await.expect("journaled");
    let run = store.run(RunId(1)).await.expect("read").expect("a run");
    assert_eq!(run.predictions, [other, told], "each once, the last word counts");
    assert!(store.run(RunId(77)).await.expect("read").is_none());
}

#[tokio::test]
async fn only_the_first_end_counts() {
    let dir = directory();
    let (store, _) = open(&dir);
    whole_run(&store, 1, "web", Mode::Apply, 0, Outcome::Changed).await;
    let late = finished(1, Ending::plain(Outcome::Failed));
    store.journal(at(50), &late, &[], &[]).await.expect("journaled all the same");
    let unknown = finished(77, Ending::plain(Outcome::Failed));
    store.journal(at(51), &unknown, &[], &[]).await.expect("journaled all the same");
    let run = store.run(RunId(1)).await.expect("read").expect("a run");
    assert_eq!((run.ending, run.ended_at), (Some(Ending::plain(Outcome::Changed)), Some(at(2))));
    assert_eq!(store.totals().await.expect("totals").iter().map(|it| it.runs).sum::<u64>(), 1);
}

#[tokio::test]
async fn progress_that_is_written_twice_counts_once() {
    let dir = directory();
    let (store, _) = open(&dir);
    store.journal(at(1), &Event::Tick, &[start(1, "web", Mode::Apply)], &[]).await.expect("journaled");
    let mut recorder = store.recorder(&spec(1, "web", Mode::Apply), None).expect("a recorder");
    recorder.record(&[task(1), event(1, RunEventKind::TaskEnded(result("h", 1, ResultStatus::Ok, true)))]);
    let first = recorder.take_progress().expect("progress");
    recorder.record(&[event(2, RunEventKind::TaskEnded(result("h", 9, ResultStatus::Failed, false)))]);
    let mut both = first.clone();
    both.absorb(&recorder.take_progress().expect("progress"));
    store.progress(RunId(1), Arc::new(first)).await.expect("written");
    store.progress(RunId(1), Arc::new(both)).await.expect("written again, with more");

    let results = store.results(RunId(1)).await.expect("results");
    let RunEventKind::TaskStarted { identity, .. } = task(1).kind else { unreachable!() };
    let expected = [
        (identity, result("h", 1, ResultStatus::Ok, true)),
        (TaskIdentity::default(), result("h", 9, ResultStatus::Failed, false)),
    ];
    assert_eq!(results, expected, "in their order, a task that was never announced without identity");
    let run = store.run(RunId(1)).await.expect("read").expect("a run");
    let stats = HostStats { ok: 1, changed: 1, failed: 1, ..HostStats::default() };
    assert_eq!(run.hosts, [(HostName::new("h"), stats)].into());
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_page_by_page() {
    let dir = directory();
    let (store, _) = open(&dir);
    for run in 1..=10 {
        let name = if run % 2 == 0 { "web" } else { "db" };
        store.journal(at(1), &Event::Tick, &[start(run, name, Mode::Apply)], &[]).await.expect("journaled");
    }
    let ids = async |filter: RunFilter| -> Vec<u64> {
        store.runs(filter).await.expect("runs").iter().map(|it| it.spec.run.0).collect()
    };
    assert_eq!(ids(RunFilter { limit: 3, ..RunFilter::default() }).await, [10, 9, 8]);
    assert_eq!(ids(RunFilter { limit: 3, before: Some(RunId(8)), ..RunFilter::default() }).await, [7, 6, 5]);
    let web = RunFilter { stack: Some(stack("web")), before: Some(RunId(8)), ..RunFilter::default() };
    assert_eq!(ids(web).await, [6, 4, 2]);
    assert_eq!(ids(RunFilter { stack: Some(stack("none")), ..RunFilter::default() }).await, [0; 0]);
    let only = |it: &StackId| Scope::Only([Grant::Stack(it.clone())].into());
    let (web, db) = (stack("web"), stack("db"));
    // A page is as long as it should be for those who see a part, too.
    assert_eq!(ids(RunFilter { scope: only(&web), limit: 3, ..RunFilter::default() }).await, [10, 8, 6]);
    let foreign = RunFilter { scope: only(&web), stack: Some(db.clone()), ..RunFilter::default() };
    assert_eq!(ids(foreign).await, [0; 0]);
    assert_eq!(store.stack_of(RunId(9)).await.expect("readable"), Some(db));
    assert_eq!(store.stack_of(RunId(11)).await.expect("readable"), None);
}

#[tokio::test]
async fn totals_and_last_ends_add_up() {
    let dir = directory();
    let (store, _) = open(&dir);
    whole_run(&store, 1, "web", Mode::Apply, 0, Outcome::Changed).await;
    whole_run(&store, 2, "web", Mode::Apply, 10, Outcome::Changed).await;
    whole_run(&store, 3, "web", Mode::Apply, 20, Outcome::Failed).await;
    whole_run(&store, 4, "web", Mode::Check, 30, Outcome::Drifted).await;
    let total = |mode, outcome, runs| Total {
        stack: stack("web"),
        mode,
        trigger: Trigger::NewRevision,
        outcome,
        runs,
    };
    let expected = [
        total(Mode::Apply, Outcome::Changed, 2),
        total(Mode::Apply, Outcome::Failed, 1),
        total(Mode::Check, Outcome::Drifted, 1),
    ];
    assert_eq!(store.totals().await.expect("totals"), expected);
    let end = |mode, run, outcome, begin: i64, succeeded_at| LastEnd {
        stack: stack("web"),
        mode,
        run: RunId(run),
        outcome,
        started_at: Some(at(begin + 1)),
        ended_at: at(begin + 2),
        succeeded_at: Some(at(succeeded_at)),
    };
    let expected =
        [end(Mode::Apply, 3, Outcome::Failed, 20, 12), end(Mode::Check, 4, Outcome::Drifted, 30, 32)];
    assert_eq!(store.last_ends().await.expect("last ends"), expected);
}
