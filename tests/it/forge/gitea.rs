//! The API of Forgejo and Gitea: `/api/swagger` of each server.

use git2::Oid;
use serde_json::{Value, json};

use super::answer::{Answer, Ask, Pages, page};
use super::github::time;
use super::project::{BOT, MAIN, Project, Review, Said, State, Status};
use super::template;

pub(super) fn answer(project: &mut Project, ask: &Ask, address: &str, largest: usize) -> Answer {
    let path: Vec<&str> = ask.path.iter().map(String::as_str).collect();
    if path == ["user"] {
        return Answer::new(200, user(project, BOT));
    }
    let ["repos", owner, name, rest @ ..] = path.as_slice() else { return not_found() };
    if (*owner, *name) != (project.owner, project.name) {
        return not_found();
    }
    // `DEFAULT_PAGING_NUM` and `MAX_RESPONSE_ITEMS`.
    let pages = Pages { size: "limit", usual: 30.min(largest), most: 50.min(largest) };
    let list = |all| {
        let (answer, total) = page(ask, address, &pages, all);
        answer.with("x-total-count", &total).with("access-control-expose-headers", "X-Total-Count, Link")
    };
    let number =
        rest.get(1).and_then(|it| it.parse::<u64>().ok()).filter(|it| project.requests.contains_key(it));
    match (ask.method.as_str(), rest) {
        ("GET", ["pulls"]) => list(pulls(project, ask)),
        ("GET", ["pulls", _]) => number.map_or_else(not_found, |it| Answer::new(200, pull(project, it))),
        ("GET", ["pulls", _, "reviews"]) => number.map_or_else(not_found, |it| list(reviews(project, it))),
        // All on one page, whatever is asked for.
        ("GET", ["issues", _, "comments"]) => number.map_or_else(not_found, |it| {
            let all = comments(project, it);
            let total = all.len();
            Answer::new(200, Value::Array(all)).with("x-total-count", &total)
        }),
        ("POST", ["issues", _, "comments"]) => number.map_or_else(not_found, |it| {
            let made = project.comment(it, BOT, &ask.text("body").unwrap_or_default());
            Answer::new(201, comment(project, &made))
        }),
        ("PATCH" | "DELETE", ["issues", "comments", id]) => edit_comment(project, id, ask),
        ("POST", ["statuses", commit]) => set_status(project, commit, ask),
        _ => not_found(),
    }
}

pub(super) fn not_found() -> Answer {
    refused(404, "The target couldn't be found.")
}

pub(super) fn refused(status: u16, message: &str) -> Answer {
    let body = json!({"message": message, "url": "https://forge.example.com/api/swagger", "errors": []});
    Answer::new(status, body)
}

fn user(project: &mut Project, name: &str) -> Value {
    let mut json = template!("gitea-user");
    json["id"] = json!(project.account(name));
    (json["login"], json["username"]) = (json!(name), json!(name));
    json
}

fn pulls(project: &mut Project, ask: &Ask) -> Vec<Value> {
    let wanted = ask.query("state").unwrap_or("open");
    let mut found: Vec<_> = project
        .requests
        .values()
        .filter(|it| match wanted {
            "open" => it.state == State::Open,
            "closed" => it.state != State::Open,
            _ => true,
        })
        .map(|it| (it.updated, it.number))
        .collect();
    match ask.query("sort") {
        Some("recentupdate") => found.sort_unstable(),
        _ => found.sort_unstable_by_key(|it| it.1),
    }
    found.reverse();
    found.into_iter().map(|(_, number)| pull(project, number)).collect()
}

