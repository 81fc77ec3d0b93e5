//! Records of the audit chain.

use serde_json::Value;

use super::words::clipped;
use crate::api::AuditList;
use crate::api::when::ago;
use crate::cli::page::{Page, Piece, Tone, piece, plain};
use crate::domain::{AuditRecord, Timestamp};

/// Longer details are told by `--output json`.
const DETAIL_MAX: usize = 100;

/// A list of records.
pub(in crate::cli) fn audit_page(list: &AuditList, now: Timestamp) -> Page {
    let mut page = Page::default();
    if list.records.is_empty() && list.unreadable.is_empty() {
        page.line(&[plain("no record")]);
        return page;
    }
    let rows = list.records.iter().map(|it| row(it, now)).collect();
    page.table(&["RECORD", "WHEN", "WHO", "WHAT", "OBJECT", "RUN", "COMMIT", "DETAIL"], &[0, 5], rows);
    for it in &list.unreadable {
        page.line(&[piece(Tone::Bad, format!("record {} cannot be read: {}", it.seq, it.what))]);
    }
    page
}

fn row(record: &AuditRecord, now: Timestamp) -> Vec<Piece> {
    let who = match record.personal.get("actor") {
        Some(actor) => actor.text.clone().unwrap_or_else(|| "(erased)".to_owned()),
        None => "driftless".to_owned(),
    };
    vec![
        piece(Tone::Strong, record.seq.to_string()),
        plain(ago(now, record.at)),
        plain(who),
        plain(record.action.replace('_', " ")),
        plain(&record.object),
        plain(record.run.map_or_else(String::new, |it| it.to_string())),
        plain(record.commit.as_ref().map_or("", |it| it.short())),
        piece(Tone::Faint, detail(record)),
    ]
}

/// What else there is to say, in few words: the sentence if there is one, and what changed where.
fn detail(record: &AuditRecord) -> String {
    let mut parts: Vec<String> = record.text("why").map(str::to_owned).into_iter().collect();
    let people = record.personal.iter().filter(|(field, _)| !["actor", "why"].contains(&field.as_str()));
    parts.extend(people.map(|(field, it)| {
        // `approved_by.12.1` is the first who approved of merge request 12.
        let (what, of) = field.split_once('.').unwrap_or((field, ""));
        let of = of.split('.').next().unwrap_or_default();
        format!("{} {of}: {}", what.replace('_', " "), it.text.as_deref().unwrap_or("(erased)"))
    }));
    if let Value::Object(fields) = &record.detail {
        for (name, value) in fields {
            let name = name.replace('_', " ");
            parts.extend(match value {
                Value::Object(counts) if counts.is_empty() => None,
                Value::Object(counts) => {
                    let counts = counts.iter().map(|(host, count)| format!("{host} {count}"));
                    Some(format!("{name}: {}", counts.collect::<Vec<_>>().join(", ")))
                }
                Value::Array(names) => {
                    let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
                    (!names.is_empty()).then(|| format!("{name}: {}", names.join(", ")))
                }
                Value::String(text) => Some(format!("{name} {text}")),
                Value::Number(number) => Some(format!("{name} {number}")),
                Value::Bool(true) => Some(name),
                Value::Bool(false) | Value::Null => None,
            });
        }
    }
    clipped(&parts.join("; "), DETAIL_MAX)
}
