//! Runs, commits, merge requests and records for those who look closer: rich ones, empty ones and hostile ones.

use driftless::api::{
    AuditStanding, CommitLines, CommitMergeRequest, CommitOnStack, CommitView, ErrorBody, LogPart,
    LogPosition, MergeRequestView, NotableResult, RunSummary, RunView, TaskFilter, TaskResults,
};
use driftless::domain::audit::AuditRecord;
use driftless::domain::{
    CommitFacts, CommitHash, CommitLine, Ending, HostName, HostStats, MergeRequestNumber, Mode, Outcome,
    Reason, Run, RunEvent, RunId, RunOutline, RunPrediction, SourceName, TaskIdentity, TaskNumber,
    TaskResult, Timestamp,
};
use driftless::web::{Backend as _, Records};
use serde_json::{Value, json};

use super::followed::{audit, merge_requests};
use super::memory::{Memory, spec};

/// A run that changed and failed, a check, a live one, one that did nothing, and one whose every text is hostile.
pub(super) const FAILED: RunId = RunId(41);
pub(super) const CHECK: RunId = RunId(42);
pub(super) const LIVE: RunId = RunId(43);
pub(super) const QUIET: RunId = RunId(44);
pub(super) const HOSTILE: RunId = RunId(45);

/// Text that would like to be more than text.
pub(super) const NAUGHTY: &str =
    "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&lt;\u{202e}\u{1b}[31m{{7*7}}";

/// When all of it happened.
pub(super) const BEGIN: i64 = 1_780_000_000;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(BEGIN + second).expect("a time")
}

pub(super) fn hash(pair: &str) -> CommitHash {
    pair.repeat(20).parse().expect("a hash")
}

pub(super) fn task(name: &str, action: &str, line: u32) -> TaskIdentity {
    TaskIdentity {
        path: "roles/web/tasks/main.yml".to_owned(),
        line,
        role: Some("web".to_owned()),
        action: action.to_owned(),
        name: name.to_owned(),
        occurrence: 0,
    }
}

fn tasks(run: RunId) -> Vec<TaskIdentity> {
    if run == HOSTILE {
        let hostile = TaskIdentity {
            path: NAUGHTY.to_owned(),
            role: Some(NAUGHTY.to_owned()),
            ..task(NAUGHTY, NAUGHTY, 1)
        };
        return vec![hostile];
    }
    vec![
        task("Install nginx", "ansible.builtin.apt", 3),
        task("Configure the site", "ansible.builtin.template", 12),
        task("Put the certificate in its place", "ansible.builtin.copy", 21),
        task("Say hello to the load balancer", "ansible.builtin.uri", 34),
        task("Reload nginx", "ansible.builtin.systemd", 2),
    ]
}

fn result(host: &str, task: u32, fields: &Value) -> TaskResult {
    let mut all =
        json!({ "host": host, "task": task, "status": "ok", "duration_ms": 700 + 130 * u64::from(task) });
    for (name, value) in fields.as_object().expect("fields") {
        all[name] = value.clone();
    }
    serde_json::from_value(all).expect("a result")
}

fn config(workers: &str) -> String {
    let mut text = "user www-data;\nworker_processes ".to_owned();
    text.extend([
        workers,
        ";\npid /run/nginx.pid;\n\nevents {\n    worker_connections 768;\n}\n\nhttp {\n    sendfile on;\n",
    ]);
    for line in 0..14 {
        text.extend(["    add_header X-Line-", &line.to_string(), " always;\n"]);
    }
    text.push_str("    keepalive_timeout 65;\n}\n");
    text
}

