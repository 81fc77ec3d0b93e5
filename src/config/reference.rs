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

fn table(keys: &'static [Key]) -> String {
    let mut text = String::from("| Key | Takes | Default | Meaning |\n|---|---|---|---|\n");
    rows(&mut text, keys, "");
    text
}

fn rows(text: &mut String, keys: &'static [Key], at: &str) {
    for key in keys {
        let path = if at.is_empty() { key.name.to_owned() } else { format!("{at}.{}", key.name) };
        let default = match key.presence {
            Presence::Required => "required".to_owned(),
            Presence::Optional => String::new(),
            Presence::Default(it) => format!("`{it}`"),
        };
        let cells = [format!("`{path}`"), takes(&key.shape), default, key.about.to_owned()];
        let _ = writeln!(text, "| {} |", cells.map(|it| it.replace('|', "\\|")).join(" | "));
        match &key.shape {
            Shape::Group(inner) | Shape::OneOf(inner) => rows(text, inner, &path),
            Shape::List(Shape::Group(inner)) => rows(text, inner, &format!("{path}.<n>")),
            Shape::Named(rule, Shape::Group(inner) | Shape::OneOf(inner), _) => {
                rows(text, inner, &format!("{path}.{}", rule.placeholder));
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
