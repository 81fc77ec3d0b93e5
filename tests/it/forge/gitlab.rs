//! GitLab's API: `docs.gitlab.com/api`.

use driftless::domain::Timestamp;
use git2::Oid;
use serde_json::{Value, json};

use super::answer::{Answer, Ask, Pages, page};
use super::project::{BOT, MAIN, Project, Request, Said, State, Status};
use super::repository::How;
use super::template;

pub(super) fn answer(project: &mut Project, ask: &Ask, address: &str, largest: usize) -> Answer {
    let path: Vec<&str> = ask.path.iter().map(String::as_str).collect();
    if path == ["user"] {
        return Answer::new(200, account(project, template!("gitlab-user"), BOT));
    }
    let ["projects", id, rest @ ..] = path.as_slice() else { return not_found("") };
    if *id != format!("{}/{}", project.owner, project.name) {
        return not_found(" Project");
    }
    let pages = Pages { size: "per_page", usual: 20.min(largest), most: 100.min(largest) };
    let list = |all| {
        let (answer, total) = page(ask, address, &pages, all);
        answer.with("x-total", &total).with("x-page", ask.query("page").unwrap_or("1"))
    };
    let gone = || not_found("");
    let number =
        rest.get(1).and_then(|it| it.parse::<u64>().ok()).filter(|it| project.requests.contains_key(it));
    match (ask.method.as_str(), rest) {
        ("GET", ["merge_requests"]) => list(requests(project, ask)),
        ("GET", ["merge_requests", _]) => {
            number.map_or_else(gone, |it| Answer::new(200, request(project, it, false)))
        }
        ("GET", ["merge_requests", _, "approvals"]) => {
            number.map_or_else(gone, |it| Answer::new(200, approvals(project, it)))
        }
        ("GET", ["merge_requests", _, "versions"]) => {
            number.map_or_else(gone, |it| list(versions(project, it)))
        }
        ("GET", ["merge_requests", _, "notes"]) => number.map_or_else(gone, |it| list(notes(project, it))),
        ("POST", ["merge_requests", _, "notes"]) => {
            number.map_or_else(gone, |it| write_note(project, it, ask))
        }
        ("PUT" | "DELETE", ["merge_requests", _, "notes", id]) => {
            number.map_or_else(gone, |it| edit_note(project, it, id, ask))
        }
        ("POST", ["statuses", commit]) => set_status(project, commit, ask),
        _ => not_found(""),
    }
}

pub(super) fn not_found(what: &str) -> Answer {
    refused(404, &format!("404{what} Not Found"))
}

pub(super) fn refused(status: u16, message: &str) -> Answer {
    Answer::new(status, json!({"message": message}))
}