/// What the runs did, in the order in which it came.
fn results(run: RunId) -> Vec<TaskResult> {
    let diff = json!([{ "path": "/etc/nginx/nginx.conf", "before": config("2"), "after": config("auto").replace("65;", "30;\n    gzip on;") }]);
    match run {
        FAILED => {
            let mut all = Vec::new();
            for host in (1..=14).map(|it| format!("web{it:02}.example.org")) {
                all.push(result(&host, 0, &json!({})));
                all.push(result(
                    &host,
                    1,
                    &json!({ "changed": true, "duration_ms": 2_400, "detail": { "diff": diff } }),
                ));
                all.push(result(&host, 2, &json!({ "changed": true, "no_log": true })));
            }
            let said = "\u{1b}[31mHTTPSConnectionPool(host='lb.example.org', port=443)\u{1b}[0m: Read timed out.\nRetry later.\u{202e}";
            for host in ["web03.example.org", "web07.example.org"] {
                all.push(result(host, 3, &json!({ "status": "failed", "duration_ms": 30_100, "detail": { "msg": said, "rc": 1, "stderr": "curl: (28) Operation timed out" } })));
            }
            all.push(result("web09.example.org", 3, &json!({ "status": "unreachable", "detail": { "msg": "Failed to connect to the host via ssh: Connection timed out" } })));
            all.push(result("web01.example.org", 4, &json!({ "changed": true })));
            all
        }
        CHECK => vec![
            result("web01.example.org", 1, &json!({ "changed": true, "detail": { "diff": diff } })),
            result(
                "web02.example.org",
                1,
                &json!({ "changed": true, "detail": { "diff": [{ "path": "/etc/nginx/sites-enabled/new.conf", "after": "server {\n    listen 80;\n}\n" }] } }),
            ),
            result("web01.example.org", 3, &json!({ "status": "skipped", "blind": true })),
            result("web01.example.org", 0, &json!({ "for_real": true })),
            result(
                "web02.example.org",
                2,
                &json!({ "changed": true, "detail": { "diff": [{ "path": "/etc/ssl/private/site.key", "hidden": true }] } }),
            ),
        ],
        LIVE => vec![result("web01.example.org", 0, &json!({ "changed": true }))],
        HOSTILE => vec![result(
            NAUGHTY,
            0,
            &json!({ "status": "failed", "module": NAUGHTY, "detail": {
            "msg": NAUGHTY, "stdout": "\u{1b}]8;;javascript:alert(1)\u{7}click\u{1b}]8;;\u{7}", "stderr": NAUGHTY,
            "diff": [{ "path": NAUGHTY, "before": NAUGHTY, "after": format!("{NAUGHTY}!") }, { "prepared": NAUGHTY }]
        } }),
        )],
        _ => Vec::new(),
    }
}

fn events(run: RunId) -> Vec<RunEvent> {
    let event = |second: i64, value: Value| {
        let mut value = value;
        value["at"] = json!(at(second).as_millisecond());
        serde_json::from_value::<RunEvent>(value).expect("an event")
    };
    let name = if run == HOSTILE { NAUGHTY } else { "Web servers" };
    let mut all = vec![event(8, json!({ "event": "play_started", "name": name, "hosts": 14 }))];
    for (number, identity) in (0..).zip(tasks(run)) {
        let second = 8 + 21 * i64::from(number);
        let mut started = serde_json::to_value(identity).expect("JSON");
        started["event"] = json!("task_started");
        started["task"] = json!(number);
        started["handler"] = json!(number == 4);
        all.push(event(second, started));
        for it in results(run).into_iter().filter(|it| it.task == number) {
            let mut ended = serde_json::to_value(&it).expect("JSON");
            ended["event"] = json!("task_ended");
            let length = i64::try_from(it.duration_ms / 1000).unwrap_or(0);
            all.push(event(second + 1 + length.min(19), ended));
        }
    }
    all
}

/// How the run compares with the previews of what it applied.
fn predictions(run: RunId) -> Vec<RunPrediction> {
    let applied = merge_requests().into_iter().flat_map(|it| {
        let of_run = it.facts.applied.into_values().filter(|it| it.run == run);
        of_run.map(|applied| RunPrediction::new(&it.facts.seen, &applied)).collect::<Vec<_>>()
    });
    applied.collect()
}

