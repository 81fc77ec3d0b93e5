//! The audit chain of a real database, and what is done to it behind our back.

mod tampering;

use std::path::Path;
use std::time::Instant;

use super::fixture::*;
use crate::domain::audit::{AuditKey, AuditRecord, Checkpoint, Fault, daemon_started, key_used};
use crate::domain::*;
use crate::store::{AuditDatabase, AuditFilter, RetentionPolicy, Store};

fn key() -> AuditKey {
    AuditKey::from_seed(&[3; 32])
}

/// Some runs and some acts of persons, after the key.
async fn lived(store: &Store, runs: u64) {
    let begun = vec![key_used(None, None, &key().public()), daemon_started("0.1.0", None)];
    store.audit(at(0), begun).await.expect("begun");
    for run in 1..=runs {
        let second = i64::try_from(run).expect("few") * 10;
        let by = if run % 2 == 0 { "alice" } else { "bob" }.to_owned();
        let mode = if run % 3 == 0 { Mode::Check } else { Mode::Apply };
        let request = Request {
            mode,
            by: by.clone(),
            revision: None,
            limit: None,
            tags: Vec::new(),
            outside_window: None,
        };
        let asked = Event::RunRequested { stack: stack("web"), request };
        store.journal(at(second), &asked, &[start(run, "web", mode)], &[]).await.expect("asked");
        let ended = finished(run, Ending::plain(Outcome::Changed));
        store.journal(at(second + 1), &ended, &[], &[]).await.expect("ended");
        store
            .journal(at(second + 2), &Event::Suspended { stack: stack("web"), by }, &[], &[])
            .await
            .expect("kept");
    }
}

async fn records(store: &Store) -> Vec<AuditRecord> {
    let filter = AuditFilter { count: 1_000, ..AuditFilter::default() };
    let rows = store.audit_records(filter).await.expect("read");
    rows.into_iter().map(|it| it.expect("a record")).collect()
}

async fn checkpoint(store: &Store) -> Checkpoint {
    let state = store.audit_state().await.expect("the state");
    assert_eq!(state.key, Some(key().public()));
    Checkpoint::sign(&key(), &state.first.expect("a record"), state.head, at(9_999))
}

/// What an event says of itself, and what its facts say, does not depend on whether it also stops a run.
#[tokio::test]
async fn what_landed_is_recorded_beside_a_run_that_it_stops() {
    let dir = directory();
    let (store, _) = open(&dir);
    lived(&store, 0).await;
    store.journal(at(10), &Event::Tick, &[start(1, "web", Mode::Check)], &[]).await.expect("started");
    let request = MergeRequest {
        number: MergeRequestNumber(12),
        title: "Change the page".to_owned(),
        author: "alice".to_owned(),
        head: revision('b').commit,
        target: "main".parse().expect("a reference"),
        fork: false,
        draft: false,
        state: MergeRequestState::Merged { commit: None, by: Some("bob".to_owned()) },
        approvals: Vec::new(),
        url: String::new(),
        updated_at: at(0),
    };
    let (source, commit) = (stack("web").source, revision('c').commit);
    let landed = Fact::Landed { source, request: Box::new(request), commit: commit.clone() };
    let reason = "merge request 12 is not open any more".to_owned();
    let stop = Decision::Stop { run: RunId(1), cancelled: true, reason };
    store.journal(at(11), &Event::Tick, &[stop], &[landed]).await.expect("journaled");
    let all = records(&store).await;
    let [.., landed, stopped] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((landed.action.as_str(), landed.commit.as_ref()), ("merge_request_landed", Some(&commit)));
    assert_eq!((landed.text("author"), landed.text("merged_by")), (Some("alice"), Some("bob")));
    assert_eq!((stopped.action.as_str(), stopped.run), ("run_stopped", Some(RunId(1))));
}

#[tokio::test]
async fn records_are_found_by_who_acted_and_paged_from_the_newest() {
    let dir = directory();
    let (store, _) = open(&dir);
    lived(&store, 3).await;
    let all = records(&store).await;
    let actor = all.iter().find_map(|it| it.text("actor")).expect("somebody acted").to_owned();
    let of = |actor: &str, before: Option<u64>| AuditFilter {
        actor: Some(actor.to_owned()),
        before,
        count: 2,
        newest: true,
        ..AuditFilter::default()
    };
    let found = store.audit_records(of(&actor, None)).await.expect("read");
    let numbers: Vec<u64> = found.iter().map(|it| it.as_ref().expect("a record").seq).collect();
    let wanted: Vec<u64> =
        all.iter().filter(|it| it.text("actor") == Some(&actor)).map(|it| it.seq).collect();
    assert_eq!(numbers, wanted[wanted.len() - 2..]);
    let before = store.audit_records(of(&actor, Some(numbers[0]))).await.expect("read");
    assert_eq!(before.last().expect("more").as_ref().expect("a record").seq, wanted[wanted.len() - 3]);
    assert!(store.audit_records(of("nobody", None)).await.expect("read").is_empty());
}

