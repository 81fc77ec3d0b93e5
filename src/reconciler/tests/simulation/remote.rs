//! The repositories that are followed: graphs of commits, each with what it declares.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::domain::{
    ApplyPolicy, CommitHash, Declaration, Failure, HealPolicy, Lineage, Reference, Revision, SourceName,
    Span, StackId, StackPolicy, Tip, Window, Windows,
};

use super::super::dice::Dice;

static HASHES: LazyLock<Vec<CommitHash>> =
    LazyLock::new(|| (0..400).map(|it| format!("{it:040x}").parse().expect("a hash")).collect());
/// A third of each hour, for one of the stacks.
static WINDOWS: LazyLock<Windows> = LazyLock::new(|| {
    let (cron, zone) = ("0 * * * *".parse().expect("a cron line"), "UTC".parse().expect("a zone"));
    Windows { windows: vec![Window { cron, lasts: Span::from_mins(20), zone }], freezes: Vec::new() }
});

static MAIN: LazyLock<Reference> = LazyLock::new(|| "main".parse().expect("a branch"));

/// What a commit declares, reduced to what matters for the order of things.
#[derive(Debug, Clone, Copy)]
struct Content {
    broken: bool,
    /// Which of the four stacks are declared.
    stacks: [bool; 4],
    base_is_manual: bool,
    web_has_limit: bool,
}

const CALM: Content =
    Content { broken: false, stacks: [true; 4], base_is_manual: false, web_has_limit: false };

/// One repository with one branch. Commits are numbers, unique over all repositories.
#[derive(Debug)]
pub(super) struct Remote {
    name: SourceName,
    commits: BTreeMap<usize, (Option<usize>, Content)>,
    tip: usize,
    /// `base`; `web` after `base`; `tools`, which is manual; `db` after `base` and `web`.
    names: [StackId; 4],
}

impl Remote {
    pub(super) fn new(name: &str, first: usize) -> Self {
        let id = |stack: &str| format!("{name}/{stack}").parse().expect("a stack");
        Self {
            name: name.parse().expect("a name"),
            commits: BTreeMap::from([(first, (None, CALM))]),
            tip: first,
            names: ["base", "web", "tools", "db"].map(id),
        }
    }

    pub(super) fn names(&self) -> &[StackId; 4] {
        &self.names
    }

    /// Somebody pushes a commit on top of `parent`.
    fn push(&mut self, commit: usize, parent: Option<usize>, content: Content) {
        self.commits.insert(commit, (parent, content));
        self.tip = commit;
    }

    pub(super) fn push_random(&mut self, dice: &mut Dice, commit: usize) {
        let content = Content {
            broken: dice.chance(12),
            stacks: [(); 4].map(|()| dice.chance(88)),
            base_is_manual: dice.chance(10),
            web_has_limit: dice.chance(20),
        };
        self.push(commit, Some(self.tip), content);
    }

    pub(super) fn push_calm(&mut self, commit: usize) {
        self.push(commit, Some(self.tip), CALM);
    }

    /// Somebody rewrites history: the branch goes to an older commit, to a new one beside it, or is made anew.
    pub(super) fn rewrite(&mut self, dice: &mut Dice, commit: usize) {
        let all: Vec<usize> = self.commits.keys().copied().collect();
        let older = *dice.one_of(&all).expect("at least one commit");
        match dice.below(3) {
            0 => self.tip = older,
            1 => self.push(commit, Some(older), CALM),
            _ => self.push(commit, None, CALM),
        }
    }

    pub(super) fn tip(&self) -> &'static CommitHash {
        &HASHES[self.tip]
    }

    fn number(commit: &CommitHash) -> usize {
        usize::from_str_radix(commit.as_str(), 16).expect("one of our hashes")
    }

    /// Whether `new` is `old` or comes after it.
    pub(super) fn descends(&self, new: &CommitHash, old: &CommitHash) -> bool {
        let old = Self::number(old);
        let mut at = Some(Self::number(new));
        while let Some(commit) = at {
            if commit == old {
                return true;
            }
            at = self.commits.get(&commit).and_then(|(parent, _)| *parent);
        }
        false
    }

    pub(super) fn is_broken(&self, commit: &CommitHash) -> bool {
        self.commits.get(&Self::number(commit)).is_none_or(|(_, content)| content.broken)
    }

    /// What a fetch says that compares the tip with `base`.
    pub(super) fn fetch(&self, base: Option<&CommitHash>) -> Tip {
        let lineage = match base {
            None => Lineage::First,
            Some(base) if base == self.tip() => Lineage::Same,
            Some(base) if self.descends(self.tip(), base) => Lineage::Descendant { of: base.clone() },
            Some(base) => Lineage::Rewound { from: base.clone() },
        };
        Tip {
            revision: revision(self.tip()),
            lineage,
            declaration: self.declaration(),
            line: Vec::new(),
            tag: None,
            trust: Ok(()),
        }
    }

    fn declaration(&self) -> Result<Declaration, Failure> {
        let (_, content) = self.commits.get(&self.tip).expect("the tip exists");
        if content.broken {
            return Err(Failure::until_changed("driftless.yml is broken"));
        }
        let declared = self.names.iter().zip(content.stacks).filter(|(_, declared)| *declared);
        let stacks = declared.map(|(id, _)| self.policy(id, *content)).collect();
        Ok(Declaration { stacks, ..Declaration::default() })
    }

    fn policy(&self, id: &StackId, content: Content) -> StackPolicy {
        let [base, web, tools, db] = &self.names;
        let manual = id == tools || (id == base && content.base_is_manual);
        let heals = id == web || id == db;
        let bases: &[&StackId] = match id {
            _ if id == web && content.stacks[0] => &[base],
            _ if id == db && content.stacks[0] && content.stacks[1] => &[base, web],
            _ => &[],
        };
        debug_assert_eq!(id.source, self.name);
        StackPolicy {
            limit: (id == web && content.web_has_limit).then(|| "prod".to_owned()),
            apply: if manual { ApplyPolicy::Manual } else { ApplyPolicy::OnCommit },
            heal: if heals { HealPolicy::Corrective } else { HealPolicy::Never },
            timeout: Span::from_hours(1),
            depends_on: bases.iter().map(|it| it.stack.clone()).collect(),
            windows: if id == db { WINDOWS.clone() } else { Windows::default() },
            ..StackPolicy::new(id.clone(), String::new(), String::new())
        }
    }
}

pub(super) fn revision(commit: &CommitHash) -> Revision {
    Revision { reference: MAIN.clone(), commit: commit.clone() }
}
