//! What an expression must not use.

use super::jinja::{Expression, Placed, Word, expression, expressions};

/// What was found in a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) refused: Vec<Refused>,
    /// Templates that are named, `None` where the name is made from something.
    pub(super) templates: Vec<Named>,
}

/// A construct, the word that it is known by, and where that is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) construct: String,
    pub(super) word: String,
    pub(super) at: usize,
}

/// The name of another file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: Option<String>,
    pub(super) at: usize,
}

/// Whether a variable tells about other hosts than the one that a task runs for.
pub(super) fn is_refused(name: &str) -> bool {
    matches!(name, "groups" | "hostvars" | "play_hosts" | "ansible_limit")
        || name.starts_with("ansible_play_")
}

/// Methods of a dictionary that give out all of it, or what is not named here.
const METHODS: [&str; 8] = ["items", "keys", "values", "get", "pop", "copy", "update", "setdefault"];
/// How deep templates may stand in texts of templates.
const DEEPEST: usize = 8;

impl Found {
    /// In a text in which expressions stand between braces.
    pub(super) fn in_template(text: &str) -> Self {
        let mut found = Self::default();
        found.template(text, 0, DEEPEST);
        found
    }

    /// In a text that is an expression.
    pub(super) fn in_condition(text: &str) -> Self {
        let mut found = Self::default();
        found.words(&expression(text), 0, DEEPEST);
        found
    }

    fn template(&mut self, text: &str, base: usize, depth: usize) {
        for it in expressions(text) {
            self.words(&it.words, base, depth);
            if it.is_statement {
                self.statement(&it, base);
            }
        }
    }

    fn refuse(&mut self, construct: impl Into<String>, word: &str, at: usize) {
        self.refused.push(Refused { construct: construct.into(), word: word.to_owned(), at });
    }