#[tokio::test]
async fn acts_and_runs_are_records_of_a_chain_that_holds() {
    let dir = directory();
    let (store, _) = open(&dir);
    lived(&store, 2).await;
    let words: Vec<_> = records(&store).await.into_iter().map(|it| it.action).collect();
    let of_run = ["apply_requested", "run_started", "run_ended", "suspended"];
    assert_eq!(words, [&["key_used", "daemon_started"][..], &of_run, &of_run].concat());
    let checkpoint = checkpoint(&store).await;
    let verified = store.audit_verify(vec![checkpoint.clone()], Some(key().public())).await.expect("read");
    assert_eq!(verified.expect("it holds").vouched, 10);
    let only = AuditFilter { run: Some(RunId(2)), count: 1, newest: true, ..AuditFilter::default() };
    let found = store.audit_records(only).await.expect("read");
    assert_eq!(found[0].as_ref().expect("a record").action, "run_ended");
    // Also while the daemon uses it, and after.
    let path = dir.path().join("driftless.db");
    let look = |path: &Path| {
        let database = AuditDatabase::open(path).expect("opened");
        assert!(database.verify(vec![checkpoint.clone()], None).expect("read").is_ok());
        assert_eq!(database.state().expect("read").head, checkpoint.head);
    };
    look(&path);
    let copy = dir.path().join("copy?#%.db");
    store.backup(copy.clone()).await.expect("a copy");
    store.close().await;
    drop(store);
    look(&path);
    look(&copy);
    let names = std::fs::read_dir(dir.path()).expect("a directory");
    let beside =
        names.filter(|it| it.as_ref().is_ok_and(|it| it.file_name().as_encoded_bytes().starts_with(b"copy")));
    assert_eq!(beside.count(), 1, "reading leaves nothing beside a copy");
}

#[tokio::test]
async fn what_is_not_written_leaves_no_record() {
    let dir = directory();
    let (store, _) = open(&dir);
    lived(&store, 1).await;
    let before = records(&store).await.len();
    // The number of the run is in use: event, decisions and records stay away together.
    let again = store.journal(at(50), &Event::ShutdownRequested, &[start(1, "web", Mode::Apply)], &[]).await;
    assert!(again.is_err());
    assert_eq!(records(&store).await.len(), before);
    assert!(store.audit_verify(Vec::new(), None).await.expect("read").is_ok());
}

#[tokio::test]
async fn retention_leaves_the_chain_alone() {
    let dir = directory();
    let (store, _) = open(&dir);
    lived(&store, 5).await;
    let before = records(&store).await;
    let nothing = RetentionPolicy {
        max_age: Span::ZERO,
        max_bytes: 0,
        journal_max_age: Span::ZERO,
        events_max_age: Span::ZERO,
        raw_max_age: Span::ZERO,
    };
    let removed = store.retain(at(1_000_000), nothing).await.expect("retained");
    assert!(removed.journal_entries != 0);
    assert_eq!(records(&store).await, before);
}

#[tokio::test]
async fn a_name_can_be_erased_and_the_chain_holds() {
    let dir = directory();
    let (store, _) = open(&dir);
    lived(&store, 4).await;
    let kept = checkpoint(&store).await;
    assert_eq!(store.audit_erase(at(500), "alice".to_owned(), "carol".to_owned()).await.expect("erased"), 4);
    let verified = store.audit_verify(vec![kept], None).await.expect("read").expect("it holds");
    assert_eq!((verified.erased, verified.head.size), (4, 19));
    let lines: String = records(&store).await.iter().map(AuditRecord::to_line).collect();
    assert!(!lines.contains("alice") && lines.contains("bob") && lines.contains("carol"));
    // Nobody is left to erase.
    assert_eq!(store.audit_erase(at(501), "alice".to_owned(), "carol".to_owned()).await.expect("erased"), 0);
    assert_eq!(store.audit_erase(at(501), "bo".to_owned(), "carol".to_owned()).await.expect("erased"), 0);
}

/// Beside the chain are checkpoints, too: who cuts it off and leaves them is seen.
#[tokio::test]
async fn a_careless_cut_is_seen_without_a_checkpoint_from_elsewhere() {
    let dir = directory();
    let (store, _) = open(&dir);
    lived(&store, 2).await;
    let signed = checkpoint(&store).await;
    let (size, note) = (signed.head.size, signed.to_note(&key().public()));
    store.audit_checkpointed(size, at(99), note).await.expect("kept");
    let state = store.audit_state().await.expect("the state");
    assert_eq!(state.checkpoint, Some((size, at(99))));
    assert_eq!(store.audit_verify(Vec::new(), None).await.expect("read").expect("it holds").vouched, 0);
    let other = rusqlite::Connection::open(dir.path().join("driftless.db")).expect("a connection");
    other.execute("DELETE FROM audit WHERE seq >= 9", ()).expect("cut");
    let faults = store.audit_verify(Vec::new(), None).await.expect("read").expect_err("it is cut");
    assert_eq!(faults.faults, [Fault::CutOff { size: 8, checkpoint: size }]);
}

#[tokio::test]
async fn the_key_of_the_state_directory_is_made_once_and_for_nobody_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = directory();
    let (store, _) = open(&dir);
    let made = store.audit_key().expect("made").public();
    assert_eq!(store.audit_key().expect("read").public(), made);
    let permissions = std::fs::metadata(dir.path().join("audit.key")).expect("a file").permissions();
    assert_eq!(permissions.mode() & 0o777, 0o600);
}

#[tokio::test]
#[ignore = "measures"]
async fn records_per_second() {
    let dir = directory();
    let (store, _) = open(&dir);
    lived(&store, 1).await;
    let made = Instant::now();
    for _ in 0..100 {
        let drafts = vec![daemon_started("0.1.0", None); 1_000];
        store.audit(at(1), drafts).await.expect("written");
    }
    let (written, begun) = (made.elapsed(), Instant::now());
    assert!(store.audit_verify(Vec::new(), None).await.expect("read").is_ok());
    let read = begun.elapsed();
    eprintln!("100,000 records: written in {written:?}, verified in {read:?}");
}