/// The runs, as `GET /api/v1/runs/{run}` tells them.
pub(super) fn run(asked: RunId) -> Option<RunView> {
    let run = Run::decided(spec(), at(0));
    let mut run = match asked {
        FAILED | CHECK | LIVE | QUIET | HOSTILE => {
            Run { started_at: Some(at(6)), ansible_version: Some("2.19.4".to_owned()), ..run }
        }
        _ => return None,
    };
    run.spec.run = asked;
    run.spec.stack = "infra/web".parse().expect("a stack");
    "ann asked for it, and nothing held it back".clone_into(&mut run.reason);
    run.predictions = predictions(asked);
    let ended =
        |outcome: Outcome, reason: Option<Reason>| Some(Ending { outcome, reason, notes: Vec::new() });
    run.ended_at = (asked != LIVE).then(|| at(131));
    run.ending = match asked {
        FAILED => ended(Outcome::Failed, Some(Reason::HostsFailed { failed: 2, unreachable: 1, of: 14 })),
        CHECK => ended(Outcome::Drifted, None),
        QUIET => ended(Outcome::InSync, None),
        HOSTILE => Some(Ending {
            notes: vec![NAUGHTY.to_owned()],
            ..ended(
                Outcome::Errored,
                Some(Reason::Parse {
                    class: NAUGHTY.to_owned(),
                    place: Some(NAUGHTY.to_owned()),
                    message: Some(NAUGHTY.to_owned()),
                }),
            )
            .expect("an ending")
        }),
        _ => None,
    };
    if asked == CHECK {
        run.spec.mode = Mode::Check;
    }
    if asked == HOSTILE {
        NAUGHTY.clone_into(&mut run.reason);
        run.spec.requested_by = Some(NAUGHTY.to_owned());
        run.spec.limit = Some(NAUGHTY.to_owned());
        run.spec.tags = vec![NAUGHTY.to_owned()];
        NAUGHTY.clone_into(&mut run.spec.playbook);
        run.spec.outside_window = Some(NAUGHTY.to_owned());
        run.ansible_version = Some(NAUGHTY.to_owned());
        run.runtime = Some(NAUGHTY.to_owned());
    }
    for it in results(asked) {
        let stats: &mut HostStats = run.hosts.entry(it.host.clone()).or_default();
        stats.ok += 1;
        stats.changed += u32::from(it.changed);
        stats.failed += u32::from(it.status == driftless::domain::ResultStatus::Failed);
        stats.unreachable += u32::from(it.status == driftless::domain::ResultStatus::Unreachable);
    }
    let known = tasks(asked);
    let notable =
        results(asked).into_iter().filter(|it| it.changed || it.blind || it.for_real || it.detail.is_some());
    let notable = notable.map(|it| NotableResult::new(known[it.task as usize].clone(), &it)).collect();
    Some(RunView { run, notable, events_expired: false })
}

impl Records for Memory {
    async fn outline(&self, run: RunId) -> Result<RunOutline, ErrorBody> {
        self.run(run).await?;
        let mut outline = RunOutline::default();
        outline.complete = true;
        if run != QUIET {
            for it in &events(run) {
                outline.add(it);
            }
        }
        Ok(outline)
    }

    async fn task_results(
        &self,
        run: RunId,
        task: TaskNumber,
        filter: TaskFilter,
    ) -> Result<TaskResults, ErrorBody> {
        let outline = self.outline(run).await?;
        let wanted = results(run).into_iter().filter(|it| it.task == task);
        let wanted = wanted.filter(|it| filter.status.is_none_or(|status| status == it.status));
        let results = wanted.take(filter.count as usize).collect();
        Ok(TaskResults { task: outline.tasks.into_iter().find(|it| it.task == task), results, more: false })
    }

    async fn raw_log(&self, run: RunId, _from: LogPosition) -> Result<LogPart, ErrorBody> {
        self.run(run).await?;
        if run == QUIET {
            return Ok(LogPart::default());
        }
        let text = format!(
            "PLAY [Web servers] ****\n\nTASK [web : Install nginx] ****\n\u{1b}[0;32mok: [web01]\u{1b}[0m\n\u{1b}[0;33mchanged: [web02]\u{1b}[0m\n\
             \u{1b}[1;31mfatal: [web03]: FAILED!\u{1b}[0m => {{\"msg\": \"x\"}}\n\u{1b}[1;35m[WARNING]: something\u{1b}[0m\n\u{1b}]0;title\u{7}\u{1b}[44mblue ground\u{1b}[0m\n10 %\r100 %\n{NAUGHTY}\n"
        );
        let next = (run == FAILED).then_some(LogPosition { from: 900, skip: 4 });
        Ok(LogPart { text, next, kept: true, live: run == LIVE })
    }

