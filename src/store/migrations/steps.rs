//! The steps. Points in time are nanoseconds since 1970; documents are JSON as `domain` writes them.

use std::sync::LazyLock;

use super::Step;

/// All steps, in order. Add at the end; never edit.
pub(in crate::store) static STEPS: LazyLock<Vec<Step>> = LazyLock::new(|| {
    vec![
        Step { number: 1, name: "facts, journal, runs and results", statements: BASE.to_vec() },
        Step {
            number: 2,
            name: "totals that outlive their runs, and what a record lacks",
            statements: TOTALS.to_vec(),
        },
        Step {
            number: 3,
            name: "what is known of tasks, and details of results",
            statements: DRIFT.to_vec(),
        },
        Step { number: 4, name: "merge requests", statements: MERGE_REQUESTS.to_vec() },
        Step { number: 5, name: "the audit chain and its checkpoints", statements: AUDIT.to_vec() },
        Step { number: 6, name: "deliveries of webhooks", statements: DELIVERIES.to_vec() },
        Step { number: 7, name: "alerts and their notifications", statements: ALERTS.to_vec() },
        Step { number: 8, name: "tokens and sessions", statements: ACCESS.to_vec() },
        Step { number: 9, name: "indexes for choosing runs", statements: CHOICES.to_vec() },
        Step { number: 10, name: "indexes for overviews", statements: OVERVIEWS.to_vec() },
        Step { number: 11, name: "what checks saw, in counts", statements: CHECKS.to_vec() },
        Step { number: 12, name: "how runs compare with previews", statements: PREDICTIONS.to_vec() },
    ]
});

const BASE: [&str; 12] = [
    // One value per name: the seed of the daemon's jitter, the number of the next run.
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE sources (name TEXT PRIMARY KEY, facts TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE stacks (id TEXT PRIMARY KEY, facts TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE ledger (
        stack TEXT NOT NULL, host TEXT NOT NULL, facts TEXT NOT NULL, PRIMARY KEY (stack, host)
    ) STRICT, WITHOUT ROWID",
    // AUTOINCREMENT: a number is never used again, even after retention removed the newest rows.
    "CREATE TABLE journal (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, event TEXT NOT NULL, decisions TEXT NOT NULL
    ) STRICT",
    "CREATE TABLE runs (
        id INTEGER PRIMARY KEY, stack TEXT NOT NULL, mode TEXT NOT NULL, trigger TEXT NOT NULL,
        spec TEXT NOT NULL, reason TEXT NOT NULL, decided_at INTEGER NOT NULL, started_at INTEGER,
        ended_at INTEGER, outcome TEXT, ending TEXT, runtime TEXT, ansible_version TEXT
    ) STRICT",
    "CREATE INDEX runs_of_stack ON runs (stack, id)",
    "CREATE INDEX runs_live ON runs (id) WHERE ending IS NULL",
    "CREATE TABLE run_hosts (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, host TEXT NOT NULL,
        ok INTEGER NOT NULL, changed INTEGER NOT NULL, unreachable INTEGER NOT NULL, failed INTEGER NOT NULL,
        skipped INTEGER NOT NULL, rescued INTEGER NOT NULL, ignored INTEGER NOT NULL, unfinished INTEGER NOT NULL,
        PRIMARY KEY (run, host)
    ) STRICT, WITHOUT ROWID",
    "CREATE TABLE tasks (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, number INTEGER NOT NULL,
        identity TEXT NOT NULL, PRIMARY KEY (run, number)
    ) STRICT, WITHOUT ROWID",
    // Only what changed, failed, was tolerated or did not answer. The full stream is in the event file.
    "CREATE TABLE results (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, seq INTEGER NOT NULL, task INTEGER NOT NULL,
        host TEXT NOT NULL, status TEXT NOT NULL, changed INTEGER NOT NULL, result TEXT NOT NULL,
        PRIMARY KEY (run, seq)
    ) STRICT, WITHOUT ROWID",
    "CREATE INDEX journal_at ON journal (at)",
];

const ALERTS: [&str; 3] = [
    "CREATE TABLE alerts (key TEXT PRIMARY KEY, facts TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE notifications (
        id TEXT PRIMARY KEY, receiver TEXT NOT NULL, due INTEGER NOT NULL, state TEXT NOT NULL,
        next_try INTEGER NOT NULL, ended_at INTEGER, body TEXT NOT NULL
    ) STRICT, WITHOUT ROWID",
    "CREATE INDEX notifications_pending ON notifications (next_try) WHERE state = 'pending'",
];

const DELIVERIES: [&str; 2] = [
    // AUTOINCREMENT: the newest have the highest numbers, also after all were forgotten.
    "CREATE TABLE deliveries (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, id TEXT NOT NULL, provider TEXT NOT NULL,
        event TEXT NOT NULL, repository TEXT, reference TEXT, commit_hash TEXT, bytes INTEGER NOT NULL,
        result TEXT NOT NULL, at INTEGER NOT NULL, UNIQUE (source, id)
    ) STRICT",
    "CREATE INDEX deliveries_at ON deliveries (at)",
];

