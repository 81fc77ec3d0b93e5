//! Walks through a text and finds secrets by name and by shape, line by line.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::{memchr, memrchr};

use super::REDACTED;
use super::names::Names;
use super::shapes::{self, Border, PRIVATE_KEY, SHAPES, VAULT};
use super::values::{self, Value};

/// A place that must not be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// What decided begins here; a text that is cut between here and the end would be judged otherwise.
    pub(super) from: usize,
    pub(super) place: Range<usize>,
    /// It belongs to what was replaced before: nothing stands for it.
    pub(super) silent: bool,
}

/// What goes on from one piece of a stream to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) block: Block,
    /// The piece begins within a line.
    pub(super) mid_line: bool,
}

/// A secret of several lines that was begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Block {
    #[default]
    None,
    PrivateKey,
    Vault,
    /// All lines that are indented deeper than this.
    Indented(usize),
    /// The rest of this line.
    Line,
}

/// Parts of the names of secrets. What else there is follows in the order of [`SHAPES`].
const NAMES: [&str; 11] = [
    "pass",
    "pwd",
    "psk",
    "secret",
    "token",
    "key",
    "credential",
    "authorization",
    "connection",
    "cookie",
    "_pw",
];
const OTHERS: [&str; 4] = ["://", PRIVATE_KEY, VAULT, REDACTED];

static HITS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let words = OTHERS.into_iter().chain(SHAPES.iter().map(|it| it.prefix)).chain(NAMES);
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(aho_corasick::MatchKind::LeftmostFirst)
        .kind(Some(AhoCorasickKind::DFA))
        .build(words)
        .expect("a few words")
});

/// What a hit may be.
enum Hit {
    Url,
    PrivateKey,
    Vault,
    Redacted,
    Shape(usize),
    Name,
}

impl Hit {
    fn of(index: usize) -> Self {
        match index {
            0 => Self::Url,
            1 => Self::PrivateKey,
            2 => Self::Vault,
            3 => Self::Redacted,
            _ if index < OTHERS.len() + SHAPES.len() => Self::Shape(index - OTHERS.len()),
            _ => Self::Name,
        }
    }
}

/// Finds what must not be seen in `text` by names and shapes, in the order of the text, and moves `state` to its
/// end. `is_all`: nothing came before; the text may have been cut, though.
pub(super) fn scan(text: &[u8], names: &Names, state: &mut State, is_all: bool) -> Vec<Span> {
    let is_fresh = !state.mid_line;
    let mut scan = Scan {
        text,
        names,
        spans: Vec::new(),
        at: 0,
        value: 0,
        line: 0..0,
        block: state.block,
        is_all,
        is_fresh,
    };
    scan.go_on();
    let mut further = names.hits(text).into_iter().peekable();
    for hit in HITS.find_iter(text) {
        while let Some(place) = further.next_if(|it| it.start <= hit.start()) {
            scan.name(place);
        }
        let is_in_name = hit.start() < scan.value;
        if hit.start() < scan.at && !is_in_name {
            continue;
        }
        scan.move_to(hit.start());
        match Hit::of(hit.pattern().as_usize()) {
            Hit::Url => scan.url(hit.start()),
            Hit::PrivateKey => scan.private_key(hit.start()),
            Hit::Vault => scan.vault(hit.start()),
            // It grows together with what is replaced beside it.
            Hit::Redacted if text[hit.range()] == *REDACTED.as_bytes() => scan.push(hit.start(), hit.range()),
            Hit::Redacted => {}
            Hit::Shape(index) => {
                if let Some(token) = SHAPES[index].token(text, hit.start()) {
                    scan.push(hit.start(), token);
                }
            }
            Hit::Name => scan.name(hit.range()),
        }
    }
    further.for_each(|it| scan.name(it));
    state.block = scan.block;
    state.mid_line = text.last().map_or(state.mid_line, |it| *it != b'\n');
    scan.spans
}

struct Scan<'a> {
    text: &'a [u8],
    names: &'a Names,
    spans: Vec<Span>,
    /// Everything before this is decided,
    at: usize,
    /// but for tokens in a name before its value, which begins here.
    value: usize,
    /// The line that was looked at last, without its line feed.
    line: Range<usize>,
    /// What is open at `at`.
    block: Block,
    is_all: bool,
    /// The text begins where a line begins.
    is_fresh: bool,
}

