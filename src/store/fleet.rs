//! What overviews need of runs: few columns of many rows, and never their documents.

use rusqlite::{Connection, Row, params};

use super::columns::{count, timestamp, uncount, word};
use super::{Store, StoreError};
use crate::domain::{CheckCounts, HostName, HostRun, HostStats, RunId, RunMark, StackId};

/// The last runs of one stack. All columns are in the index `runs_marks`.
const RECENT: &str = "SELECT id, mode, trigger, outcome, decided_at, started_at, ended_at,
        differing_hosts, seen, unseen FROM runs
    INDEXED BY runs_marks WHERE stack = ?1 ORDER BY id DESC LIMIT ?2";

/// The last runs that touched a host.
const OF_HOST: &str = "SELECT runs.id, mode, trigger, outcome, decided_at, started_at, ended_at, stack,
        ok, changed, unreachable, failed, skipped, rescued, ignored, unfinished, differing_hosts, seen, unseen
    FROM run_hosts JOIN runs ON runs.id = run_hosts.run
    WHERE run_hosts.host = ?1 AND run_hosts.run < ?2 ORDER BY run_hosts.run DESC LIMIT ?3";

/// The hosts of a run, counted: all, changed, failed, unreachable.
const COUNTS: &str = "SELECT count(*), coalesce(sum(changed != 0), 0),
        coalesce(sum(failed != 0 AND unreachable = 0), 0), coalesce(sum(unreachable != 0), 0)
    FROM run_hosts WHERE run = ?1";

/// The hosts of a run, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunCounts {
    /// All of them.
    pub total: u32,
    /// Those on which something changed.
    pub changed: u32,
    /// Those on which a task failed.
    pub failed: u32,
    /// Those that did not answer.
    pub unreachable: u32,
}

impl Store {
    /// The hosts of these runs, counted, in the order in which the runs were given.
    pub async fn run_counts(&self, runs: Vec<RunId>) -> Result<Vec<RunCounts>, StoreError> {
        self.read(move |db| counts(db, &runs).map_err(StoreError::database("count the hosts of runs"))).await
    }

    /// The last runs of these stacks, newest first, in the order in which the stacks were given.
    pub async fn recent_runs(
        &self,
        stacks: Vec<StackId>,
        most: u32,
    ) -> Result<Vec<Vec<RunMark>>, StoreError> {
        self.read(move |db| stacks.iter().map(|stack| recent(db, stack, most)).collect()).await
    }

    /// The last runs that touched a host, newest first.
    pub async fn runs_of_host(
        &self,
        host: HostName,
        before: Option<RunId>,
        most: u32,
    ) -> Result<Vec<HostRun>, StoreError> {
        self.read(move |db| of_host(db, &host, before, most)).await
    }
}

fn counts(db: &Connection, runs: &[RunId]) -> rusqlite::Result<Vec<RunCounts>> {
    let mut statement = db.prepare_cached(COUNTS)?;
    let one = |run: &RunId| {
        statement.query_row([count(run.0)], |row| {
            Ok(RunCounts {
                total: row.get(0)?,
                changed: row.get(1)?,
                failed: row.get(2)?,
                unreachable: row.get(3)?,
            })
        })
    };
    runs.iter().map(one).collect()
}

fn recent(db: &Connection, stack: &StackId, most: u32) -> Result<Vec<RunMark>, StoreError> {
    let failed = || StoreError::database("read the last runs");
    let mut statement = db.prepare_cached(RECENT).map_err(failed())?;
    let mut rows = statement.query(params![stack.to_string(), most]).map_err(failed())?;
    let mut marks = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        marks.push(Mark::read(row, 7).map_err(failed())?.run()?);
    }
    Ok(marks)
}

fn of_host(
    db: &Connection,
    host: &HostName,
    before: Option<RunId>,
    most: u32,
) -> Result<Vec<HostRun>, StoreError> {
    let failed = || StoreError::database("read the runs of a host");
    let before = before.map_or(i64::MAX, |it| count(it.0));
    let mut statement = db.prepare_cached(OF_HOST).map_err(failed())?;
    let mut rows = statement.query(params![host.as_str(), before, most]).map_err(failed())?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        let (stack, stats) = with_stats(row).map_err(failed())?;
        let run = Mark::read(row, 16).map_err(failed())?.run()?;
        runs.push(HostRun { stack: word("runs", stack)?, run, stats });
    }
    Ok(runs)
}

fn with_stats(row: &Row<'_>) -> rusqlite::Result<(String, HostStats)> {
    let stats = HostStats {
        ok: row.get(8)?,
        changed: row.get(9)?,
        unreachable: row.get(10)?,
        failed: row.get(11)?,
        skipped: row.get(12)?,
        rescued: row.get(13)?,
        ignored: row.get(14)?,
        unfinished: row.get(15)?,
    };
    Ok((row.get(7)?, stats))
}

/// The columns of a mark.
struct Mark {
    id: i64,
    mode: String,
    trigger: String,
    outcome: Option<String>,
    times: (i64, Option<i64>, Option<i64>),
    check: Option<CheckCounts>,
}

impl Mark {
    /// Reads them; the counts of a check begin at the column `counts`.
    fn read(row: &Row<'_>, counts: usize) -> rusqlite::Result<Self> {
        let check = match row.get::<_, Option<u32>>(counts)? {
            Some(differing_hosts) => Some(CheckCounts {
                differing_hosts,
                seen: uncount(row.get(counts + 1)?),
                unseen: uncount(row.get(counts + 2)?),
            }),
            None => None,
        };
        Ok(Self {
            id: row.get(0)?,
            mode: row.get(1)?,
            trigger: row.get(2)?,
            outcome: row.get(3)?,
            times: (row.get(4)?, row.get(5)?, row.get(6)?),
            check,
        })
    }