const ACCESS: [&str; 2] = [
    // Of tokens and sessions only hashes: nobody can use what is found here.
    "CREATE TABLE tokens (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, hash BLOB NOT NULL, role TEXT NOT NULL, scope TEXT NOT NULL,
        created_at INTEGER NOT NULL, created_by TEXT NOT NULL, expires_at INTEGER NOT NULL, used_at INTEGER,
        revoked_at INTEGER, revoked_by TEXT
    ) STRICT, WITHOUT ROWID",
    "CREATE TABLE sessions (
        hash BLOB PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, scope TEXT NOT NULL, token TEXT,
        opened_at INTEGER NOT NULL, seen_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID",
];

const DRIFT: [&str; 1] = ["CREATE TABLE task_facts (
        stack TEXT NOT NULL, task TEXT NOT NULL, facts TEXT NOT NULL, PRIMARY KEY (stack, task)
    ) STRICT, WITHOUT ROWID"];

const AUDIT: [&str; 3] = [
    // Only ever appended to, but for `personal`, of which text can be erased. Retention leaves it alone.
    "CREATE TABLE audit (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, action TEXT NOT NULL, object TEXT NOT NULL,
        commit_hash TEXT, run INTEGER, detail TEXT NOT NULL, personal TEXT NOT NULL,
        prev BLOB NOT NULL, hash BLOB NOT NULL
    ) STRICT",
    "CREATE INDEX audit_keys ON audit (seq) WHERE action = 'key_used'",
    "CREATE TABLE audit_checkpoints (size INTEGER PRIMARY KEY, at INTEGER NOT NULL, note TEXT NOT NULL) STRICT",
];

const MERGE_REQUESTS: [&str; 1] = ["CREATE TABLE merge_requests (
        source TEXT NOT NULL, number INTEGER NOT NULL, facts TEXT NOT NULL, PRIMARY KEY (source, number)
    ) STRICT, WITHOUT ROWID"];

const OVERVIEWS: [&str; 1] = [
    // All that a bar of a chart needs, so that no document is read for it.
    "CREATE INDEX runs_marks ON runs (stack, id, mode, trigger, outcome, decided_at, started_at, ended_at)",
];

const CHECKS: [&str; 5] = [
    // Of checks that got to their end; none of those from before.
    "ALTER TABLE runs ADD COLUMN differing_hosts INTEGER",
    "ALTER TABLE runs ADD COLUMN seen INTEGER",
    "ALTER TABLE runs ADD COLUMN unseen INTEGER",
    "DROP INDEX runs_marks",
    "CREATE INDEX runs_marks ON runs (stack, id, mode, trigger, outcome, decided_at, started_at, ended_at,
        differing_hosts, seen, unseen)",
];

const PREDICTIONS: [&str; 1] = ["CREATE TABLE run_predictions (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, merge_request INTEGER NOT NULL,
        prediction TEXT NOT NULL, PRIMARY KEY (run, merge_request)
    ) STRICT, WITHOUT ROWID"];

const TOTALS: [&str; 6] = [
    "ALTER TABLE runs ADD COLUMN results_left_out INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE runs ADD COLUMN events_lost INTEGER NOT NULL DEFAULT 0",
    "CREATE TABLE totals (
        stack TEXT NOT NULL, mode TEXT NOT NULL, trigger TEXT NOT NULL, outcome TEXT NOT NULL,
        runs INTEGER NOT NULL, PRIMARY KEY (stack, mode, trigger, outcome)
    ) STRICT, WITHOUT ROWID",
    "INSERT INTO totals SELECT stack, mode, trigger, outcome, count(*) FROM runs
        WHERE outcome IS NOT NULL GROUP BY stack, mode, trigger, outcome",
    // Per stack and mode the last end, and the last success, which retention may have removed.
    "CREATE TABLE last_ends (
        stack TEXT NOT NULL, mode TEXT NOT NULL, run INTEGER NOT NULL, outcome TEXT NOT NULL,
        started_at INTEGER, ended_at INTEGER NOT NULL, succeeded_at INTEGER, PRIMARY KEY (stack, mode)
    ) STRICT, WITHOUT ROWID",
    "INSERT INTO last_ends
        SELECT stack, mode, id, outcome, started_at, ended_at,
            (SELECT max(ended_at) FROM runs AS good WHERE good.stack = runs.stack AND good.mode = runs.mode
                AND good.outcome IN ('in_sync', 'changed', 'drifted'))
        FROM runs WHERE ended_at IS NOT NULL
            AND id = (SELECT max(id) FROM runs AS last
                WHERE last.stack = runs.stack AND last.mode = runs.mode AND last.ended_at IS NOT NULL)",
];

const CHOICES: [&str; 6] = [
    // Each ends with the number of the run: the newest come first without sorting.
    "CREATE INDEX runs_by_mode ON runs (mode)",
    "CREATE INDEX runs_by_outcome ON runs (outcome)",
    "CREATE INDEX runs_by_trigger ON runs (trigger)",
    "CREATE INDEX runs_by_time ON runs (decided_at)",
    "CREATE INDEX runs_by_commit ON runs (substr(json_extract(spec, '$.revision'), -40))",
    "CREATE INDEX IF NOT EXISTS run_hosts_by_host ON run_hosts (host, run)",
];
