//! YAML text to a tree in which every node knows its place. The only file here that names the YAML crate.
//!
//! Scalars keep the text that was written: what a text means is decided by the key it stands under, so that nothing
//! is lost by guessing a type too early. Anchors, aliases and merge keys (`<<`) work within a budget; tags,
//! second documents and keys that are not text are refused.

use std::collections::HashMap;
use std::ops::Range;

use serde_saphyr::granit_parser as parser;

use super::mask::one_line;
use super::report::Diagnostic;

/// The place of something in a file, in bytes.
pub(super) type Place = Range<usize>;

/// How many nodes a file may have after its aliases are expanded. A fleet of 1,000 stacks needs about 10,000.
const MAX_NODES: usize = 50_000;
/// How deep collections may be nested. The deepest key that means anything is at depth 7; the rest is for the
/// values of variables.
const MAX_DEPTH: usize = 64;

/// A node and where it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) content: Content,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    /// In the order of the file, each key once.
    Map(Vec<(Name, Node)>),
}

/// The text of a scalar, and whether it stood without quotes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) plain: bool,
}

/// A key of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) place: Place,
}

/// What a scalar is in YAML 1.2.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Switch(bool),
    Integer(i64),
    Number(f64),
    Text,
}

impl Scalar {
    /// What the core schema of YAML 1.2 makes of it.
    pub(super) fn kind(&self) -> Kind {
        if !self.plain {
            return Kind::Text;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
            "true" | "True" | "TRUE" => Kind::Switch(true),
            "false" | "False" | "FALSE" => Kind::Switch(false),
            text => number(text),
        }
    }

    /// Whether YAML 1.1, which Ansible reads, would make something else of it than YAML 1.2: `yes`, `010`, `1_000`,
    /// `12:30`, dates.
    pub(super) fn is_ambiguous(&self) -> bool {
        if !self.plain {
            return false;
        }
        let text = self.text.as_str();
        let word =
            matches!(text.to_ascii_lowercase().as_str(), "yes" | "no" | "on" | "off" | "y" | "n" | "=");
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let numeric = digits.starts_with(|it: char| it.is_ascii_digit())
            && digits.chars().all(|it| it.is_ascii_digit() || "_:-.ox".contains(it));
        let odd = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.")
            || digits.contains(['_', ':'])
            || digits.contains('-');
        word || numeric && odd
    }
}

fn number(text: &str) -> Kind {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).map_or(Kind::Text, Kind::Integer);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).map_or(Kind::Text, Kind::Integer);
    }
    if !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit()) {
        let signed = text.strip_prefix('+').unwrap_or(text);
        return signed
            .parse()
            .map_or_else(|_| signed.parse().map_or(Kind::Text, Kind::Number), Kind::Integer);
    }
    let shape = digits.starts_with(|it: char| it.is_ascii_digit() || it == '.')
        && digits.contains(|it: char| it.is_ascii_digit())
        && digits.chars().all(|it| it.is_ascii_digit() || ".eE+-".contains(it));
    match text.parse::<f64>() {
        Ok(value) if shape && value.is_finite() => Kind::Number(value),
        _ => Kind::Text,
    }
}

/// The tree of a file and what is wrong with it as YAML; no tree where the syntax ends it. An empty file is an
/// empty mapping.
pub(super) fn parse(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let options = parser::options! { emit_comments: false, disallow_directives: true };
    let mut reader =
        Reader { open: Vec::new(), anchors: HashMap::new(), nodes: 0, root: None, found: Vec::new() };
    for event in parser::Parser::new_from_str_with_options(text, options) {
        let step = match event {
            Ok((event, span)) => reader.take(event, span.byte_range().unwrap_or(0..0)),
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(text.len());
                Err(Diagnostic::error(error.info(), at..at).help(syntax_help(&error)))
            }
        };
        if let Err(fatal) = step {
            reader.found.push(fatal);
            return (None, reader.found);
        }
    }
    let empty = || Node { place: 0..0, content: Content::Map(Vec::new()) };
    (Some(reader.root.unwrap_or_else(empty)), reader.found)
}

fn syntax_help(error: &parser::ScanError) -> &'static str {
    match error.kind() {
        parser::ErrorKind::MappingValueNotAllowed => {
            "a text that contains `: ` needs quotes; otherwise look at the indentation of this line"
        }
        parser::ErrorKind::UnclosedFlowCollection { .. } => "close the bracket that is opened here",
        parser::ErrorKind::UnclosedQuotedScalar => "close the quote that is opened here",
        parser::ErrorKind::UnknownAnchor => "define the anchor with `&name` above its first use",
        _ => "this is not YAML: look at the indentation, the quotes and the brackets around this place",
    }
}

/// A collection that is not closed yet.
struct Open {
    place: Place,
    anchor: usize,
    /// The key whose value comes next.
    key: Option<Name>,
    gathered: Gathered,
}

enum Gathered {
    List(Vec<Node>),
    Map { entries: Vec<(Name, Node)>, merged: Vec<(Name, Node)> },
}

struct Reader {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
    found: Vec<Diagnostic>,
}

