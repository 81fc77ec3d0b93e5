//! Merge requests and audit records for those who look closer: rich ones and hostile ones.

use driftless::api::AuditList;
use driftless::domain::audit::{AuditAction, AuditDraft, AuditRecord};
use driftless::domain::{AuditHead, MergeRequestStatus};
use serde_json::{Value, json};

use super::leaves::{FAILED, NAUGHTY, at, hash, task};

/// Merge requests: one that is open and was checked, one that was applied, and a hostile one.
pub(super) fn merge_requests() -> Vec<MergeRequestStatus> {
    let seen = |number: u64, title: &str, author: &str, state: Value| {
        let mut seen = json!({
            "number": number, "title": title, "author": author, "head": hash("ef"), "target": "main", "fork": false,
            "draft": false, "approvals": [{ "by": "bob", "commit": hash("ef") }, { "by": author, "commit": hash("0a") }],
            "url": format!("https://forge.example/infra/-/merge_requests/{number}"), "updated_at": at(-900),
        });
        for (name, value) in state.as_object().expect("a state") {
            seen[name] = value.clone();
        }
        seen
    };
    let impact = |text: &str| {
        json!({
            "files": [["roles/web/templates/nginx.conf.j2", "modified"], ["roles/web/files/old.conf", "deleted"], [text, "added"]],
            "files_left_out": 3, "notes": [text], "stacks": [{
                "stack": "web", "whole": null, "hosts": { "hosts": "known", "names": ["web01.example.org", "web02.example.org"] },
                "plays": [{ "name": text, "path": "site.yml", "line": 4, "pattern": "web", "because": ["roles/web/templates/nginx.conf.j2"] }],
                "left_behind": [{ "what": "file /etc/nginx/old.conf", "task": text, "path": "roles/web/tasks/main.yml", "line": 40 }],
            }],
        })
    };
    let preview = |text: &str| {
        json!({ "head": hash("ef"), "target": hash("ab"), "level": "live", "at": at(-600), "made": { "Ok": {
        "merge": "clean", "commit": hash("9c"), "impact": impact(text),
        "sandboxed": { "web": { "version": "2.19.4", "plays": 1, "tasks": 5, "ignored": ["callbacks_enabled = x"] } },
    } } })
    };
    let task = task("Configure the site", "ansible.builtin.template", 12);
    let change = json!({ "host": "web01.example.org", "task": task.key() });
    let live = json!({ "head": hash("ef"), "target": hash("ab"), "result": format!("main@sha1:{}", hash("9c")), "allowed_by": "bob", "since": at(-500), "stacks": { "web": {
        "run": 42, "outcome": "drifted", "coverage": { "would_change": 2, "unchanged": 40, "blind": 1 }, "hosts": ["web01.example.org", "web02.example.org"],
        "prediction": { "changes": [change], "tasks": { task.key().as_str(): &task } },
        "unseen": [[task, { "blind": 1 }]],
    } } });
    let report = json!({ "as_predicted": 27, "missing": [change], "different": [], "extra": [], "not_predictable": 1, "tasks": { task.key().as_str(): &task } });
    let all = [
        json!({ "source": "infra", "stale": true, "standing": "it was checked with the real keys: 2 changes on 2 hosts of web", "facts": {
            "seen": seen(12, "Let nginx choose its workers", "carol", json!({ "state": "open" })), "preview": preview("Web servers"), "live": live } }),
        json!({ "source": "infra", "stale": false, "standing": "it was merged and applied", "facts": {
            "seen": seen(11, "Shorter timeouts", "ann", json!({ "state": "merged", "commit": hash("ab"), "by": "bob" })), "preview": preview("Web servers"),
            "landed": { "commit": hash("ab"), "at": at(-300) }, "applied": { "web": { "run": 41, "outcome": "failed", "report": report } } } }),
        json!({ "source": "infra", "stale": false, "standing": NAUGHTY, "facts": {
            "seen": seen(13, NAUGHTY, NAUGHTY, json!({ "state": "open", "draft": true })), "preview": preview(NAUGHTY) } }),
    ];
    all.into_iter().map(|it| serde_json::from_value(it).expect("a merge request")).collect()
}

/// Records of the chain.
pub(super) fn audit() -> AuditList {
    let mut head = AuditHead::default();
    let mut records = Vec::new();
    let drafts = [
        (AuditAction::DaemonStarted, "daemon", None, json!({ "version": "0.1.0" })),
        (AuditAction::ApplyRequested, "infra/web", Some("ann"), json!({})),
        (AuditAction::RunStarted, "infra/web", None, json!({ "mode": "apply", "hosts": { "web01": 1 } })),
        (AuditAction::HostsRefused, "infra/web", None, json!({ "why": NAUGHTY })),
        (AuditAction::Suspended, "infra/db", Some(NAUGHTY), json!({ "names": [NAUGHTY] })),
        (AuditAction::RevisionApproved, "infra/web", Some("bob"), json!({ "digest": "0123456789abcdef" })),
    ];
    for (second, (action, object, actor, detail)) in (0..).zip(drafts) {
        let mut draft = AuditDraft::new(action, object);
        draft.detail = detail;
        if let Some(actor) = actor {
            draft = draft.personal("actor", actor).personal("why", "because of the tests");
        }
        if object == "infra/web" {
            (draft.run, draft.commit) = (Some(FAILED), Some(hash("ab")));
        }
        let record = AuditRecord::append(head, at(second * 40), draft, &[7; 32]);
        head = record.head();
        records.push(record);
    }
    AuditList { records, unreadable: Vec::new() }
}