    async fn commit_lines(&self, asked: Vec<(SourceName, CommitHash)>) -> CommitLines {
        let line = |(_, commit): (SourceName, CommitHash)| {
            let subject = format!("Let nginx choose its workers {NAUGHTY}");
            let at = Timestamp::UNIX_EPOCH;
            (commit.clone(), CommitLine { commit, subject, author: "Carol Danvers".to_owned(), at })
        };
        asked.into_iter().map(line).collect()
    }

    async fn commit(&self, source: SourceName, commit: CommitHash) -> Result<CommitView, ErrorBody> {
        if source.as_str() != "infra" && !(self.foreign && source.as_str() == "lab") {
            return Err(ErrorBody::not_found(format!("there is no source `{source}`")));
        }
        if commit == hash("00") {
            return Err(ErrorBody::not_found(format!("nobody knows commit {commit} of {source}")));
        }
        let facts = CommitFacts {
            commit: commit.clone(),
            subject: "Let nginx choose its workers".to_owned(),
            body: format!("Two are too few on the new machines.\n\n{NAUGHTY}"),
            author: NAUGHTY.to_owned(),
            authored_at: at(-3_000),
            committer: Some("Bob".to_owned()),
            parents: vec![hash("0a")],
            files: vec![
                ("roles/web/templates/nginx.conf.j2".to_owned(), driftless::domain::FileChange::Modified),
                (NAUGHTY.to_owned(), driftless::domain::FileChange::Added),
            ],
            files_left_out: 2,
        };
        let stack = |name: &str, exactly, contained, missing: u32| CommitOnStack {
            stack: name.parse().expect("a stack"),
            exactly,
            contained,
            missing,
            missing_hosts: (0..missing).map(|it| HostName::new(format!("web{it:02}.example.org"))).collect(),
        };
        let report = merge_requests()[1].facts.applied.values().next().and_then(|it| it.report.clone());
        let merge_request = CommitMergeRequest {
            number: MergeRequestNumber(11),
            title: NAUGHTY.to_owned(),
            landed: true,
            reports: vec![("infra/web".parse().expect("a stack"), FAILED, report)],
        };
        Ok(CommitView {
            source,
            facts: (commit != hash("cc")).then_some(facts),
            standing: "it is the head of infra".to_owned(),
            signature: "the operator asks for none".to_owned(),
            merge_requests: vec![merge_request],
            stacks: vec![
                stack("infra/web", 11, 0, 3),
                stack("infra/db", 2, 4, 0),
                stack("infra/new", 0, 0, 0),
            ],
            runs: [FAILED, CHECK].into_iter().filter_map(run).map(|it| RunSummary::from(&it.run)).collect(),
            commit,
        })
    }

    async fn merge_request(
        &self,
        source: SourceName,
        number: MergeRequestNumber,
    ) -> Result<MergeRequestView, ErrorBody> {
        let all = self.merge_requests().await?.merge_requests;
        let all = if self.foreign { all } else { merge_requests() };
        let found = all.into_iter().find(|it| it.source == source && it.facts.seen.number == number);
        let status = found
            .ok_or_else(|| ErrorBody::not_found(format!("there is no merge request {number} of {source}")))?;
        let link = Some(status.facts.seen.url.clone()).filter(|it| !it.is_empty());
        Ok(MergeRequestView { status, link, forge: Some("GitLab".to_owned()), approvals_needed: Some(2) })
    }

    async fn audit_standing(&self) -> Result<AuditStanding, ErrorBody> {
        let head = audit().records.last().map(AuditRecord::head).unwrap_or_default();
        let (checkpoint, checkpoint_at) = (Some(4), Some(at(100)));
        Ok(AuditStanding {
            head,
            holds: Some(true),
            fault: None,
            checkpoint,
            checkpoint_at,
            key: Some("driftless+0123+AbC=".to_owned()),
        })
    }
}
