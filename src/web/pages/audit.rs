//! The page of the audit chain: who did what, and whether it holds.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::answer::page;
use super::context::PageContext;
use super::words::{Tone, url_part};
use crate::api::{AuditList, AuditQuery, AuditStanding, ErrorBody};
use crate::domain::{AuditRecord, RunId, Scope, StackId, Timestamp};
use crate::web::Backend;

/// How many records are on one page.
const RECORDS: u32 = 100;

/// Longer details are told by the export.
const DETAIL_MAX: usize = 400;

/// What stands behind the `?`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    object: String,
    run: String,
    actor: String,
    since: String,
    before: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage<'a> {
    ctx: &'a PageContext,
    asked: &'a Asked,
    rows: Vec<Row>,
    unreadable: Vec<(u64, String)>,
    standing: Option<&'a AuditStanding>,
    older: Option<u64>,
    export: String,
}

/// One record.
struct Row {
    seq: u64,
    at: Timestamp,
    who: String,
    is_daemon: bool,
    what: String,
    tone: Tone,
    object: String,
    object_url: Option<String>,
    run: Option<RunId>,
    commit: Option<(String, Option<String>)>,
    detail: String,
    hash: String,
}

impl Row {
    fn is_loud(&self) -> bool {
        self.tone != Tone::Quiet
    }
}

/// The page.
pub(super) async fn audit<B: Backend>(
    State(backend): State<B>,
    ctx: PageContext,
    Query(asked): Query<Asked>,
) -> Response {
    let told = gather(&backend, &ctx, &asked).await;
    let shown = told.as_ref().map(|(list, standing)| shown(&ctx, &asked, list, standing.as_ref()));
    page(&ctx, shown.map_err(Clone::clone))
}

async fn gather<B: Backend>(
    backend: &B,
    ctx: &PageContext,
    asked: &Asked,
) -> Result<(AuditList, Option<AuditStanding>), ErrorBody> {
    let wrong = |what: &str, help: &str| ErrorBody::bad_request(what).remedy(help);
    let run = match asked.run.as_str() {
        "" => None,
        given => Some(given.parse().map_err(|_| wrong("this is not the number of a run", "leave it out"))?),
    };
    let since = match asked.since.as_str() {
        "" => None,
        given => Some(day(given).ok_or_else(|| wrong("this is not a day", "write it as 2026-11-23"))?),
    };
    let text = |it: &str| (!it.is_empty()).then(|| it.to_owned());
    let query = AuditQuery {
        object: text(&asked.object),
        run,
        since,
        actor: text(&asked.actor),
        before: asked.before.parse().ok(),
        count: Some(RECORDS),
        newest: true,
        ..AuditQuery::default()
    };
    let scope = ctx.caller.as_ref().map_or_else(|| Scope::Only(BTreeSet::new()), |it| it.scope.clone());
    let list = backend.audit(query, scope).await?;
    // What the chain as a whole is, is for those who may see all of it.
    let sees_all = ctx.caller.as_ref().is_some_and(|it| it.scope == Scope::All);
    let standing = if sees_all { Some(backend.audit_standing().await?) } else { None };
    Ok((list, standing))
}

/// A day, or a point in time.
fn day(given: &str) -> Option<Timestamp> {
    given.parse().or_else(|_| format!("{given}T00:00:00Z").parse()).ok()
}

fn shown<'a>(
    ctx: &'a PageContext,
    asked: &'a Asked,
    list: &AuditList,
    standing: Option<&'a AuditStanding>,
) -> AuditPage<'a> {
    let scope = ctx.caller.as_ref().map(|it| &it.scope);
    let seen = list.records.len() + list.unreadable.len();
    let first = list
        .records
        .first()
        .map(|it| it.seq)
        .into_iter()
        .chain(list.unreadable.iter().map(|it| it.seq))
        .min();
    let in_scope = |it: &&AuditRecord| scope.is_some_and(|scope| has_object(scope, &it.object));
    let unreadable = if scope == Some(&Scope::All) { list.unreadable.as_slice() } else { &[] };
    AuditPage {
        ctx,
        asked,
        rows: list.records.iter().rev().filter(in_scope).map(row).collect(),
        unreadable: unreadable.iter().map(|it| (it.seq, it.what.clone())).collect(),
        standing,
        older: first.filter(|first| 1 < *first && RECORDS as usize <= seen),
        export: export(asked),
    }
}

