//! YAML as Ansible reads it, with the place of each text.
//!
//! Aliases share what they stand for, so that files which multiply cost nothing; tags of vaults and of texts that
//! Ansible does not template are kept.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use serde_saphyr::granit_parser as parser;

/// How many nodes and merged entries a file may have.
const MOST: usize = 500_000;
/// How deep a file may be nested, through aliases as well: what reads it calls itself at each level.
const DEEPEST: usize = 128;

/// All documents of a file.
#[derive(Debug, Default)]
pub(super) struct Yaml {
    pub(super) roots: Vec<Rc<Node>>,
    /// Every text that Ansible would template, keys included, once each.
    pub(super) texts: Vec<Rc<Node>>,
}

#[derive(Debug)]
pub(super) struct Node {
    /// From 1.
    pub(super) line: usize,
    /// In bytes.
    place: Range<usize>,
    /// How many levels are below it.
    depth: usize,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Text(String),
    /// Vaulted, or not to be templated.
    Opaque,
    List(Vec<Rc<Node>>),
    Map(Vec<(Rc<Node>, Rc<Node>)>),
}

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        if let Content::Text(text) = &self.content { Some(text) } else { None }
    }

    pub(super) fn items(&self) -> &[Rc<Self>] {
        if let Content::List(items) = &self.content { items } else { &[] }
    }

    pub(super) fn entries(&self) -> &[(Rc<Self>, Rc<Self>)] {
        if let Content::Map(entries) = &self.content { entries } else { &[] }
    }

    /// Keys that are texts, with their values.
    pub(super) fn named(&self) -> impl Iterator<Item = (&str, &Rc<Self>)> {
        self.entries().iter().filter_map(|(key, value)| Some((key.text()?, value)))
    }

    pub(super) fn get(&self, key: &str) -> Option<&Rc<Self>> {
        // Ansible takes the last of several.
        self.named().filter(|it| it.0 == key).last().map(|it| it.1)
    }

    /// Whether nothing is written here.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self.text(), Some("" | "~" | "null"))
    }

    /// The texts of a list, or the one text.
    pub(super) fn each_text(&self) -> impl Iterator<Item = &str> {
        self.text().into_iter().chain(self.items().iter().filter_map(|it| it.text()))
    }

    /// What stands for it in the file.
    pub(super) fn written<'s>(&self, source: &'s str) -> &'s str {
        source.get(self.place.clone()).unwrap_or_default()
    }

    /// The line of a word that stands at `at` in the text.
    pub(super) fn line_of(&self, source: &str, word: &str, at: usize) -> usize {
        let before = self.text().and_then(|it| it.get(..at)).map_or(0, |it| it.matches(word).count());
        let written = self.written(source);
        // With escapes it may be written in another way.
        let found = written.match_indices(word).nth(before).map_or(0, |it| it.0);
        self.line + written[..found].matches('\n').count()
    }
}

/// What a file says; the line that ends it if it is not YAML.
pub(super) fn parse(source: &str) -> Result<Yaml, usize> {
    let options = parser::options! { emit_comments: false };
    let mut reader = Reader::default();
    for event in parser::Parser::new_from_str_with_options(source, options) {
        let (event, span) = event.map_err(|error| error.marker().line())?;
        let line = span.start.line();
        reader.take(event, line, span.byte_range().unwrap_or(0..0)).ok_or(line)?;
    }
    Ok(reader.yaml)
}

#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    count: usize,
    yaml: Yaml,
}

struct Open {
    line: usize,
    place: Range<usize>,
    anchor: usize,
    is_map: bool,
    items: Vec<Rc<Node>>,
}

impl Reader {
    /// Nothing if there is too much, too deep, or an alias within what it stands for.
    fn take(&mut self, event: parser::Event<'_>, line: usize, place: Range<usize>) -> Option<()> {
        use parser::Event;
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_absent = style == parser::ScalarStyle::Plain && place.is_empty();
                let is_opaque =
                    tag.is_some_and(|it| matches!(it.suffix(), "vault" | "unsafe" | "vault-encrypted"));
                let text = if is_absent { String::new() } else { text.into_owned() };
                let content = if is_opaque { Content::Opaque } else { Content::Text(text) };
                let node = Rc::new(Node { line, place, depth: 0, content });
                self.yaml.texts.push(Rc::clone(&node));
                self.close(node, anchor)
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if DEEPEST < self.open.len() => None,
            Event::SequenceStart(_, anchor, _) => {
                self.open.push(Open { line, place, anchor, is_map: false, items: Vec::new() });
                Some(())
            }
            Event::MappingStart(_, anchor, _) => {
                self.open.push(Open { line, place, anchor, is_map: true, items: Vec::new() });
                Some(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Open { line, place, anchor, is_map, items } = self.open.pop()?;
                let depth = 1 + items.iter().map(|it| it.depth).max().unwrap_or_default();
                let content = if is_map { Content::Map(self.entries(items)?) } else { Content::List(items) };
                if DEEPEST < depth {
                    return None;
                }
                self.close(Rc::new(Node { line, place, depth, content }), anchor)
            }
            Event::Alias(anchor) => {
                let node = Rc::clone(self.anchors.get(&anchor)?);
                self.close(node, 0)
            }
            _ => Some(()),
        }
    }

    fn close(&mut self, node: Rc<Node>, anchor: usize) -> Option<()> {
        self.count += 1;
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None => self.yaml.roots.push(node),
        }
        (self.count <= MOST).then_some(())
    }

    /// Keys and values in turn, with what is merged into the mapping behind what is written there.
    fn entries(&mut self, items: Vec<Rc<Node>>) -> Option<Vec<(Rc<Node>, Rc<Node>)>> {
        let mut entries = Vec::new();
        let mut merged = Vec::new();
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            if key.text() == Some("<<") { merged.push(value) } else { entries.push((key, value)) }
        }
        if merged.is_empty() {
            return Some(entries);
        }
        let known: HashSet<String> = entries.iter().filter_map(|it| it.0.text()).map(str::to_owned).collect();
        let mut added = HashSet::new();
        let mut front = Vec::new();
        for node in merged
            .iter()
            .flat_map(|it| if it.items().is_empty() { std::slice::from_ref(it) } else { it.items() })
        {
            for (key, value) in node.entries() {
                self.count += 1;
                if MOST < self.count {
                    return None;
                }
                let name = key.text().unwrap_or_default();
                if !known.contains(name) && added.insert(name.to_owned()) {
                    front.push((Rc::clone(key), Rc::clone(value)));
                }
            }
        }
        front.append(&mut entries);
        Some(front)
    }
}
