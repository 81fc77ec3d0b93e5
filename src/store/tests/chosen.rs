//! Which runs are found, and that none is looked for by reading all.

use rusqlite::{Connection, params_from_iter};

use super::fixture::{at, directory, open, spec};
use crate::domain::*;
use crate::store::chosen::chosen;
use crate::store::columns::{json, nanos};
use crate::store::runs::{end, filtered};
use crate::store::{RunFilter, place};

/// Ten runs: of two stacks, in both modes, the odd ones ended, each of a commit of its own.
fn database() -> (tempfile::TempDir, Connection) {
    let dir = directory();
    drop(open(&dir));
    let db =
        Connection::open(place::Place::prepare(dir.path()).expect("a place").database()).expect("a database");
    for run in 1..=10_u32 {
        let name = if run <= 5 { "web" } else { "db" };
        let mut spec = spec(run.into(), name, if run % 2 == 0 { Mode::Check } else { Mode::Apply });
        spec.revision = format!("main@sha1:{run:040x}").parse().expect("a revision");
        let id = spec.run;
        let time = nanos(at(i64::from(run) * 60));
        db.execute(
            "INSERT INTO runs (id, stack, mode, trigger, spec, reason, decided_at)
                VALUES (?1, ?2, ?3, ?4, ?5, 'because', ?6)",
            (run, spec.stack.to_string(), spec.mode.as_str(), spec.trigger.as_str(), json(&spec), time),
        )
        .expect("a run");
        if run % 2 == 1 {
            let outcome = if run == 9 { Outcome::Failed } else { Outcome::Changed };
            end(&db, id, time, &(Ending::plain(outcome), CheckCounts::default())).expect("ended");
        }
        let host = format!("host{}", run % 3);
        db.execute("INSERT INTO run_hosts VALUES (?1, ?2, 1, 0, 0, 0, 0, 0, 0, 0)", (run, host))
            .expect("a host");
    }
    (dir, db)
}

fn every_choice() -> Vec<RunChoice> {
    let none = RunChoice::default();
    vec![
        none.clone(),
        RunChoice { source: Some("infra".parse().expect("a source")), ..none.clone() },
        RunChoice { mode: Some(Mode::Apply), ..none.clone() },
        RunChoice { outcome: Some(Outcome::Failed), ..none.clone() },
        RunChoice { trigger: Some(Trigger::NewRevision), ..none.clone() },
        RunChoice { host: Some(HostName::new("host1")), ..none.clone() },
        RunChoice { commit: Some(format!("{:039x}", 0)), ..none.clone() },
        RunChoice { since: Some(at(300)), ..none.clone() },
        RunChoice { until: Some(at(300)), ..none.clone() },
        RunChoice { live: Some(true), ..none.clone() },
        RunChoice { live: Some(false), ..none.clone() },
        RunChoice { after: Some(RunId(4)), ..none },
    ]
}

fn found(db: &Connection, choice: RunChoice, limit: u32) -> Vec<u64> {
    let filter = RunFilter { choice, limit, hosts: false, ..RunFilter::default() };
    filtered(db, &filter).expect("they are read").iter().map(|it| it.spec.run.0).collect()
}

#[test]
fn each_choice_finds_what_it_says() {
    let (_dir, db) = database();
    let found: Vec<Vec<u64>> = every_choice().into_iter().map(|it| found(&db, it, 3)).collect();
    assert_eq!(
        found,
        [
            vec![10, 9, 8],
            vec![10, 9, 8],
            vec![9, 7, 5],
            vec![9],
            vec![10, 9, 8],
            vec![10, 7, 4],
            vec![10, 9, 8],
            vec![10, 9, 8],
            vec![4, 3, 2],
            vec![10, 8, 6],
            vec![9, 7, 5],
            // Those next to it, still the newest first.
            vec![7, 6, 5],
        ]
    );
}

#[test]
fn choices_are_combined() {
    let (_dir, db) = database();
    let all = RunChoice {
        source: Some("infra".parse().expect("a source")),
        mode: Some(Mode::Apply),
        outcome: Some(Outcome::Changed),
        host: Some(HostName::new("host1")),
        since: Some(at(60)),
        until: Some(at(600)),
        live: Some(false),
        ..RunChoice::default()
    };
    assert_eq!(found(&db, all.clone(), 9), [7, 1]);
    assert_eq!(found(&db, RunChoice { commit: Some(format!("{:040x}", 7)), ..all.clone() }, 9), [7]);
    let other = RunChoice { source: Some("infr".parse().expect("a source")), ..all };
    assert_eq!(found(&db, other, 9), [0_u64; 0]);
    let never = RunChoice { since: Some(at(9999)), ..RunChoice::default() };
    assert_eq!(found(&db, never, 9), [0_u64; 0]);
}

#[test]
fn no_choice_reads_or_sorts_all_runs() {
    let (_dir, db) = database();
    for choice in every_choice() {
        for stack in [None, Some(super::fixture::stack("web"))] {
            let scope = Scope::Only(["infra/web".parse().expect("a stack")].into());
            let filter = RunFilter { choice: choice.clone(), stack, scope, ..RunFilter::default() };
            let chosen = chosen(&filter);
            let order = if chosen.newest_first { "DESC" } else { "ASC" };
            let query = format!(
                "EXPLAIN QUERY PLAN SELECT spec FROM runs WHERE {} ORDER BY id {order} LIMIT 20",
                chosen.conditions
            );
            let mut statement = db.prepare(&query).expect("a statement");
            let plan = statement.query_map(params_from_iter(chosen.values), |row| row.get::<_, String>(3));
            let plan: Vec<String> = plan.expect("a plan").collect::<Result<_, _>>().expect("its lines");
            let plan = plan.join("; ");
            let sorts = plan.contains("TEMP B-TREE FOR ORDER BY");
            // The live ones are few, and have an index that has nothing else.
            let scans = plan.contains("SCAN runs") && !plan.contains("USING INDEX runs_live");
            let few = filter.choice.commit.is_some();
            assert!(!scans && (!sorts || few), "{choice:?}: {plan}");
        }
    }
}
