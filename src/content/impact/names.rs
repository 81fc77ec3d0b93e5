//! Names of files that are made from variables: which files they can mean.

use std::collections::HashMap;
use std::rc::Rc;

use super::super::files::{Context, Place};
use super::super::jinja::{Placed, Word, expression, is_template};
use super::super::rules::{builtin, is_refused};
use super::super::yaml::{Content, Node};

/// Stands in a glob for anything.
pub(super) const ANY: char = '\u{1}';
/// Stands in a glob for a part of a name without a slash.
pub(super) const PART: char = '\u{2}';
/// How many values of a name are told apart.
const MOST_VALUES: usize = 200;
/// How deep variables are looked up in variables.
const DEEPEST: usize = 4;

/// A part of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// One of these.
    Choice(Vec<Vec<Self>>),
    /// A variable, with what it is if nobody gives it a value.
    Variable(String, Option<String>),
    /// A fact about the host: nothing with a slash.
    Fact,
    Any,
}

/// A name of a file in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) pieces: Vec<Piece>,
    /// The directories that it is looked up in.
    pub(super) bases: Vec<Place>,
    /// What is written, and where.
    pub(super) how: String,
}

/// What a task is repeated over, and the variables that are written at it.
#[derive(Debug, Clone, Default)]
pub(super) struct Loop {
    /// The variable that holds the item.
    pub(super) variable: String,
    pub(super) over: Over,
    /// `vars` of the task and of the blocks around it.
    pub(super) vars: Vec<Rc<Node>>,
}

#[derive(Debug, Clone, Default)]
pub(super) enum Over {
    /// The task is not repeated.
    #[default]
    Nothing,
    Items(Vec<Rc<Node>>),
    Variable(String),
    Unknown,
}

impl Loop {
    /// The loop of a task.
    pub(super) fn of(task: &Node, vars: Vec<Rc<Node>>) -> Self {
        let control = task.get("loop_control").and_then(|it| it.get("loop_var")).and_then(|it| it.text());
        let variable = control.unwrap_or("item").to_owned();
        let with = task.named().find(|it| it.0 == "loop" || it.0.starts_with("with_"));
        let Some((key, node)) = with else { return Self { variable, over: Over::Nothing, vars } };
        let is_plain = matches!(
            key,
            "loop"
                | "with_items"
                | "with_list"
                | "with_flattened"
                | "with_fileglob"
                | "with_first_found"
                | "with_file"
        );
        let over = match (&node.content, node.text()) {
            _ if !is_plain => Over::Unknown,
            (Content::List(items), _) => Over::Items(flat(items)),
            (Content::Map(_), _) if key == "with_first_found" => Over::Items(vec![Rc::clone(node)]),
            (_, Some(text)) if is_template(text) => variable_of(text).map_or(Over::Unknown, Over::Variable),
            (_, Some(_)) => Over::Items(vec![Rc::clone(node)]),
            _ => Over::Unknown,
        };
        Self { variable, over, vars }
    }

    /// What an item, or an attribute of it, can be.
    fn piece(&self, attribute: Option<&str>) -> Piece {
        match (&self.over, attribute) {
            (Over::Items(items), Some(attribute)) => {
                let texts =
                    items.iter().map(|it| it.get(attribute).and_then(|it| it.text()).map(str::to_owned));
                texts.collect::<Option<Vec<_>>>().map_or(Piece::Any, |it| choice(&it))
            }
            (Over::Items(items), None) => {
                let texts: Option<Vec<Vec<String>>> = items.iter().map(candidates).collect();
                texts.map_or(Piece::Any, |it| choice(&it.concat()))
            }
            (Over::Variable(name), None) => Piece::Variable(name.clone(), None),
            (Over::Variable(_), Some(attribute)) => Piece::Variable(attribute.to_owned(), None),
            _ => Piece::Any,
        }
    }

