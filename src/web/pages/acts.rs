//! Buttons that act, each with the question that is asked first: what will happen, to how many hosts.

use serde_json::{Value, json};

use super::markup::{Markup, Tag};
use super::words::{Count, counted};
use crate::domain::{Mode, Revision, RunSpec, SourceName, StackOverview};

/// Something that a person may add.
#[derive(Debug, Clone)]
struct Field {
    name: &'static str,
    label: &'static str,
    check: bool,
}

/// A button that acts.
#[derive(Debug, Clone)]
pub(super) struct Act {
    label: &'static str,
    call: String,
    title: String,
    says: Vec<String>,
    class: &'static str,
    body: Value,
    fields: Vec<Field>,
}

const PLAIN: &str = "button";
const PRIMARY: &str = "button primary";
const DANGER: &str = "button danger";

impl Act {
    fn new(label: &'static str, call: &str, title: String, class: &'static str) -> Self {
        Self {
            label,
            call: format!("POST {call}"),
            title,
            says: Vec::new(),
            class,
            body: json!({}),
            fields: Vec::new(),
        }
    }

    fn says(mut self, line: impl Into<String>) -> Self {
        self.says.push(line.into());
        self
    }

    fn field(mut self, name: &'static str, label: &'static str) -> Self {
        self.fields.push(Field { name, label, check: false });
        self
    }

    fn check(mut self, name: &'static str, label: &'static str) -> Self {
        self.fields.push(Field { name, label, check: true });
        self
    }

    /// The button.
    pub(super) fn button(&self) -> Markup {
        let mut tag =
            Tag::new("button").with("type", "button").class(self.class).with("data-act", &self.call);
        tag = tag.with("data-title", &self.title).with("data-says", &self.says.join("\n"));
        tag = tag.with("data-body", &self.body.to_string());
        if !self.fields.is_empty() {
            let field = |it: &Field| json!({"name": it.name, "label": it.label, "kind": if it.check { "check" } else { "text" }});
            tag = tag.with("data-fields", &Value::Array(self.fields.iter().map(field).collect()).to_string());
        }
        tag.with("data-confirm", self.label).text(self.label)
    }
}

/// What may be done with a stack now, the most urgent first.
pub(super) fn of_stack(stack: &StackOverview) -> Vec<Act> {
    let status = &stack.status;
    let base = format!("/api/v1/stacks/{}/{}", status.id.source, status.id.stack);
    let mut acts = Vec::new();
    acts.extend(approve_airbag(stack, &base));
    acts.extend(approve_changes(stack, &base));
    if let Some(live) = &status.live {
        acts.push(cancel(live, status.hosts.total));
    }
    // What is suspended runs not even on request.
    if status.suspended.is_none() {
        acts.push(check(stack, &base));
        acts.push(apply(stack, &base, acts.len() == 1));
    }
    acts.push(if status.suspended.is_some() || status.hold.is_some() {
        Act::new("Resume", &format!("{base}/resume"), format!("Resume {}?", status.id), PLAIN)
            .says("Runs are started again, and a hold is ended: what is due begins at once.")
            .says(hosts_line(stack, "may be changed"))
    } else {
        Act::new("Suspend", &format!("{base}/suspend"), format!("Suspend {}?", status.id), PLAIN)
            .says("No more runs of it are started, not even on request, until a person resumes it.")
            .says("A live run goes on to its end. Drift is not looked for meanwhile.")
            .says(match status.hosts.total {
                0 => "No host of it is known yet.".to_owned(),
                total => format!("{} stay as they are until then.", counted(total, "host")),
            })
    });
    acts
}

fn hosts_line(stack: &StackOverview, what: &str) -> String {
    match stack.status.hosts.total {
        0 => format!("How many hosts {what} is known only when the run has begun: none ran yet."),
        total => format!("{} {what}.", counted(total, "host")),
    }
}