    fn words(&mut self, words: &[Placed<'_>], base: usize, depth: usize) {
        for (index, (word, at)) in words.iter().enumerate() {
            let (before, after) = (&words[..index], &words[index + 1..]);
            match word {
                Word::Text(text) if text.contains("{{") || text.contains("{%") => match depth {
                    0 => self.refuse("a template in a template", "{", base + at),
                    _ => self.template(text, base + at + 1, depth - 1),
                },
                Word::Name(name) if !is_attribute(before) && !is_argument(before, after) => {
                    self.name(name, base + at, after, base);
                }
                _ => {}
            }
        }
    }

    fn name(&mut self, name: &str, at: usize, after: &[Placed<'_>], base: usize) {
        match name {
            _ if is_refused(name) => self.refuse(name, name, at),
            "vars" => self.variables(at, after),
            "lookup" | "query" | "q" if after.first().is_some_and(|it| it.0 == Word::Sign('(')) => {
                self.lookup(name, at, &after[1..], base);
            }
            _ => {}
        }
    }

    /// All variables in one: only with a name that is written out.
    fn variables(&mut self, at: usize, after: &[Placed<'_>]) {
        let name = match after {
            [(Word::Sign('['), _), (Word::Text(name), _), (Word::Sign(']'), _), ..] => Some(*name),
            [(Word::Sign('.'), _), (Word::Name(name), _), ..] if !METHODS.contains(name) => Some(*name),
            _ => None,
        };
        match name {
            Some(name) if !is_refused(name) && !name.contains('\\') => {}
            Some(name) => self.refuse(format!("vars['{name}']"), "vars", at),
            None => self.refuse("vars", "vars", at),
        }
    }

    fn lookup(&mut self, function: &str, at: usize, arguments: &[Placed<'_>], base: usize) {
        let (plugin, rest) = match arguments {
            [(Word::Text(plugin), _), (Word::Sign(')'), _), ..] => (builtin(plugin), &[][..]),
            [(Word::Text(plugin), _), (Word::Sign(','), _), rest @ ..] => (builtin(plugin), rest),
            _ => return self.refuse("a lookup whose plugin is not written out", function, at),
        };
        match plugin {
            "inventory_hostnames" | "merge_variables" | "community.general.merge_variables" => {
                self.refuse(format!("lookup('{plugin}')"), plugin, at);
            }
            "vars" => self.lookup_of_variables(function, at, rest),
            "template" => {
                for argument in positional(rest) {
                    let named = match argument {
                        [(Word::Text(name), it)] => Named { name: Some((*name).to_owned()), at: base + it },
                        _ => Named { name: None, at },
                    };
                    self.templates.push(named);
                }
                if rest.iter().any(|it| matches!(it.0, Word::Name(name) if name.ends_with("_start_string"))) {
                    self.refuse("other delimiters of Jinja", "template", at);
                }
            }
            _ => {}
        }
    }

    fn lookup_of_variables(&mut self, function: &str, at: usize, arguments: &[Placed<'_>]) {
        for argument in positional(arguments) {
            match argument {
                [(Word::Text(name), _)] if !is_refused(name) && !name.contains('\\') => {}
                [(Word::Text(name), _)] => self.refuse(format!("lookup('vars', '{name}')"), function, at),
                [(Word::Text(start), _), (Word::Sign('~' | '+'), _), ..] if !begins_refused(start) => {}
                _ => self.refuse("lookup('vars') of a name that is not written out", function, at),
            }
        }
    }

    /// `include`, `import`, `extends` and `from` name other templates.
    fn statement(&mut self, statement: &Expression<'_>, base: usize) {
        let words: Vec<_> =
            statement.words.iter().filter(|it| !matches!(it.0, Word::Sign('-' | '+'))).collect();
        let Some((Word::Name("include" | "import" | "extends" | "from"), at)) = words.first() else { return };
        let name = match words.get(1) {
            Some((Word::Text(name), _)) => Some((*name).to_owned()),
            _ => None,
        };
        self.templates.push(Named { name, at: base + at });
    }
}

/// `item.groups` is another thing than `groups`.
fn is_attribute(before: &[Placed<'_>]) -> bool {
    before.last().is_some_and(|it| it.0 == Word::Sign('.'))
}

/// The name of an argument: `dict(groups=…)`.
fn is_argument(before: &[Placed<'_>], after: &[Placed<'_>]) -> bool {
    before.last().is_some_and(|it| matches!(it.0, Word::Sign('(' | ',')))
        && after.first().is_some_and(|it| it.0 == Word::Sign('='))
        && after.get(1).is_none_or(|it| it.0 != Word::Sign('='))
}

/// Whether a variable whose name begins so may be one that is refused.
fn begins_refused(start: &str) -> bool {
    let whole = ["groups", "hostvars", "play_hosts", "ansible_limit", "ansible_play_"];
    start.contains('\\') || whole.iter().any(|it| it.starts_with(start)) || is_refused(start)
}

/// The name of a plugin or a module without the collection that comes with Ansible.
pub(super) fn builtin(name: &str) -> &str {
    name.strip_prefix("ansible.builtin.").or_else(|| name.strip_prefix("ansible.legacy.")).unwrap_or(name)
}

/// The arguments of a call without names, up to its end.
fn positional<'w, 'a>(words: &'w [Placed<'a>]) -> Vec<&'w [Placed<'a>]> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    for (index, (word, _)) in words.iter().enumerate() {
        let ends = match word {
            Word::Sign('(' | '[' | '{') => {
                depth += 1;
                false
            }
            Word::Sign(')' | ']' | '}') if 0 < depth => {
                depth -= 1;
                false
            }
            Word::Sign(')' | ',') => depth == 0,
            _ => false,
        };
        if ends || index + 1 == words.len() {
            let argument = &words[start..if ends { index } else { index + 1 }];
            let is_named = matches!(argument, [(Word::Name(_), _), (Word::Sign('='), _), ..]);
            if !argument.is_empty() && !is_named {
                found.push(argument);
            }
            start = index + 1;
        }
        if ends && *word == Word::Sign(')') {
            break;
        }
    }
    found
}
