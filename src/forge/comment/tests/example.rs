//! A merge request to speak of.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::{
    CommitHash, Coverage, FileChange, HostName, HostsImpact, Impact, LeftBehind, MergeRequestNumber, Outcome,
    PlayImpact, PredictedChange, PredictionReport, PreviewLevel, RunId, SandboxedPlay, SandboxedStack,
    StackImpact, TaskIdentity,
};
use crate::forge::comment::{
    AppliedResult, ApprovalsWanted, CommentInput, LiveResult, Merged, PreviewState, PreviewedChange,
    StackPreview, TaskLabel,
};

/// A host.
pub(super) fn host(name: &str) -> HostName {
    HostName::new(name)
}

/// What reading both trees says.
pub(super) fn impact() -> Impact {
    Impact {
        files: vec![
            ("roles/web/tasks/old.yml".to_owned(), FileChange::Deleted),
            ("roles/web/templates/nginx.conf.j2".to_owned(), FileChange::Modified),
        ],
        stacks: vec![StackImpact {
            stack: "web".parse().unwrap(),
            whole: None,
            plays: vec![PlayImpact {
                name: "Web servers".to_owned(),
                path: "site.yml".to_owned(),
                line: 1,
                pattern: "web".to_owned(),
                because: vec!["roles/web/templates/nginx.conf.j2".to_owned()],
            }],
            hosts: HostsImpact::Known { names: (1..=42).map(|it| host(&format!("web{it}"))).collect() },
            left_behind: vec![LeftBehind {
                what: "file /etc/nginx/conf.d/old.conf".to_owned(),
                task: "Write the old site".to_owned(),
                path: "roles/web/tasks/old.yml".to_owned(),
                line: 3,
            }],
        }],
        ..Impact::default()
    }
}

/// A static preview of it.
pub(super) fn input() -> CommentInput {
    CommentInput {
        source: "infra".parse().unwrap(),
        number: MergeRequestNumber(12),
        head: "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d".parse().unwrap(),
        target: "main".parse().unwrap(),
        target_commit: "9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c".parse().unwrap(),
        level: PreviewLevel::Static,
        state: PreviewState::Done,
        impact: impact(),
        no_sandbox: None,
        stacks: Vec::new(),
        approvals: None,
        merged: None,
        link: Some("https://driftless.example.com/merge-requests/infra/12".to_owned()),
    }
}

fn label(name: &str, place: &str) -> TaskLabel {
    TaskLabel { name: name.to_owned(), place: place.to_owned() }
}

/// The tasks of its playbook.
pub(super) fn tasks() -> Vec<TaskLabel> {
    vec![
        label("Write the site", "roles/web/tasks/main.yml:4"),
        label("Create the database user", "roles/web/tasks/main.yml:12"),
        label("Run the migration", "roles/web/tasks/main.yml:20"),
        label("Ask for the version", "roles/web/tasks/main.yml:27"),
    ]
}

/// Something that would change.
pub(super) fn change(on: &str, task: u32, diff: Option<&Arc<str>>) -> PreviewedChange {
    PreviewedChange { host: host(on), task, item: String::new(), diff: diff.cloned(), no_log: false }
}

/// What check mode says of it.
pub(super) fn live_result() -> LiveResult {
    let diff: Arc<str> = "@@ /etc/nginx/nginx.conf:4 @@\n-worker_processes 2;\n+worker_processes 4;\n".into();
    let mut changes = Vec::new();
    for on in (1..=42).filter(|it| *it != 41).map(|it| format!("web{it}")) {
        changes.push(change(&on, 0, Some(&diff)));
        let hidden = PreviewedChange { no_log: true, item: "2".to_owned(), ..change(&on, 1, None) };
        changes.push(hidden);
    }
    changes.push(change("web41", 0, Some(&diff)));
    LiveResult {
        run: RunId(1287),
        outcome: Outcome::Drifted,
        reason: None,
        coverage: Coverage {
            would_change: 83,
            unchanged: 300,
            blind: 42,
            ran_for_real: 42,
            skipped: 7,
            ..Coverage::default()
        },
        hosts: 42,
        tasks: tasks(),
        changes,
        changes_left_out: 0,
        left_out_tasks: Vec::new(),
        left_out_hosts: BTreeSet::new(),
        blind: vec![(2, 42)],
        tainted: Vec::new(),
        ran_for_real: vec![(3, 42)],
        failed: Vec::new(),
        unreachable: [].into(),
        flapping: Vec::new(),
    }
}

/// A live preview of it.
pub(super) fn live() -> CommentInput {
    CommentInput {
        level: PreviewLevel::Live,
        stacks: vec![StackPreview {
            stack: "web".parse().unwrap(),
            sandboxed: None,
            live: Some(live_result()),
        }],
        approvals: Some(ApprovalsWanted { needed: 2, given: vec!["alice".to_owned()] }),
        ..input()
    }
}

/// A sandboxed preview of it.
pub(super) fn sandboxed(problem: Option<&str>) -> CommentInput {
    CommentInput {
        level: PreviewLevel::Sandboxed,
        stacks: vec![StackPreview {
            stack: "web".parse().unwrap(),
            sandboxed: Some(SandboxedStack {
                version: "2.22.0".to_owned(),
                plays: 1,
                tasks: 4,
                problem: problem.map(str::to_owned),
                ignored: vec!["callback_plugins (line 3)".to_owned()],
                listed: vec![SandboxedPlay {
                    name: "Web servers".to_owned(),
                    pattern: "web".to_owned(),
                    hosts: 42,
                    tasks: tasks().into_iter().take(3).map(|it| format!("web : {}", it.name)).collect(),
                }],
            }),
            live: None,
        }],
        ..input()
    }
}

/// It is merged and applied.
pub(super) fn merged() -> CommentInput {
    let mut report = PredictionReport { as_predicted: 41, not_predictable: 1, ..PredictionReport::default() };
    let mut compared = |action: &str, on: &str, item: &str| {
        let task = TaskIdentity {
            path: "roles/web/tasks/main.yml".to_owned(),
            line: 4,
            action: action.to_owned(),
            ..TaskIdentity::default()
        };
        let key = task.key();
        report.tasks.insert(key.clone(), task);
        PredictedChange { host: host(on), task: key, item: item.to_owned(), digest: String::new() }
    };
    let missing = vec![compared("template", "web42", "")];
    let different = vec![compared("user", "web1", "5f")];
    let extra = vec![compared("command", "web1", ""), compared("command", "web2", "")];
    let commit: CommitHash = "5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d".parse().unwrap();
    let report = PredictionReport { missing, different, extra, ..report };
    let ended = Some((RunId(1290), Outcome::Changed));
    let stack = "web".parse().unwrap();
    let stacks = vec![AppliedResult { stack, ended, note: String::new(), report: Some(report) }];
    CommentInput { merged: Some(Merged { commit, stacks }), level: PreviewLevel::Live, ..input() }
}