pub(super) fn pull(project: &mut Project, number: u64) -> Value {
    let mut it = template!("gitea-pull");
    let author = project.requests[&number].author.clone();
    it["user"] = user(project, &author);
    let request = &project.requests[&number];
    it["number"] = json!(number);
    it["id"] = json!(70 + number);
    it["title"] = json!(request.title);
    it["draft"] = json!(request.draft);
    it["state"] = json!(if request.state == State::Open { "open" } else { "closed" });
    it["html_url"] =
        json!(format!("https://forge.example.com/{}/{}/pulls/{number}", project.owner, project.name));
    (it["created_at"], it["updated_at"]) = (time(request.created), time(request.updated));
    it["head"]["label"] = json!(request.branch);
    it["head"]["ref"] = json!(request.branch);
    it["head"]["sha"] = json!(request.head.to_string());
    it["head"]["repo_id"] = json!(if request.fork { 4_000 + number } else { 140 });
    it["base"]["sha"] = json!(project.bare.head(MAIN).expect("a main branch").to_string());
    it["comments"] = json!(request.comments.len());
    match request.state.clone() {
        State::Open => {}
        State::Closed { at } => it["closed_at"] = time(at),
        State::Merged { at, commit, by, .. } => {
            it["merged"] = json!(true);
            (it["closed_at"], it["merged_at"]) = (time(at), time(at));
            it["merge_commit_sha"] = json!(commit.to_string());
            it["merged_by"] = user(project, &by);
        }
    }
    it
}

fn reviews(project: &mut Project, number: u64) -> Vec<Value> {
    let told = |it: &Review| {
        let mut json = template!("gitea-review");
        json["id"] = json!(it.id);
        json["state"] = json!(match it.said {
            Said::Approved => "APPROVED",
            Said::ChangesRequested => "REQUEST_CHANGES",
            Said::Commented => "COMMENT",
        });
        json["commit_id"] = json!(it.commit.to_string());
        (json["stale"], json["dismissed"]) = (json!(it.stale), json!(it.dismissed));
        json["submitted_at"] = time(it.at);
        (it.by.clone(), json)
    };
    let all: Vec<_> = project.requests[&number].reviews.iter().map(told).collect();
    let with_user = |(by, mut json): (String, Value)| {
        json["official"] = json!(project.may_write(&by));
        json["user"] = user(project, &by);
        json
    };
    let mut all: Vec<Value> = all.into_iter().map(with_user).collect();
    // A request to a team has no user.
    let mut asked = template!("gitea-review");
    (asked["id"], asked["user"]) = (json!(1), Value::Null);
    (asked["state"], asked["team"]) = (json!("REQUEST_REVIEW"), json!({"id": 3, "name": "operators"}));
    all.insert(0, asked);
    all
}

fn comments(project: &mut Project, number: u64) -> Vec<Value> {
    let all = project.requests[&number].comments.clone();
    all.iter().map(|it| comment(project, it)).collect()
}

fn comment(project: &mut Project, it: &super::Comment) -> Value {
    let mut json = template!("gitea-comment");
    json["id"] = json!(it.id);
    json["body"] = json!(it.body);
    json["user"] = user(project, &it.by);
    (json["created_at"], json["updated_at"]) = (time(it.created), time(it.updated));
    json
}

fn edit_comment(project: &mut Project, id: &str, ask: &Ask) -> Answer {
    let id: u64 = id.parse().unwrap_or_default();
    let now = project.now();
    let Some((_, found)) = project.find_comment(id, None) else { return not_found() };
    if found.by != BOT {
        return refused(403, "user should have permission to edit comment");
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
    if Oid::from_str(commit).is_err() {
        return not_found();
    }
    let text = |key| ask.text(key).unwrap_or_default();
    let (state, context, description) = (text("state"), text("context"), text("description"));
    if !["error", "failure", "pending", "success", "warning"].contains(&state.as_str()) {
        return refused(422, "[State]: Required");
    }
    let mut json = template!("gitea-status");
    json["status"] = json!(state);
    json["context"] = json!(context);
    json["description"] = json!(description);
    json["creator"] = user(project, BOT);
    let status = Status {
        id: project.next_id(),
        commit: commit.to_owned(),
        state,
        context,
        description,
        target_url: ask.text("target_url").filter(|it| !it.is_empty()),
        by: BOT.to_owned(),
        at: project.now(),
    };
    json["id"] = json!(status.id);
    json["created_at"] = time(status.at);
    project.statuses.push(status);
    Answer::new(201, json)
}
