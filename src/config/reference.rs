//! The tables of keys in the docs, made from the tables of keys.

use std::fmt::Write as _;

use super::operator_keys::OPERATOR;
use super::repository_keys::REPOSITORY;
use super::shape::{Key, Presence, Shape};

/// All keys of the operator's file as a Markdown table.
pub fn operator_reference() -> String {
    table(OPERATOR)
}

/// All keys of `driftless.yml` as a Markdown table.
pub fn repository_reference() -> String {
    table(REPOSITORY)
}

/// One key, as documentation tells of it. Words between backticks stand in the file as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// From the top of the file: `sources.<source>.url`.
    pub path: String,
    /// Which values it takes.
    pub takes: String,
    /// What holds without it; empty where nothing does.
    pub default: String,
    /// What it means.
    pub about: &'static str,
}

/// All keys of the operator's file.
pub fn operator_key_rows() -> Vec<KeyRow> {
    rows_of(OPERATOR)
}

/// All keys of `driftless.yml`.
pub fn repository_key_rows() -> Vec<KeyRow> {
    rows_of(REPOSITORY)
}

fn table(keys: &'static [Key]) -> String {
    let mut text = String::from("| Key | Takes | Default | Meaning |\n|---|---|---|---|\n");
    for row in rows_of(keys) {
        let cells = [format!("`{}`", row.path), row.takes, row.default, row.about.to_owned()];
        let _ = writeln!(text, "| {} |", cells.map(|it| it.replace('|', "\\|")).join(" | "));
    }
    text
}

fn rows_of(keys: &'static [Key]) -> Vec<KeyRow> {
    let mut found = Vec::new();
    rows(&mut found, keys, "");
    found
}

fn rows(found: &mut Vec<KeyRow>, keys: &'static [Key], at: &str) {
    for key in keys {
        let path = if at.is_empty() { key.name.to_owned() } else { format!("{at}.{}", key.name) };
        let default = match key.presence {
            Presence::Required => "required".to_owned(),
            Presence::Optional => String::new(),
            Presence::Default(it) => format!("`{it}`"),
        };
        found.push(KeyRow { path: path.clone(), takes: takes(&key.shape), default, about: key.about });
        match &key.shape {
            Shape::Group(inner) | Shape::OneOf(inner) => rows(found, inner, &path),
            Shape::List(Shape::Group(inner)) => rows(found, inner, &format!("{path}.<n>")),
            Shape::Named(rule, Shape::Group(inner) | Shape::OneOf(inner), _) => {
                rows(found, inner, &format!("{path}.{}", rule.placeholder));
            }
            _ => {}
        }
    }
}

fn takes(shape: &Shape) -> String {
    match shape {
        Shape::Group(_) => "mapping".to_owned(),
        Shape::OneOf(_) => "mapping with one key".to_owned(),
        Shape::Named(rule, Shape::Secret, _) => format!("secret for each `{}`", rule.placeholder),
        Shape::Named(rule, Shape::Text(inner), _) => {
            format!("{} for each `{}`", short(inner.what), rule.placeholder)
        }
        Shape::Named(rule, ..) => format!("mapping by `{}`", rule.placeholder),
        Shape::List(_) => "list".to_owned(),
        Shape::Text(rule) => short(rule.what).to_owned(),
        Shape::Secret => "secret".to_owned(),
        Shape::Count(least, most) if least == most => shape.what(),
        Shape::Count(least, most) => format!("{least} to {most}"),
        Shape::Duration(least, most) => times(*least, *most),
        Shape::Interval(least, most) => format!("{}, or `never`", times(*least, *most)),
        Shape::Percent => "share, 0% to 100%".to_owned(),
        Shape::Size(least, most) => {
            let show = super::units::show_size;
            format!("size, {} to {}", show(*least), show(*most))
        }
        Shape::Variables => "mapping of names to values".to_owned(),
        Shape::Choice(_) | Shape::Switch => shape.what(),
    }
}

/// Without its article.
fn short(what: &'static str) -> &'static str {
    what.split_once(' ').map_or(what, |(_, it)| it)
}

fn times(least: u64, most: u64) -> String {
    let show = |seconds| super::units::show_span(super::shape::span_of(seconds));
    format!("time, {} to {}", show(least), show(most))
}
