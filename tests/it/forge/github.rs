//! GitHub's API: `docs.github.com/en/rest`.

use driftless::domain::Timestamp;
use git2::Oid;
use serde_json::{Value, json};

use super::answer::{Answer, Ask, Pages, page};
use super::project::{BOT, MAIN, Project, Request, Review, Said, State, Status};
use super::template;

pub(super) fn answer(project: &mut Project, ask: &Ask, address: &str, largest: usize) -> Answer {
    let path: Vec<&str> = ask.path.iter().map(String::as_str).collect();
    if path == ["user"] {
        return Answer::new(200, account(project, template!("github-user"), BOT));
    }
    let ["repos", owner, name, rest @ ..] = path.as_slice() else { return not_found() };
    if (*owner, *name) != (project.owner, project.name) {
        return not_found();
    }
    let pages = Pages { size: "per_page", usual: 30.min(largest), most: 100.min(largest) };
    let list = |all| page(ask, address, &pages, all).0;
    let number =
        rest.get(1).and_then(|it| it.parse::<u64>().ok()).filter(|it| project.requests.contains_key(it));
    match (ask.method.as_str(), rest) {
        ("GET", ["pulls"]) => list(pulls(project, ask)),
        ("GET", ["pulls", _]) => {
            number.map_or_else(not_found, |it| Answer::new(200, pull(project, it, false)))
        }
        ("GET", ["pulls", _, "reviews"]) => number.map_or_else(not_found, |it| list(reviews(project, it))),
        ("GET", ["collaborators", who, "permission"]) => Answer::new(200, permission(project, who)),
        ("GET", ["issues", _, "comments"]) => number.map_or_else(not_found, |it| list(comments(project, it))),
        ("POST", ["issues", _, "comments"]) => {
            number.map_or_else(not_found, |it| write_comment(project, it, ask))
        }
        ("PATCH" | "DELETE", ["issues", "comments", id]) => edit_comment(project, id, ask),
        ("POST", ["statuses", commit]) => set_status(project, commit, ask),
        _ => not_found(),
    }
}

pub(super) fn not_found() -> Answer {
    refused(404, "Not Found")
}

pub(super) fn refused(status: u16, message: &str) -> Answer {
    let body = json!({
        "message": message, "documentation_url": "https://docs.github.com/rest", "status": status.to_string(),
    });
    Answer::new(status, body)
}