    /// What `lookup('first_found', …)` can find.
    fn first_found(&self, arguments: &[Word<'_>]) -> Piece {
        let texts: Option<Vec<String>> = match arguments {
            [Word::Name(name), ..] => {
                let node = self.vars.iter().rev().find_map(|it| it.get(name));
                node.and_then(|it| match &it.content {
                    Content::List(items) => {
                        items.iter().map(candidates).collect::<Option<Vec<_>>>().map(|it| it.concat())
                    }
                    _ => candidates(it),
                })
            }
            _ => None,
        };
        texts.map_or(Piece::Any, |it| choice(&it))
    }
}

/// The names that an item stands for: a text, or what `first_found` is to look for.
fn candidates(node: &Rc<Node>) -> Option<Vec<String>> {
    if let Some(text) = node.text() {
        return Some(vec![text.to_owned()]);
    }
    let files: Vec<&str> = node.get("files")?.each_text().flat_map(|it| it.split([',', ';'])).collect();
    let paths: Vec<&str> = node.get("paths").into_iter().flat_map(|it| it.each_text()).collect();
    let mut found: Vec<String> = files.iter().map(|it| it.trim().to_owned()).collect();
    for path in &paths {
        found.extend(files.iter().take(MOST_VALUES).map(|it| format!("{path}/{}", it.trim())));
    }
    (found.len() <= MOST_VALUES).then_some(found)
}

/// One of some texts, which may be made from variables themselves.
fn choice(texts: &[String]) -> Piece {
    if MOST_VALUES < texts.len() {
        return Piece::Any;
    }
    let nowhere = Context { playbook: Place { root: 0, path: String::new() }, role: None };
    let one = |text: &String| {
        let (base, mut parts) = pieces(text, &Loop::default(), &nowhere);
        if base.is_some() || text.contains("role_path") {
            parts.insert(0, Piece::Any);
        }
        parts
    };
    Piece::Choice(texts.iter().map(one).collect())
}

/// Lists in a list count as one.
fn flat(items: &[Rc<Node>]) -> Vec<Rc<Node>> {
    let mut found = Vec::new();
    for item in items {
        match &item.content {
            Content::List(inner) => found.extend(inner.iter().take(MOST_VALUES).cloned()),
            _ => found.push(Rc::clone(item)),
        }
    }
    found
}

/// `{{ name }}` is the name of a variable.
pub(super) fn variable_of(text: &str) -> Option<String> {
    let inside = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    match variable(&expression(inside)) {
        Some((name, None, _)) => Some(name),
        Some((_, Some(attribute), _)) => Some(attribute),
        None => None,
    }
}

/// A variable, its last attribute, and the text that it is by default.
type Variable = (String, Option<String>, Option<String>);

fn variable(words: &[Placed<'_>]) -> Option<Variable> {
    let words: Vec<Word<'_>> = words.iter().map(|it| it.0).collect();
    let (first, mut rest) = words.split_first()?;
    let Word::Name(first) = first else { return None };
    let mut attribute = None;
    let mut default = None;
    loop {
        match rest {
            [] => return Some(((*first).to_owned(), attribute, default)),
            [Word::Sign('.'), Word::Name(name), after @ ..] => {
                if after.first() == Some(&Word::Sign('(')) {
                    return None;
                }
                attribute = Some((*name).to_owned());
                rest = after;
            }
            [Word::Sign('['), Word::Text(name), Word::Sign(']'), after @ ..] => {
                attribute = Some((*name).to_owned());
                rest = after;
            }
            [
                Word::Sign('|'),
                Word::Name("default" | "d"),
                Word::Sign('('),
                Word::Text(text),
                Word::Sign(')'),
                after @ ..,
            ] => {
                default = Some((*text).to_owned());
                rest = after;
            }
            [
                Word::Sign('|'),
                Word::Name("trim" | "string" | "list" | "flatten" | "sort" | "unique"),
                after @ ..,
            ] => {
                rest = after;
            }
            _ => return None,
        }
    }
}

/// The parts of a name, and the directory that it begins with if that is one of Ansible's own.
pub(super) fn pieces(text: &str, repeated: &Loop, context: &Context) -> (Option<Place>, Vec<Piece>) {
    if text.contains("{%") || text.contains("{#") {
        return (None, vec![Piece::Any]);
    }
    let mut base = None;
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inside, after)) = after.split_once("}}") else { return (None, vec![Piece::Any]) };
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        rest = after;
        let words = expression(inside);
        if pieces.is_empty() && base.is_none() {
            base = match words.as_slice() {
                [(Word::Name("role_path"), _)] => context.role.clone(),
                [(Word::Name("playbook_dir"), _)] => Some(context.playbook.clone()),
                _ => None,
            };
            if base.is_some() {
                rest = rest.strip_prefix('/').unwrap_or(rest);
                continue;
            }
        }
        pieces.push(piece(&words, repeated));
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    (base, pieces)
}

