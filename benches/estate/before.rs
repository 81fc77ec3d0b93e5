//! The runs that were before what is there now, written by SQL.

use std::path::Path;

use driftless::domain::{Ending, Mode, Outcome, Span, Timestamp, Trigger, later};
use rusqlite::{Connection, Transaction, params};
use serde_json::{Value, json};

use super::Part;

/// How far back they go, and when the newest of them was.
const FIRST: Span = Span::from_hours(88 * 24);
const LAST: Span = Span::from_hours(49);

/// How long each took.
const TOOK: Span = Span::from_secs(100);

/// What is repeated for each run of a stack, as the newest one left it.
struct Pattern {
    stack: String,
    mode: Mode,
    spec: Value,
    reason: String,
    runtime: String,
    version: Option<String>,
}

/// Writes all runs with numbers below those that there are.
pub(super) fn write(state: &Path, parts: &[Part], commits: &[String], now: Timestamp) {
    let mut db = Connection::open(state.join("driftless.db")).expect("the database");
    let newest: u64 = db
        .query_row("SELECT min(id) FROM runs", (), |row| row.get::<_, i64>(0))
        .expect("runs")
        .unsigned_abs();
    let patterns = patterns(&db);
    let write = db.transaction().expect("a transaction");
    for run in 1..newest {
        // One in five is an apply. Neighbours are of different stacks.
        let mode = if run % 5 == 0 { Mode::Apply } else { Mode::Check };
        let number = usize::try_from(run / 5 * 4 + run % 5).expect("few runs") * 7 % parts.len();
        let part = &parts[number];
        let pattern = patterns
            .iter()
            .find(|it| it.mode == mode && it.stack.ends_with(&format!("/{}", part.name)))
            .expect("each stack has both");
        let share =
            f64::from(u32::try_from(run).expect("few runs")) / f64::from(u32::try_from(newest).expect("few"));
        let at = later(
            now.checked_sub(FIRST).expect("it is not 1970"),
            Span::from_secs_f64((FIRST - LAST).as_secs_f64() * share),
        );
        let commit = &commits[(commits.len() * usize::try_from(run).expect("few runs"))
            / usize::try_from(newest).expect("few runs")];
        write_run(&write, run, at, commit, pattern, part);
    }
    write
        .execute(
            "INSERT INTO totals SELECT stack, mode, trigger, outcome, count(*) FROM runs WHERE id < ?1
                GROUP BY stack, mode, trigger, outcome
                ON CONFLICT DO UPDATE SET runs = runs + excluded.runs",
            [newest.cast_signed()],
        )
        .expect("they are counted");
    write.commit().expect("they are written");
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); ANALYZE").expect("it is settled");
}

fn patterns(db: &Connection) -> Vec<Pattern> {
    let mut query = db
        .prepare("SELECT stack, mode, spec, reason, coalesce(runtime, ''), ansible_version FROM runs GROUP BY stack, mode")
        .expect("a query");
    let mut rows = query.query(()).expect("runs");
    let mut patterns = Vec::new();
    while let Some(row) = rows.next().expect("a row") {
        let mode: String = row.get(1).expect("a mode");
        let spec: String = row.get(2).expect("what it was to do");
        patterns.push(Pattern {
            stack: row.get(0).expect("a stack"),
            mode: serde_json::from_value(mode.into()).expect("a mode"),
            spec: serde_json::from_str(&spec).expect("what it was to do"),
            reason: row.get(3).expect("a reason"),
            runtime: row.get(4).expect("a runtime"),
            version: row.get(5).expect("a version"),
        });
    }
    patterns
}

/// How the run of that number went.
fn outcome(run: u64, mode: Mode) -> Outcome {
    match (run.wrapping_mul(2_654_435_761) >> 7 & 127, mode) {
        (0, _) => Outcome::Failed,
        (1, _) => Outcome::Unreachable,
        (2..12, Mode::Check) => Outcome::Drifted,
        (2..70, Mode::Apply) => Outcome::Changed,
        _ => Outcome::InSync,
    }
}

fn write_run(db: &Transaction<'_>, run: u64, at: Timestamp, commit: &str, like: &Pattern, part: &Part) {
    let outcome = outcome(run, like.mode);
    let trigger = if like.mode == Mode::Apply { Trigger::NewRevision } else { Trigger::Schedule };
    let mut spec = like.spec.clone();
    spec["run"] = json!(run);
    spec["revision"] = json!(format!("main@sha1:{commit}"));
    spec["trigger"] = json!(trigger);
    spec["requested_by"] = Value::Null;
    let (begin, end) = (later(at, Span::from_secs(2)), later(at, TOOK));
    let nanos = |it: Timestamp| i64::try_from(it.as_nanosecond()).expect("this century");
    let ending = serde_json::to_string(&Ending::plain(outcome)).expect("an ending");
    db.prepare_cached(
        "INSERT INTO runs (id, stack, mode, trigger, spec, reason, decided_at, started_at, ended_at, outcome, ending,
            runtime, ansible_version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )
    .and_then(|mut it| {
        it.execute(params![
            run.cast_signed(),
            like.stack,
            like.mode.as_str(),
            trigger.as_str(),
            spec.to_string(),
            like.reason,
            nanos(at),
            nanos(begin),
            nanos(end),
            outcome.as_str(),
            ending,
            like.runtime,
            like.version,
        ])
    })
    .expect("a run");
    write_hosts(db, run, outcome, part);
}

fn write_hosts(db: &Transaction<'_>, run: u64, outcome: Outcome, part: &Part) {
    let mut hosts = db
        .prepare_cached("INSERT INTO run_hosts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, ?8)")
        .expect("a statement");
    let odd = usize::try_from(run).expect("few runs") % part.hosts.len();
    for (number, host) in part.hosts.iter().enumerate() {
        let is_odd = number == odd;
        let changed = u32::from(is_odd && matches!(outcome, Outcome::Changed | Outcome::Drifted));
        let (silent, failed) =
            (is_odd && outcome == Outcome::Unreachable, is_odd && outcome == Outcome::Failed);
        let ok = if silent { 0 } else { 11 - u32::from(failed) };
        let values =
            params![run.cast_signed(), host, ok, changed, silent, failed, u32::from(!silent), failed];
        hosts.execute(values).expect("a host of a run");
    }
    if outcome == Outcome::InSync {
        return;
    }
    let identity = json!({"path": "roles/service/tasks/main.yml", "line": 13, "role": "service",
        "action": "ansible.builtin.template", "name": "Write the configuration", "occurrence": 0});
    let status = match outcome {
        Outcome::Failed => "failed",
        Outcome::Unreachable => "unreachable",
        _ => "ok",
    };
    let result = json!({"host": part.hosts[odd], "task": 2, "status": status, "changed": status == "ok",
        "duration_ms": 240, "module": "ansible.builtin.template",
        "detail": {"diff": [{"path": "/etc/service/service.conf", "before": "listen 80;\n", "after": "listen 8080;\n"}]}});
    db.prepare_cached("INSERT INTO tasks VALUES (?1, 2, ?2)")
        .and_then(|mut it| it.execute(params![run.cast_signed(), identity.to_string()]))
        .expect("a task");
    db.prepare_cached("INSERT INTO results VALUES (?1, 0, 2, ?2, ?3, ?4, ?5)")
        .and_then(|mut it| {
            it.execute(params![
                run.cast_signed(),
                part.hosts[odd],
                status,
                status == "ok",
                result.to_string()
            ])
        })
        .expect("a result");
}