    fn run(self) -> Result<RunMark, StoreError> {
        let (decided_at, started_at, ended_at) = self.times;
        Ok(RunMark {
            run: RunId(uncount(self.id)),
            mode: word("runs", self.mode)?,
            trigger: word("runs", self.trigger)?,
            outcome: self.outcome.map(|it| word("runs", it)).transpose()?,
            decided_at: timestamp(decided_at),
            started_at: started_at.map(timestamp),
            ended_at: ended_at.map(timestamp),
            check: self.check,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Change, Coverage, Ending, Event, Findings, HostStats as Stats, Mode, Outcome};
    use crate::store::Progress;
    use crate::store::tests::fixture::{at, directory, finished, open, stack, start};

    fn plan(db: &Connection, query: &str) -> String {
        let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let values = vec![rusqlite::types::Value::Integer(1); statement.parameter_count()];
        let lines = statement.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3));
        lines.unwrap().map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn overviews_read_no_row_that_they_do_not_show() {
        let dir = directory();
        let (store, _) = open(&dir);
        let plans = store.read(|db| Ok([RECENT, OF_HOST, COUNTS].map(|it| plan(db, it)))).await.unwrap();
        assert!(plans[0].contains("COVERING INDEX runs_marks (stack=?)"), "{plans:?}");
        assert!(plans[1].contains("run_hosts_by_host (host=? AND run<?)"), "{plans:?}");
        assert!(plans.iter().all(|it| !it.contains("SCAN") && !it.contains("TEMP B-TREE")), "{plans:?}");
    }

    #[tokio::test]
    async fn what_a_check_saw_is_counted_once_it_got_to_its_end() {
        let dir = directory();
        let (store, _) = open(&dir);
        let change = |host: &str, task| Change {
            task,
            host: HostName::new(host),
            item: String::new(),
            digest: String::new(),
        };
        let findings = Findings {
            coverage: Coverage { would_change: 3, unchanged: 6, blind: 1, ..Coverage::default() },
            changes: vec![change("h1", 0), change("h1", 1), change("h2", 0)],
            ..Findings::default()
        };
        for (run, mode, outcome) in [
            (1, Mode::Check, Outcome::Drifted),
            (2, Mode::Check, Outcome::Failed),
            (3, Mode::Apply, Outcome::Changed),
        ] {
            store.journal(at(1), &Event::Tick, &[start(run, "web", mode)], &[]).await.unwrap();
            let mut end = finished(run, Ending::plain(outcome));
            if let Event::RunFinished { findings: found, .. } = &mut end {
                **found = findings.clone();
            }
            store.journal(at(9), &end, &[], &[]).await.unwrap();
        }
        let marks = store.recent_runs(vec![stack("web")], 9).await.unwrap().remove(0);
        let counts: Vec<_> = marks.iter().map(|it| it.check).collect();
        let seen = CheckCounts { differing_hosts: 2, seen: 9, unseen: 1 };
        assert_eq!(counts, [None, None, Some(seen)], "newest first");
    }

    #[tokio::test]
    async fn the_last_runs_come_first() {
        let dir = directory();
        let (store, _) = open(&dir);
        for run in 1..=5 {
            let name = if run == 3 { "db" } else { "web" };
            let begun = [start(run, name, Mode::Apply)];
            store.journal(at(1), &Event::Tick, &begun, &[]).await.unwrap();
            let (ok, bad) =
                (Stats { ok: 3, changed: 1, ..Stats::default() }, Stats { failed: 1, ..Stats::default() });
            let hosts = [(HostName::new("h1"), ok), (HostName::new("h2"), bad)];
            let progress = Progress { hosts: hosts.into(), ..Progress::default() };
            store.progress(RunId(run), std::sync::Arc::new(progress)).await.unwrap();
            let end = finished(run, Ending::plain(Outcome::Failed));
            store.journal(at(9), &end, &[], &[]).await.unwrap();
        }
        let marks = store.recent_runs(vec![stack("db"), stack("web"), stack("gone")], 2).await.unwrap();
        let ids: Vec<Vec<u64>> = marks.iter().map(|it| it.iter().map(|it| it.run.0).collect()).collect();
        assert_eq!(ids, [vec![3], vec![5, 4], vec![]]);
        assert_eq!(marks[1][0].outcome, Some(Outcome::Failed));
        assert_eq!(marks[1][0].ended_at, Some(at(9)));

        let runs = store.runs_of_host(HostName::new("h1"), Some(RunId(5)), 2).await.unwrap();
        let told: Vec<_> = runs.iter().map(|it| (it.run.run.0, it.stack.stack.as_str())).collect();
        assert_eq!(told, [(4, "web"), (3, "db")]);
        assert_eq!((runs[0].stats.ok, runs[0].stats.changed), (3, 1));
        assert_eq!(store.runs_of_host(HostName::new("h"), None, 9).await.unwrap(), []);

        let counts = store.run_counts(vec![RunId(5), RunId(99)]).await.unwrap();
        assert_eq!(counts[0], RunCounts { total: 2, changed: 1, failed: 1, unreachable: 0 });
        assert_eq!(counts[1], RunCounts::default());
    }
}
