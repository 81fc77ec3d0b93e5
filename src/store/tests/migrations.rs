//! Every step of the format, on rows as an older driftless wrote them.

use std::fs;

use rusqlite::Connection;
use tempfile::TempDir;

use super::fixture::*;
use crate::domain::*;
use crate::store::migrations::{STEPS, Step, migrate};
use crate::store::place::Place;
use crate::store::{LastEnd, Store, StoreError, Total, connection};

/// A database of format 1, as it was written then. Never edited.
const FORMAT_1: &str = include_str!("format-1.sql");

/// A database of format 6, with an audit chain.
const FORMAT_6: &str = include_str!("format-6.sql");

fn old_database(dir: &TempDir) -> Place {
    let place = Place::prepare(dir.path()).expect("a place");
    let db = Connection::open(place.database()).expect("a database");
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL").expect("as it was");
    db.execute_batch(FORMAT_1).expect("the old rows");
    place
}

/// All that a database holds: its schema and the rows of its tables, as text.
fn content(db: &Connection) -> Vec<String> {
    let mut all = schema(db);
    let mut tables =
        db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").expect("tables");
    let names = tables.query_map((), |row| row.get::<_, String>(0)).expect("tables");
    for name in names {
        let mut rows = db.prepare(&format!("SELECT * FROM {}", name.expect("a name"))).expect("a table");
        let width = rows.column_count();
        let mut rows = rows.query(()).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let cells = (0..width).map(|it| format!("{:?}", row.get_ref(it).expect("a cell")));
            all.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    all
}

fn schema(db: &Connection) -> Vec<String> {
    let mut sql = db.prepare("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name").expect("schema");
    let rows = sql.query_map((), |row| row.get::<_, String>(0)).expect("schema");
    rows.map(|it| it.expect("a row").split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn format_of(db: &Connection) -> u32 {
    db.pragma_query_value(None, "user_version", |it| it.get(0)).expect("a format")
}

#[test]
fn the_first_step_is_what_it_was() {
    let (old, new) = (directory(), directory());
    let place = Place::prepare(new.path()).expect("a place");
    let mut db = connection::writer(&place).expect("a database");
    migrate(&mut db, &place, &STEPS[..1]).expect("format 1");
    let old = Connection::open(old_database(&old).database()).expect("a database");
    assert_eq!(schema(&db), schema(&old));
}

#[test]
fn numbers_are_in_order_without_a_gap() {
    let numbers: Vec<u32> = STEPS.iter().map(|it| it.number).collect();
    let expected: Vec<u32> = (1..).take(STEPS.len()).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test]
async fn old_rows_are_understood_after_all_steps() {
    let dir = directory();
    old_database(&dir);
    let (store, recovered) = open(&dir);
    let live: Vec<_> = recovered.live.iter().map(|it| it.spec.run).collect();
    assert_eq!(live, [RunId(5)]);
    assert_eq!(recovered.seed, 0xF00D_F00D_F00D_F00D);
    let memory = recovered.memory;
    assert_eq!(memory.next_run, 6);
    assert_eq!(memory.stacks.keys().map(ToString::to_string).collect::<Vec<_>>(), ["infra/web"]);
    assert_eq!(memory.sources[&"infra".parse().expect("a name")].admitted, Some(revision('b').commit));
    assert!(memory.hosts[&stack("web")][&HostName::new("web1")].failed);

    let run = store.run(RunId(2)).await.expect("read").expect("a run");
    assert_eq!(run.ending, Some(Ending::plain(Outcome::Changed)));
    assert_eq!(run.hosts[&HostName::new("web1")], HostStats { ok: 9, changed: 1, ..HostStats::default() });
    assert_eq!((run.events_lost, run.results_left_out), (0, 0));
    let results = store.results(RunId(2)).await.expect("results");
    assert_eq!(results[0].0.name, "Restart");
    assert_eq!(results[0].1.status, ResultStatus::Ok);
    let tail = store.journal_tail(9).await.expect("the journal");
    assert_eq!(tail[0].event().expect("an event"), Event::Tick);
}

#[tokio::test]
async fn the_format_before_goes_on_with_its_chain() {
    let dir = directory();
    let place = Place::prepare(dir.path()).expect("a place");
    let db = Connection::open(place.database()).expect("a database");
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL").expect("as it was");
    db.execute_batch(FORMAT_6).expect("the old rows");
    drop(db);
    let (store, recovered) = open(&dir);
    assert_eq!(recovered.live.iter().map(|it| it.spec.run.0).collect::<Vec<_>>(), [4]);
    assert_eq!((recovered.memory.next_run, recovered.restored), (5, None));
    assert!(recovered.memory.stacks[&stack("web")].restored.is_none());
    store
        .journal(at(50), &finished(4, Ending::plain(Outcome::Interrupted)), &[], &[])
        .await
        .expect("journaled");
    let chain = store.audit_verify(Vec::new(), None).await.expect("read").expect("the chain holds");
    assert_eq!(chain.head.size, 10);
    assert_eq!(store.totals().await.expect("totals").iter().map(|it| it.runs).sum::<u64>(), 4);
}

#[tokio::test]
async fn totals_begin_with_what_is_recorded() {
    let dir = directory();
    old_database(&dir);
    let (store, _) = open(&dir);
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
        total(Mode::Check, Outcome::Failed, 1),
    ];
    assert_eq!(store.totals().await.expect("totals"), expected);
    let ends = store.last_ends().await.expect("last ends");
    let second = |it: i64| Timestamp::new(1_790_000_000 + it, 0).expect("a time");
    let apply = LastEnd {
        stack: stack("web"),
        mode: Mode::Apply,
        run: RunId(3),
        outcome: Outcome::Failed,
        started_at: Some(second(31)),
        ended_at: second(32),
        succeeded_at: Some(second(22)),
    };
    assert_eq!(ends[0], apply);
    assert_eq!((ends[1].run, ends[1].succeeded_at), (RunId(4), None));
    // From there on they are counted one by one.
    store.journal(at(60), &finished(5, Ending::plain(Outcome::Changed)), &[], &[]).await.expect("journaled");
    assert_eq!(store.totals().await.expect("totals")[0], total(Mode::Apply, Outcome::Changed, 3));
}

#[test]
fn before_a_step_the_database_is_copied() {
    let dir = directory();
    let place = old_database(&dir);
    let before = content(&Connection::open(place.database()).expect("a database"));
    drop(open(&dir));
    let copy = place.backups().join(format!("format-1-before-{}.db", STEPS.len()));
    let copy = Connection::open(copy).expect("the copy");
    assert_eq!(content(&copy), before);
    assert_eq!(format_of(&copy), 1);
}

#[test]
fn a_new_database_needs_no_copy() {
    let dir = directory();
    drop(open(&dir));
    assert_eq!(fs::read_dir(dir.path().join("backups")).expect("a directory").count(), 0);
}

/// Each step fails once before, between and after its statements. Then nothing has changed, and the same database
/// gets there at the next try.
#[test]
fn a_step_that_fails_anywhere_changes_nothing() {
    let mut tried = 0;
    for (index, step) in STEPS.iter().enumerate() {
        for position in 0..=step.statements.len() {
            let dir = directory();
            let place =
                if index == 0 { Place::prepare(dir.path()).expect("a place") } else { old_database(&dir) };
            let mut db = connection::writer(&place).expect("a database");
            migrate(&mut db, &place, &STEPS[..index]).expect("up to the step");
            let before = content(&db);
            let mut broken: Vec<Step> = STEPS[..=index].to_vec();
            broken[index].statements.insert(position, "INSERT INTO nowhere VALUES (1)");

            let error = migrate(&mut db, &place, &broken).expect_err("the statement fails");
            assert!(
                matches!(error, StoreError::Migration { number, .. } if number == step.number),
                "{error}"
            );
            assert_eq!(content(&db), before);
            assert_eq!(format_of(&db) as usize, index);
            drop(db);
            let (store, _) = Store::open(dir.path(), SETTINGS).expect("the next try");
            drop(store);
            tried += 1;
        }
    }
    assert!(tried > 15, "{tried}");
}

/// The process dies after any statement of a step: what lies on the disk then opens as the old format.
#[test]
fn a_crash_inside_a_step_changes_nothing() {
    for step in &STEPS[1..] {
        for position in 0..=step.statements.len() {
            let (dir, after) = (directory(), directory());
            let place = old_database(&dir);
            let mut db = connection::writer(&place).expect("a database");
            migrate(&mut db, &place, &STEPS[..step.number as usize - 1]).expect("up to the step");
            let before = content(&db);
            // So little cache that pages reach the log before the commit.
            db.pragma_update(None, "cache_size", 1).expect("a small cache");
            db.execute_batch("BEGIN IMMEDIATE").expect("begun");
            for statement in &step.statements[..position] {
                db.execute_batch(statement).expect("a statement");
            }
            for name in ["driftless.db", "driftless.db-wal"] {
                fs::copy(dir.path().join(name), after.path().join(name)).expect("what lies on the disk");
            }
            drop(db);
            let db = Connection::open(after.path().join("driftless.db")).expect("a database");
            assert_eq!(content(&db), before);
            drop(db);
            open(&after);
        }
    }
}