fn apply(stack: &StackOverview, base: &str, first: bool) -> Act {
    let status = &stack.status;
    let class = if first { PRIMARY } else { PLAIN };
    let mut act = Act::new("Apply", &format!("{base}/apply"), format!("Apply {} now?", status.id), class)
        .says(format!("{} is applied by {}.", status.head.short(), status.policy.playbook))
        .says(hosts_line(stack, "may be changed"));
    if status.hosts.owed != 0 {
        act = act.says(format!("{} of them did not answer before and are tried again.", status.hosts.owed));
    }
    if let Some(hold) = &status.hold {
        act = act.says(format!("This ends the hold of {}.", hold.revision.short()));
    }
    act = act.field("limit", "Only these hosts (as Ansible's --limit); empty for all");
    if !status.policy.windows.is_empty() {
        act = act.field("outside_window", "Why it must not wait for an apply window; empty to wait");
    }
    act
}

fn check(stack: &StackOverview, base: &str) -> Act {
    let id = &stack.status.id;
    Act::new("Check", &format!("{base}/plan"), format!("Check {id} now?"), PLAIN)
        .says(format!("{} is looked at in check mode. Nothing is changed.", stack.status.head.short()))
        .says(hosts_line(stack, "are looked at"))
        .field("limit", "Only these hosts (as Ansible's --limit); empty for all")
}

/// Ends a live run.
pub(super) fn cancel(live: &RunSpec, hosts: u32) -> Act {
    let title = format!("Cancel run {} of {}?", live.run, live.stack);
    let mut act = Act::new("Cancel run", &format!("/api/v1/runs/{}/cancel", live.run), title, DANGER)
        .says(format!("The {} of {} is ended now.", live.mode, live.revision.short()));
    if live.mode == Mode::Apply {
        let most = if hosts == 0 { "Hosts".to_owned() } else { format!("Up to {}", counted(hosts, "host")) };
        act = act
            .says(format!("{most} may be left in the middle of a task, and are owed the revision."))
            .says("The revision is held: it is not retried until a person or a newer commit comes.");
    }
    act.check("suspend", "Also suspend the stack")
}

fn approve_airbag(stack: &StackOverview, base: &str) -> Option<Act> {
    let hold = stack.status.airbag.as_ref().filter(|it| it.approved_by.is_none())?;
    let title = format!("Let the apply of {} begin?", hold.revision.short());
    let mut act = Act::new("Approve", &format!("{base}/approve"), title, PRIMARY)
        .says(hold.comparison.clone())
        .says("You approve of just these hosts and plays. If it asks for others, it waits again.");
    act.body = json!({"digest": hold.digest});
    Some(act)
}

fn approve_changes(stack: &StackOverview, base: &str) -> Option<Act> {
    let wanted = stack.status.approval.as_ref().filter(|it| it.approved.is_none())?;
    let title = format!("Approve {}?", wanted.revision.short());
    let mut act = Act::new("Approve", &format!("{base}/approve"), title, PRIMARY)
        .says(format!(
            "It would make {} on {}.",
            counted(wanted.changes, "change"),
            counted(wanted.hosts.len(), "host")
        ))
        .says(
            "You approve of just what run ".to_owned()
                + &wanted.run.to_string()
                + " found. If a newer look finds something else, it waits again.",
        );
    if !wanted.coverage.is_full() {
        act = act
            .says(format!("{} could not be seen by that look.", counted(wanted.coverage.unseen(), "result")));
    }
    act.body = json!({"digest": wanted.digest});
    Some(act)
}

/// Accepts a revision that does not descend from the admitted one.
pub(super) fn approve_rewind(
    source: &SourceName,
    waiting: &Revision,
    stacks: impl Count,
    hosts: impl Count,
) -> Act {
    let hosts = match hosts.count() {
        0 => "no host of it is known yet".to_owned(),
        hosts => format!("{} may be changed", counted(hosts, "host")),
    };
    let title = format!("Accept the rewritten history of {source}?");
    let mut act = Act::new("Approve", &format!("/api/v1/sources/{source}/approve"), title, DANGER)
        .says(format!(
            "{} becomes the head, although it does not descend from what was admitted.",
            waiting.short()
        ))
        .says(format!("{} of it may run at once; {hosts}.", counted(stacks, "stack")));
    act.body = json!({"commit": waiting.commit});
    act
}