impl Reader {
    fn take(&mut self, event: parser::Event<'_>, place: Place) -> Result<(), Diagnostic> {
        use parser::Event;
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), &place);
                let plain = style == parser::ScalarStyle::Plain;
                // The parser writes an absent value as a tilde without a place.
                let text = if plain && place.is_empty() { String::new() } else { text.into_owned() };
                let content = Content::Scalar(Scalar { text, plain });
                self.close(Node { place, content }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), &place);
                self.enter(place, anchor, Gathered::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), &place);
                self.enter(place, anchor, Gathered::Map { entries: Vec::new(), merged: Vec::new() })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => {
                    let content = match open.gathered {
                        Gathered::List(items) => Content::List(items),
                        Gathered::Map { entries, merged } => Content::Map(merge(entries, merged)),
                    };
                    self.close(Node { place: open.place, content }, open.anchor)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    self.count(size(node), &place)?;
                    let node = self.anchors[&anchor].clone();
                    self.close(node, 0)
                }
                None => Err(Diagnostic::error("an alias inside of what it stands for", place)
                    .help("a value cannot contain itself: write it out")),
            },
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(Diagnostic::error("a second document in one file", place)
                    .help("remove everything from this `---` on"))
            }
            _ => Ok(()),
        }
    }

    fn refuse_tag(&mut self, tag: Option<&parser::Tag>, place: &Place) {
        let Some(tag) = tag else { return };
        let help = if tag.suffix() == "vault" {
            "vaulted values are not read here: put the value into a file or a systemd credential and name that"
        } else {
            "remove the tag; quote the value if it is to be text"
        };
        self.found.push(
            Diagnostic::error(format!("the tag `!{}` is not allowed", tag.suffix()), place.clone())
                .help(help),
        );
    }

    fn enter(&mut self, place: Place, anchor: usize, gathered: Gathered) -> Result<(), Diagnostic> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Diagnostic::error(format!("nested deeper than {MAX_DEPTH} levels"), place)
                .help("no setting needs this depth: write it flatter"));
        }
        // Its extent would cover the file: its first character is enough, or its key, if it has one.
        let place = place.start..place.start + place.len().min(1);
        self.open.push(Open { place, anchor, key: None, gathered });
        Ok(())
    }

    /// Takes nodes off the budget, before they are made.
    fn count(&mut self, nodes: usize, place: &Place) -> Result<(), Diagnostic> {
        self.nodes += nodes;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        let message = format!("more than {MAX_NODES} values, aliases included");
        Err(Diagnostic::error(message, place.clone())
            .help("aliases multiply what they stand for: use fewer of them"))
    }

    /// A node is complete: it becomes a key, a value, an item or the root.
    fn close(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        self.count(1, &node.place)?;
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.gathered {
            Gathered::List(items) => items.push(node),
            Gathered::Map { entries, merged } => match parent.key.take() {
                None => parent.key = Some(name_of(node)?),
                Some(key) if key.text == "<<" => merged.extend(merge_entries(node)?),
                Some(key) => {
                    if let Some((first, _)) = entries.iter().find(|(known, _)| known.text == key.text) {
                        let message = format!("`{}` is written twice", one_line(&key.text));
                        let twice =
                            Diagnostic::error(message, key.place).context(first.place.clone(), "first here");
                        self.found.push(twice.help("keep one of the two"));
                        return Ok(());
                    }
                    // The place of a collection or of nothing is where it is asked for: its key.
                    let has_text = |it: &Scalar| !it.text.is_empty() || !it.plain;
                    let is_text = matches!(&node.content, Content::Scalar(it) if has_text(it));
                    let place = if is_text { node.place } else { key.place.clone() };
                    entries.push((key, Node { place, ..node }));
                }
            },
        }
        Ok(())
    }
}

/// How many nodes an alias stands for.
fn size(node: &Node) -> usize {
    match &node.content {
        Content::Scalar(_) => 1,
        Content::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Content::Map(entries) => 1 + entries.iter().map(|(_, value)| 1 + size(value)).sum::<usize>(),
    }
}

fn name_of(node: Node) -> Result<Name, Diagnostic> {
    match node.content {
        Content::Scalar(scalar) => Ok(Name { text: scalar.text, place: node.place }),
        _ => Err(Diagnostic::error("a key that is a list or a mapping", node.place)
            .help("a key is a name followed by a colon")),
    }
}

fn merge_entries(node: Node) -> Result<Vec<(Name, Node)>, Diagnostic> {
    match node.content {
        Content::Map(entries) => Ok(entries),
        Content::List(items) => {
            let parts: Result<Vec<_>, _> = items.into_iter().map(merge_entries).collect();
            Ok(parts?.into_iter().flatten().collect())
        }
        Content::Scalar(_) => Err(Diagnostic::error("`<<` merges mappings, this is none", node.place)
            .help("write `<<: *anchor` with the anchor of a mapping")),
    }
}

/// What is written wins over what is merged, and the first of several merged over the later ones.
fn merge(mut entries: Vec<(Name, Node)>, merged: Vec<(Name, Node)>) -> Vec<(Name, Node)> {
    for (name, node) in merged {
        if !entries.iter().any(|(known, _)| known.text == name.text) {
            entries.push((name, node));
        }
    }
    entries
}

#[cfg(test)]
mod tests;