fn piece(words: &[Placed<'_>], repeated: &Loop) -> Piece {
    if let Some((Word::Name(name), _)) = words.first() {
        let is_fact =
            name.starts_with("ansible_") && !is_refused(name) || name.starts_with("inventory_hostname");
        if is_fact
            && !matches!(
                *name,
                "ansible_env" | "ansible_user_dir" | "ansible_cmdline" | "ansible_config_file"
            )
        {
            return Piece::Fact;
        }
    }
    let plain: Vec<Word<'_>> = words.iter().map(|it| it.0).collect();
    if let [
        Word::Name("lookup" | "query" | "q"),
        Word::Sign('('),
        Word::Text(plugin),
        Word::Sign(','),
        rest @ ..,
    ] = plain.as_slice()
    {
        let is_first = builtin(plugin) == "first_found";
        return if is_first { repeated.first_found(rest) } else { Piece::Any };
    }
    match variable(words) {
        Some((name, attribute, _)) if name == repeated.variable => repeated.piece(attribute.as_deref()),
        Some((name, attribute, default)) => Piece::Variable(attribute.unwrap_or(name), default),
        None => Piece::Any,
    }
}

/// What variables are said to be, anywhere in what a stack reads.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    /// `None` for a value that cannot be known.
    values: HashMap<String, Vec<Option<String>>>,
    /// Whether variables can come from elsewhere, too.
    is_open: bool,
}

impl Definitions {
    pub(super) fn new(is_open: bool) -> Self {
        Self { is_open, ..Self::default() }
    }

    pub(super) fn add(&mut self, name: &str, value: Option<&str>) {
        let values = self.values.entry(name.to_owned()).or_default();
        let value = value.map(str::to_owned);
        if values.len() <= MOST_VALUES && !values.contains(&value) {
            values.push(value);
        }
    }

    /// The texts that a variable can be; `None` if it can be anything.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<&str>> {
        let values = self.values.get(name).filter(|it| !it.is_empty() && it.len() <= MOST_VALUES)?;
        values.iter().map(Option::as_deref).collect()
    }

    /// All that a name can be, with signs for what is not known.
    pub(super) fn globs(&self, pieces: &[Piece]) -> Vec<String> {
        self.expanded(pieces, DEEPEST)
    }

    fn expanded(&self, pieces: &[Piece], depth: usize) -> Vec<String> {
        let mut globs = vec![String::new()];
        for piece in pieces {
            let values = match piece {
                Piece::Text(text) => vec![text.clone()],
                Piece::Choice(choices) => choices.iter().flat_map(|it| self.expanded(it, depth)).collect(),
                Piece::Fact => vec![PART.to_string()],
                Piece::Any => vec![ANY.to_string()],
                Piece::Variable(name, default) => self.of_variable(name, default.as_ref(), depth),
            };
            if MOST_VALUES < globs.len() * values.len() {
                return vec![ANY.to_string()];
            }
            globs =
                globs.iter().flat_map(|it| values.iter().map(move |value| format!("{it}{value}"))).collect();
        }
        globs
    }

    fn of_variable(&self, name: &str, default: Option<&String>, depth: usize) -> Vec<String> {
        let any = || vec![ANY.to_string()];
        if depth == 0 || self.is_open {
            return any();
        }
        let Some(texts) = self.texts(name) else {
            let is_unset = !self.values.contains_key(name);
            // Nobody gives it a value: what it is by default is all.
            return default.filter(|_| is_unset).map_or_else(any, |it| vec![it.clone()]);
        };
        let nowhere = Context { playbook: Place { root: 0, path: String::new() }, role: None };
        let mut found: Vec<String> = default.into_iter().cloned().collect();
        for text in texts {
            if is_template(text) {
                let (base, pieces) = pieces(text, &Loop::default(), &nowhere);
                let start = if base.is_some() || text.contains("role_path") {
                    ANY.to_string()
                } else {
                    String::new()
                };
                found.extend(self.expanded(&pieces, depth - 1).into_iter().map(|it| format!("{start}{it}")));
            } else {
                found.push(text.to_owned());
            }
        }
        if MOST_VALUES < found.len() { any() } else { found }
    }
}

/// Whether a path fits a glob. `*` and `?` are Ansible's own.
pub(super) fn fits(glob: &str, path: &str) -> bool {
    let path: Vec<char> = path.chars().collect();
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    for sign in glob.chars() {
        let mut next = vec![false; path.len() + 1];
        for at in 0..=path.len() {
            let before = at.checked_sub(1).map(|it| (it, path[it]));
            next[at] = match sign {
                ANY => reached[at] || before.is_some_and(|it| next[it.0]),
                PART | '*' => reached[at] || before.is_some_and(|it| next[it.0] && it.1 != '/'),
                '?' => before.is_some_and(|it| reached[it.0] && it.1 != '/'),
                _ => before.is_some_and(|it| reached[it.0] && it.1 == sign),
            };
        }
        reached = next;
    }
    reached[path.len()]
}