/// Whether a record of this object is in a scope: a stack, a source, or the daemon.
fn has_object(scope: &Scope, object: &str) -> bool {
    match (scope, object.parse::<StackId>(), object.parse()) {
        (Scope::All, ..) => true,
        (_, Ok(stack), _) => scope.has_stack(&stack),
        (_, _, Ok(source)) => scope.has_source(&source),
        _ => false,
    }
}

/// The same records from the API.
fn export(asked: &Asked) -> String {
    let mut url = format!("/api/v1/audit?count={}", AuditQuery::MOST);
    for (name, value) in [("object", &asked.object), ("run", &asked.run), ("actor", &asked.actor)] {
        if !value.is_empty() {
            url.extend(["&", name, "=", &url_part(value)]);
        }
    }
    url
}

fn row(record: &AuditRecord) -> Row {
    let actor = record.personal.get("actor");
    let source = record.object.split('/').next().unwrap_or_default();
    let stack = record.object.parse::<StackId>().ok();
    let is_source = record.object != "daemon";
    Row {
        seq: record.seq,
        at: record.at,
        who: match actor {
            Some(actor) => actor.text.clone().unwrap_or_else(|| "(erased)".to_owned()),
            None => "driftless".to_owned(),
        },
        is_daemon: actor.is_none(),
        what: record.action.replace('_', " "),
        tone: tone(&record.action),
        object: record.object.clone(),
        object_url: stack.map(|it| format!("/stacks/{}/{}", it.source, it.stack)),
        run: record.run,
        commit: record
            .commit
            .as_ref()
            .map(|it| (it.short().to_owned(), is_source.then(|| format!("/sources/{source}/commits/{it}")))),
        detail: detail(record),
        hash: record.hash.to_string(),
    }
}

/// What people did stands out, and what was refused.
fn tone(action: &str) -> Tone {
    match action {
        "hosts_refused" | "run_stopped" | "cancel_requested" | "suspended" | "personal_erased" => {
            Tone::Notice
        }
        it if it.ends_with("_approved") => Tone::Good,
        _ => Tone::Quiet,
    }
}

/// What else there is to say, in few words.
fn detail(record: &AuditRecord) -> String {
    let mut parts: Vec<String> = record.text("why").map(str::to_owned).into_iter().collect();
    let people = record.personal.iter().filter(|(field, _)| !["actor", "why"].contains(&field.as_str()));
    parts.extend(people.map(|(field, it)| {
        // `approved_by.12.1` is the first who approved of merge request 12.
        let (what, of) = field.split_once('.').unwrap_or((field, ""));
        let of = of.split('.').next().unwrap_or_default();
        let text = it.text.as_deref().unwrap_or("(erased)");
        format!("{} {of}: {text}", what.replace('_', " ")).replace(" :", ":")
    }));
    if let Value::Object(fields) = &record.detail {
        parts.extend(fields.iter().filter_map(|(name, value)| field_words(&name.replace('_', " "), value)));
    }
    let text = parts.join("; ");
    if text.chars().count() <= DETAIL_MAX {
        return text;
    }
    text.chars().take(DETAIL_MAX - 1).chain(['\u{2026}']).collect()
}

fn field_words(name: &str, value: &Value) -> Option<String> {
    match value {
        Value::Object(counts) if counts.is_empty() => None,
        Value::Object(counts) => {
            let mut listed: Vec<String> =
                counts.iter().take(8).map(|(key, it)| format!("{key} {it}")).collect();
            if 8 < counts.len() {
                listed.push(format!("{} more", counts.len() - 8));
            }
            Some(format!("{name}: {}", listed.join(", ")))
        }
        Value::Array(values) => {
            let names: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            (!names.is_empty()).then(|| format!("{name}: {}", names.join(", ")))
        }
        Value::String(text) => Some(format!("{name} {text}")),
        Value::Number(number) => Some(format!("{name} {number}")),
        Value::Bool(true) => Some(name.to_owned()),
        Value::Bool(false) | Value::Null => None,
    }
}