impl Scan<'_> {
    fn push(&mut self, from: usize, place: Range<usize>) {
        self.at = self.at.max(place.end);
        self.spans.push(Span { from, place, silent: false });
    }

    fn hide(&mut self, place: Range<usize>) {
        self.at = self.at.max(place.end);
        if !place.is_empty() {
            self.spans.push(Span { from: place.start, place, silent: true });
        }
    }

    fn move_to(&mut self, at: usize) {
        if self.line.end <= at || at < self.line.start {
            let start = memrchr(b'\n', &self.text[..at]).map_or(0, |it| it + 1);
            self.line = start..self.end_of_line(at);
        }
    }

    fn end_of_line(&self, at: usize) -> usize {
        memchr(b'\n', &self.text[at..]).map_or(self.text.len(), |it| at + it)
    }

    fn take(&mut self, value: &Value) {
        let start = self.line.start;
        self.value = start + value.place.start;
        self.push(start + value.from, start + value.place.start..start + value.place.end);
        if let Some(indentation) = value.indentation {
            self.open(Block::Indented(indentation));
        }
    }

    fn url(&mut self, at: usize) {
        if let Some(value) = values::userinfo(&self.text[self.line.clone()], at - self.line.start) {
            self.take(&value);
        }
    }

    fn name(&mut self, hit: Range<usize>) {
        if hit.start < self.at.max(self.value) {
            return;
        }
        self.move_to(hit.start);
        let start = self.line.start;
        let is_beginning = self.is_fresh || 0 < start;
        let hit = hit.start - start..hit.end.min(self.line.end) - start;
        if let Some(value) = values::value(&self.text[self.line.clone()], hit, is_beginning, self.names) {
            self.take(&value);
        }
    }

    fn private_key(&mut self, at: usize) {
        let Range { start, end } = self.line;
        let line = &self.text[start..end];
        match shapes::border(line, at - start) {
            Some((Border::Begin, border)) => {
                let (border, rest) = (start + border.start, start + border.end);
                if let Some(length) = shapes::end_of_key(&self.text[rest..end]) {
                    return self.push(border, border..rest + length);
                }
                let material = rest + shapes::key_material(&self.text[rest..end]);
                self.push(border, border..material);
                if shapes::is_item_end(&self.text[material..end]) {
                    self.open(Block::PrivateKey);
                }
            }
            Some((Border::End, border)) if self.is_all => {
                // The beginning was cut off.
                let material = shapes::material_before(&line[..border.start]);
                if material == 0 {
                    self.hide_above();
                }
                self.push(start + material, start + material..start + border.end);
            }
            _ => {}
        }
    }

    /// Hides the lines of a private key above the current one.
    fn hide_above(&mut self) {
        let mut start = self.line.start;
        while self.at < start {
            let above = memrchr(b'\n', &self.text[..start - 1]).map_or(0, |it| it + 1);
            if above < self.at || !shapes::is_key_material(&self.text[above..start - 1]) {
                break;
            }
            start = above;
        }
        self.hide(start..self.line.start);
    }

    fn vault(&mut self, at: usize) {
        if !self.text[at..].starts_with(VAULT.as_bytes()) {
            return;
        }
        let end = at + shapes::vault_material(&self.text[at..self.line.end]);
        self.push(at, at..end);
        if shapes::is_item_end(&self.text[end..self.line.end]) {
            self.open(Block::Vault);
        }
    }

    /// A secret began that goes on below the current line.
    fn open(&mut self, block: Block) {
        self.block = block;
        let below = self.line.end + 1;
        if below <= self.text.len() {
            self.at = below;
            self.go_on();
        }
    }

    /// Hides the lines from `at` on that belong to the open block.
    fn go_on(&mut self) {
        while self.block != Block::None && self.at < self.text.len() {
            let start = self.at;
            let end = self.end_of_line(start);
            let line = &self.text[start..end];
            let below = (end + 1).min(self.text.len());
            match self.block {
                Block::None => {}
                Block::Line => {
                    self.hide(start..end);
                    self.at = below;
                    self.block = if end < self.text.len() { Block::None } else { Block::Line };
                }
                Block::PrivateKey => match shapes::end_of_key(line) {
                    Some(length) => {
                        let rest = start + length;
                        let is_all = shapes::is_item_end(&self.text[rest..end]);
                        self.hide(start..if is_all { below } else { rest });
                        self.block = Block::None;
                    }
                    None => self.hide_if(shapes::is_key_material(line), start..below),
                },
                Block::Vault => self.hide_if(shapes::is_vault_material(line), start..below),
                Block::Indented(least) => {
                    let indentation = line.iter().take_while(|it| b" \t+-".contains(it)).count();
                    let is_blank = indentation == line.trim_ascii_end().len();
                    self.hide_if(least < indentation || is_blank, start..below);
                }
            }
        }
    }

    fn hide_if(&mut self, belongs: bool, place: Range<usize>) {
        if belongs {
            self.hide(place);
        } else {
            self.block = Block::None;
        }
    }
}