/// GitLab tells milliseconds.
fn time(at: Timestamp) -> Value {
    json!(at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

fn account(project: &mut Project, mut template: Value, name: &str) -> Value {
    template["id"] = json!(project.account(name));
    (template["username"], template["name"]) = (json!(name), json!(name));
    template
}

fn user(project: &mut Project, name: &str) -> Value {
    account(project, template!("gitlab-note")["author"].clone(), name)
}

/// `docs.gitlab.com/api/merge_requests`, "List project merge requests".
fn requests(project: &mut Project, ask: &Ask) -> Vec<Value> {
    let after = ask.query("updated_after").map(|it| it.parse::<Timestamp>().expect("a time"));
    let is_wanted = |it: &Request| {
        let is_state = match ask.query("state").unwrap_or("all") {
            "all" => true,
            wanted => wanted == word(&it.state),
        };
        is_state && after.is_none_or(|after| after <= it.updated)
    };
    let mut found: Vec<_> =
        project.requests.values().filter(|it| is_wanted(it)).map(|it| (it.updated, it.number)).collect();
    match ask.query("order_by") {
        Some("updated_at") => found.sort_unstable(),
        _ => found.sort_unstable_by_key(|it| it.1),
    }
    if ask.query("sort") != Some("asc") {
        found.reverse();
    }
    if ask.query("target_branch").is_some_and(|it| it != "main") {
        found.clear();
    }
    found.into_iter().map(|(_, number)| request(project, number, true)).collect()
}

pub(super) fn word(state: &State) -> &'static str {
    match state {
        State::Open => "opened",
        State::Closed { .. } => "closed",
        State::Merged { .. } => "merged",
    }
}

pub(super) fn request(project: &mut Project, number: u64, is_item: bool) -> Value {
    let template =
        if is_item { template!("gitlab-merge-request-item") } else { template!("gitlab-merge-request") };
    let mut it = template;
    let author = project.requests[&number].author.clone();
    it["author"] = user(project, &author);
    let request = &project.requests[&number];
    it["iid"] = json!(number);
    it["id"] = json!(155_016_000 + number);
    it["title"] = json!(request.title);
    it["state"] = json!(word(&request.state));
    (it["draft"], it["work_in_progress"]) = (json!(request.draft), json!(request.draft));
    it["source_branch"] = json!(request.branch);
    it["sha"] = json!(request.head.to_string());
    it["source_project_id"] =
        if request.fork { json!(4_000 + number) } else { it["target_project_id"].clone() };
    it["web_url"] = json!(format!(
        "https://gitlab.example.com/{}/{}/-/merge_requests/{number}",
        project.owner, project.name
    ));
    (it["created_at"], it["updated_at"]) = (time(request.created), time(request.updated));
    it["user_notes_count"] = json!(request.comments.len());
    if !is_item {
        it["diff_refs"]["head_sha"] = json!(request.head.to_string());
        it["diff_refs"]["base_sha"] = json!(request.base.to_string());
        it["changes_count"] = json!(project.bare.ahead(request.head, MAIN).to_string());
    }
    match request.state.clone() {
        State::Open => {}
        State::Closed { at } => it["closed_at"] = time(at),
        State::Merged { at, commit, how, by } => {
            it["merged_at"] = time(at);
            let by = user(project, &by);
            (it["merge_user"], it["merged_by"]) = (by.clone(), by);
            match how {
                How::Merge => it["merge_commit_sha"] = json!(commit.to_string()),
                How::Squash => it["squash_commit_sha"] = json!(commit.to_string()),
                How::FastForward => {}
            }
        }
    }
    it
}

/// One approval a person; a person who may not write cannot approve, a withdrawn one is gone.
fn approvals(project: &mut Project, number: u64) -> Value {
    let mut it = template!("gitlab-approvals");
    let request = &project.requests[&number];
    it["iid"] = json!(number);
    it["title"] = json!(request.title);
    it["state"] = json!(word(&request.state));
    let found = request.reviews.iter().filter(|it| it.said == Said::Approved && !it.dismissed);
    let found = found.filter(|it| project.may_write(&it.by)).map(|it| (it.by.clone(), it.at));
    let found: std::collections::BTreeMap<String, Timestamp> = found.collect();
    let one = |(by, at): (String, Timestamp)| json!({"user": user(project, &by), "approved_at": time(at)});
    it["approved_by"] = found.into_iter().map(one).collect();
    it
}

/// The newest first.
fn versions(project: &mut Project, number: u64) -> Vec<Value> {
    let request = &project.requests[&number];
    let one = |(place, (head, at)): (usize, &(Oid, Timestamp))| {
        let mut it = template!("gitlab-version");
        it["id"] = json!(110 + place);
        it["head_commit_sha"] = json!(head.to_string());
        it["base_commit_sha"] = json!(request.base.to_string());
        it["created_at"] = time(*at);
        it
    };
    request.versions.iter().enumerate().rev().map(one).collect()
}

fn notes(project: &mut Project, number: u64) -> Vec<Value> {
    let all = project.requests[&number].comments.clone();
    let mut all: Vec<Value> = all.iter().map(|it| note(project, it)).collect();
    // GitLab tells what happened as notes, too.
    let mut system = template!("gitlab-note");
    (system["id"], system["system"], system["body"]) = (json!(1), json!(true), json!("added 1 commit"));
    all.insert(0, system);
    all
}

fn note(project: &mut Project, it: &super::Comment) -> Value {
    let mut json = template!("gitlab-note");
    json["id"] = json!(it.id);
    json["body"] = json!(it.body);
    json["author"] = user(project, &it.by);
    (json["created_at"], json["updated_at"]) = (time(it.created), time(it.updated));
    json
}

fn write_note(project: &mut Project, number: u64, ask: &Ask) -> Answer {
    let body = ask.text("body").unwrap_or_default();
    if body.is_empty() {
        return Answer::new(400, json!({"error": "body is missing"}));
    }
    if 1_000_000 < body.chars().count() {
        return refused(400, "400 Bad request - Note is too long (maximum is 1000000 characters)");
    }
    let made = project.comment(number, BOT, &body);
    Answer::new(201, note(project, &made))
}

fn edit_note(project: &mut Project, number: u64, id: &str, ask: &Ask) -> Answer {
    let id: u64 = id.parse().unwrap_or_default();
    let now = project.now();
    let Some((_, found)) = project.find_comment(id, Some(number)) else { return not_found(" Note") };
    if found.by != BOT {
        return refused(403, "403 Forbidden");
    }
    if ask.method == "DELETE" {
        project.delete_comment(id);
        return Answer::new(204, Value::Null);
    }
    found.body = ask.text("body").unwrap_or_default();
    (found.edits, found.updated) = (found.edits + 1, now);
    let found = found.clone();
    Answer::new(200, note(project, &found))
}

/// A status is a machine: `pending` and `running` are left by another state only, and what has ended begins anew.
fn set_status(project: &mut Project, commit: &str, ask: &Ask) -> Answer {
    let text = |key| ask.text(key).unwrap_or_default();
    let (state, context) = (text("state"), ask.text("name").or_else(|| ask.text("context")));
    let context = context.unwrap_or_else(|| "default".to_owned());
    if !["pending", "running", "success", "failed", "canceled", "skipped"].contains(&state.as_str()) {
        return Answer::new(400, json!({"error": "state does not have a valid value"}));
    }
    let Ok(oid) = Oid::from_str(commit) else { return not_found(" Commit") };
    if !project.bare.is_on_a_branch(oid) {
        return not_found(" References for commit");
    }
    if ask.text("target_url").is_some_and(|it| 255 < it.len()) {
        return Answer::new(
            400,
            json!({"message": {"target_url": ["is too long (maximum is 255 characters)"]}}),
        );
    }
    let last = project.statuses.iter().rev().find(|it| it.commit == commit && it.context == context);
    if last.is_some_and(|it| it.state == state && ["pending", "running"].contains(&state.as_str())) {
        let event = if state == "pending" { "enqueue" } else { "run" };
        let message = format!(
            "Cannot transition status via :{event} from :{state} (Reason(s): Status cannot transition via \"{event}\")"
        );
        return refused(400, &message);
    }
    let mut json = template!("gitlab-status");
    json["sha"] = json!(commit);
    json["status"] = json!(state);
    json["name"] = json!(context);
    json["description"] = json!(text("description"));
    json["author"] = user(project, BOT);
    let status = Status {
        id: project.next_id(),
        commit: commit.to_owned(),
        state,
        context,
        description: text("description"),
        target_url: ask.text("target_url"),
        by: BOT.to_owned(),
        at: project.now(),
    };
    json["id"] = json!(status.id);
    json["created_at"] = time(status.at);
    project.statuses.push(status);
    Answer::new(201, json)
}