/// GitHub tells whole seconds.
pub(super) fn time(at: Timestamp) -> Value {
    json!(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn hex(commit: Oid) -> Value {
    json!(commit.to_string())
}

fn account(project: &mut Project, mut template: Value, name: &str) -> Value {
    template["id"] = json!(project.account(name));
    template["login"] = json!(name);
    template
}

fn user(project: &mut Project, name: &str) -> Value {
    let template = template!("github-review")["user"].clone();
    account(project, template, name)
}

/// `state`, `base`, `sort` and `direction` as `docs.github.com/en/rest/pulls/pulls#list-pull-requests` says.
fn pulls(project: &mut Project, ask: &Ask) -> Vec<Value> {
    let wanted = ask.query("state").unwrap_or("open");
    let is_wanted = |it: &Request| match wanted {
        "open" => it.state == State::Open,
        "closed" => it.state != State::Open,
        _ => true,
    };
    let mut found: Vec<(Timestamp, u64)> =
        project.requests.values().filter(|it| is_wanted(it)).map(|it| (it.updated, it.number)).collect();
    match ask.query("sort") {
        Some("updated") => found.sort_unstable(),
        _ => found.sort_unstable_by_key(|it| it.1),
    }
    if ask.query("direction") != Some("asc") {
        found.reverse();
    }
    if ask.query("base").is_some_and(|it| it != "main") {
        found.clear();
    }
    found.into_iter().map(|(_, number)| pull(project, number, true)).collect()
}

pub(super) fn pull(project: &mut Project, number: u64, is_item: bool) -> Value {
    let mut it = if is_item { template!("github-pull-item") } else { template!("github-pull") };
    let author = project.requests[&number].author.clone();
    it["user"] = user(project, &author);
    let request = &project.requests[&number];
    let (state, closed, merged) = match &request.state {
        State::Open => ("open", None, None),
        State::Closed { at } => ("closed", Some(*at), None),
        State::Merged { at, commit, by, .. } => ("closed", Some(*at), Some((*at, *commit, by.clone()))),
    };
    it["number"] = json!(number);
    it["id"] = json!(9_000_000 + number);
    it["title"] = json!(request.title);
    it["state"] = json!(state);
    it["draft"] = json!(request.draft);
    it["html_url"] = json!(format!("https://github.com/{}/{}/pull/{number}", project.owner, project.name));
    (it["created_at"], it["updated_at"]) = (time(request.created), time(request.updated));
    it["closed_at"] = closed.map_or(Value::Null, time);
    it["merged_at"] = merged.as_ref().map_or(Value::Null, |(at, ..)| time(*at));
    // Before the merge it is that of a merge that GitHub tried by itself.
    it["merge_commit_sha"] = hex(merged.as_ref().map_or(request.base, |(_, commit, _)| *commit));
    let owner = if request.fork { request.author.as_str() } else { project.owner };
    it["head"]["label"] = json!(format!("{owner}:{}", request.branch));
    it["head"]["ref"] = json!(request.branch);
    it["head"]["sha"] = hex(request.head);
    it["head"]["repo"]["id"] = json!(if request.fork { 4_000 + number } else { 1 });
    it["base"]["label"] = json!(format!("{}:main", project.owner));
    it["base"]["ref"] = json!("main");
    it["base"]["sha"] = project.bare.head(MAIN).map_or(Value::Null, hex);
    it["base"]["repo"]["id"] = json!(1);
    it["base"]["repo"]["full_name"] = json!(format!("{}/{}", project.owner, project.name));
    if !is_item {
        it["merged"] = json!(merged.is_some());
        it["merged_by"] = merged.map_or(Value::Null, |(.., by)| user(project, &by));
        it["commits"] = json!(project.bare.ahead(project.requests[&number].head, MAIN));
    }
    it
}

fn reviews(project: &mut Project, number: u64) -> Vec<Value> {
    let told = |it: &Review| {
        let mut json = template!("github-review");
        json["id"] = json!(it.id);
        json["state"] = json!(match (it.dismissed, it.said) {
            (true, _) => "DISMISSED",
            (_, Said::Approved) => "APPROVED",
            (_, Said::ChangesRequested) => "CHANGES_REQUESTED",
            (_, Said::Commented) => "COMMENTED",
        });
        json["commit_id"] = hex(it.commit);
        json["submitted_at"] = time(it.at);
        (it.by.clone(), json)
    };
    let all: Vec<_> = project.requests[&number].reviews.iter().map(told).collect();
    let with_user = |(by, mut json): (String, Value)| {
        json["user"] = user(project, &by);
        json
    };
    all.into_iter().map(with_user).collect()
}

fn permission(project: &mut Project, who: &str) -> Value {
    let word = if project.may_write(who) { "write" } else { "read" };
    let mut json = template!("github-permission");
    (json["permission"], json["role_name"]) = (json!(word), json!(word));
    json["user"] = user(project, who);
    json
}

fn comments(project: &mut Project, number: u64) -> Vec<Value> {
    let all = project.requests[&number].comments.clone();
    all.iter().map(|it| comment(project, it)).collect()
}

fn comment(project: &mut Project, it: &super::Comment) -> Value {
    let mut json = template!("github-comment");
    json["id"] = json!(it.id);
    json["body"] = json!(it.body);
    json["user"] = user(project, &it.by);
    (json["created_at"], json["updated_at"]) = (time(it.created), time(it.updated));
    json
}

fn write_comment(project: &mut Project, number: u64, ask: &Ask) -> Answer {
    let Some(body) = ask.text("body").filter(|it| !it.is_empty()) else {
        return refused(422, "Invalid request.\n\n\"body\" wasn't supplied.");
    };
    if 65_536 < body.chars().count() {
        return refused(422, "Validation Failed: body is too long (maximum is 65536 characters)");
    }
    let made = project.comment(number, BOT, &body);
    Answer::new(201, comment(project, &made))
}

fn edit_comment(project: &mut Project, id: &str, ask: &Ask) -> Answer {
    let id: u64 = id.parse().unwrap_or_default();
    let now = project.now();
    let Some((_, found)) = project.find_comment(id, None) else { return not_found() };
    if found.by != BOT {
        return refused(403, "Must have admin rights to Repository.");
    }
    if ask.method == "DELETE" {
        project.delete_comment(id);
        return Answer::new(204, Value::Null);
    }
    found.body = ask.text("body").unwrap_or_default();
    (found.edits, found.updated) = (found.edits + 1, now);
    let found = found.clone();
    Answer::new(200, comment(project, &found))
}

fn set_status(project: &mut Project, commit: &str, ask: &Ask) -> Answer {
    let Some(state) =
        ask.text("state").filter(|it| ["error", "failure", "pending", "success"].contains(&it.as_str()))
    else {
        return refused(422, "Validation Failed: state is not included in the list");
    };
    let description = ask.text("description").unwrap_or_default();
    if 140 < description.chars().count() {
        return refused(422, "Validation Failed: description is too long (maximum is 140 characters)");
    }
    if Oid::from_str(commit).is_err() {
        return refused(422, &format!("No commit found for SHA: {commit}"));
    }
    let status = Status {
        id: project.next_id(),
        commit: commit.to_owned(),
        state,
        context: ask.text("context").unwrap_or_else(|| "default".to_owned()),
        description,
        target_url: ask.text("target_url"),
        by: BOT.to_owned(),
        at: project.now(),
    };
    let mut json = template!("github-status");
    for (key, value) in
        [("state", &status.state), ("context", &status.context), ("description", &status.description)]
    {
        json[key] = json!(value);
    }
    json["id"] = json!(status.id);
    json["created_at"] = time(status.at);
    json["creator"] = user(project, BOT);
    project.statuses.push(status);
    Answer::new(201, json)
}
