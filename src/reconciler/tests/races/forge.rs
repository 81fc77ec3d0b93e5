//! The forge and its branch: what is true, whatever the daemon was told of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    AirbagPolicy, Approval, ApprovalPolicy, CheckSchedule, CommitHash, Declaration, FileChange, HostsImpact,
    Impact, Landing, Lineage, Merge, MergeRequest, MergeRequestNumber, MergeRequestState, Previewed,
    Revision, StackImpact, StackPolicy, Timestamp, Tip,
};

pub(super) const PEOPLE: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
pub(super) const STACKS: [&str; 2] = ["web", "db"];

/// How a commit came to the branch.
#[derive(Debug, Clone)]
pub(super) enum How {
    /// It was there before, or somebody pushed it.
    Pushed,
    /// Through a merge request; not as proposed if it holds something else.
    Merged { number: MergeRequestNumber, as_proposed: bool },
}

/// A merge request as it is.
#[derive(Debug)]
pub(super) struct Proposal {
    pub(super) author: &'static str,
    pub(super) head: CommitHash,
    pub(super) heads: Vec<CommitHash>,
    pub(super) fork: bool,
    pub(super) state: MergeRequestState,
    pub(super) approvals: BTreeMap<&'static str, CommitHash>,
    /// Others than the author who approved of exactly the merged head, when it was merged or later.
    pub(super) counted: BTreeSet<&'static str>,
    touches: Vec<&'static str>,
}

#[derive(Debug)]
pub(super) struct Forge {
    made: u64,
    pub(super) tip: CommitHash,
    /// Each commit that ever was on the branch, with the one before it.
    pub(super) commits: BTreeMap<CommitHash, (Option<CommitHash>, How)>,
    pub(super) proposals: BTreeMap<MergeRequestNumber, Proposal>,
    /// What merging which head with which target made, in memory of the control node.
    pub(super) results: BTreeMap<CommitHash, (MergeRequestNumber, CommitHash, CommitHash)>,
    persons: BTreeSet<&'static str>,
}

fn hash(number: u64) -> CommitHash {
    format!("{number:08x}{number:032x}").parse().expect("a hash")
}

impl Forge {
    /// `persons` are the stacks of which a person has to approve.
    pub(super) fn new(persons: BTreeSet<&'static str>) -> Self {
        Self {
            made: 1,
            tip: hash(1),
            commits: BTreeMap::from([(hash(1), (None, How::Pushed))]),
            proposals: BTreeMap::new(),
            results: BTreeMap::new(),
            persons,
        }
    }

    fn commit(&mut self) -> CommitHash {
        self.made += 1;
        hash(self.made)
    }

    pub(super) fn open(
        &mut self,
        author: &'static str,
        fork: bool,
        touches: Vec<&'static str>,
    ) -> MergeRequestNumber {
        let head = self.commit();
        let number = MergeRequestNumber(self.proposals.len() as u64 + 1);
        let proposal = Proposal {
            author,
            heads: vec![head.clone()],
            head,
            fork,
            state: MergeRequestState::Open,
            approvals: BTreeMap::new(),
            counted: BTreeSet::new(),
            touches,
        };
        self.proposals.insert(number, proposal);
        number
    }

    pub(super) fn push_head(&mut self, number: MergeRequestNumber) {
        let head = self.commit();
        if let Some(it) = self.proposals.get_mut(&number) {
            it.heads.push(head.clone());
            it.head = head;
        }
    }

    pub(super) fn approve(&mut self, number: MergeRequestNumber, by: &'static str, head: CommitHash) {
        let Some(it) = self.proposals.get_mut(&number) else { return };
        let merged = matches!(it.state, MergeRequestState::Merged { .. });
        if merged && head == it.head && by != it.author {
            it.counted.insert(by);
        }
        it.approvals.insert(by, head);
    }

    pub(super) fn merge(&mut self, number: MergeRequestNumber, as_proposed: bool) {
        let commit = self.land(How::Merged { number, as_proposed });
        let Some(it) = self.proposals.get_mut(&number) else { return };
        it.state = MergeRequestState::Merged { commit: Some(commit), by: None };
        let of_head = it.approvals.iter().filter(|(by, head)| **by != it.author && **head == it.head);
        it.counted = of_head.map(|(by, _)| *by).collect();
    }

    pub(super) fn land(&mut self, how: How) -> CommitHash {
        let commit = self.commit();
        self.commits.insert(commit.clone(), (Some(self.tip.clone()), how));
        self.tip = commit.clone();
        commit
    }

    /// The commits from `tip` back to `base`, without it; `None` if they do not lead there.
    pub(super) fn line(&self, tip: &CommitHash, base: &CommitHash) -> Option<Vec<CommitHash>> {
        let mut line = Vec::new();
        let mut at = tip;
        while at != base {
            line.push(at.clone());
            at = self.commits.get(at)?.0.as_ref()?;
        }
        Some(line)
    }

    /// Whether a commit truly is what enough people approved of.
    pub(super) fn is_approved(&self, commit: &CommitHash, wanted: u32) -> bool {
        match self.commits.get(commit) {
            Some((_, How::Merged { number, as_proposed: true })) => {
                self.proposals.get(number).is_some_and(|it| wanted as usize <= it.counted.len())
            }
            _ => false,
        }
    }

    pub(super) fn told(&self, number: MergeRequestNumber) -> MergeRequest {
        let it = &self.proposals[&number];
        let approval =
            |(by, head): (&&str, &CommitHash)| Approval { by: (*by).to_owned(), commit: Some(head.clone()) };
        MergeRequest {
            number,
            title: "A change".to_owned(),
            author: it.author.to_owned(),
            head: it.head.clone(),
            target: "main".parse().expect("a branch"),
            fork: it.fork,
            draft: false,
            state: it.state.clone(),
            approvals: it.approvals.iter().map(approval).collect(),
            url: format!("https://git.example.org/{number}"),
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// What a forge answers: all, as they are now.
    pub(super) fn list(&self) -> Vec<MergeRequest> {
        self.proposals.keys().map(|it| self.told(*it)).collect()
    }

    /// What a fetch says that compares with `base`.
    pub(super) fn fetch(&self, base: Option<&CommitHash>) -> Tip {
        let line = base.map(|it| self.line(&self.tip, it));
        let lineage = match (base, &line) {
            (Some(of), Some(Some(line))) if !line.is_empty() => Lineage::Descendant { of: of.clone() },
            (Some(_), Some(Some(_))) => Lineage::Same,
            (Some(from), _) => Lineage::Rewound { from: from.clone() },
            (None, _) => Lineage::First,
        };
        let line = line.flatten().unwrap_or_else(|| vec![self.tip.clone()]);
        Tip {
            revision: Revision { reference: "main".parse().expect("a branch"), commit: self.tip.clone() },
            lineage,
            declaration: Ok(self.declaration()),
            line: line.into_iter().map(|it| self.landing(it)).collect(),
            tag: None,
            trust: Ok(()),
        }
    }

    fn landing(&self, commit: CommitHash) -> Landing {
        match self.commits.get(&commit) {
            Some((_, How::Merged { number, as_proposed })) => Landing {
                commit,
                merge_request: Some(Box::new(self.told(*number))),
                as_proposed: *as_proposed,
            },
            _ => Landing { commit, merge_request: None, as_proposed: false },
        }
    }

    fn declaration(&self) -> Declaration {
        let policy = |name: &&str| StackPolicy {
            check: CheckSchedule::Never,
            approval: if self.persons.contains(name) { ApprovalPolicy::Person } else { ApprovalPolicy::None },
            airbag: AirbagPolicy { fewer_percent: 100, ..AirbagPolicy::default() },
            ..StackPolicy::new(format!("infra/{name}").parse().expect("a stack"), "site.yml", "hosts")
        };
        Declaration { stacks: STACKS.iter().map(policy).collect(), ..Declaration::default() }
    }

    /// Merges a head with a target in memory, and says what that touches.
    pub(super) fn preview(
        &mut self,
        number: MergeRequestNumber,
        head: &CommitHash,
        target: &CommitHash,
        runtime_changed: bool,
    ) -> Previewed {
        let commit = self.commit();
        self.results.insert(commit.clone(), (number, head.clone(), target.clone()));
        let touched = |stack: &&str| StackImpact {
            stack: stack.parse().expect("a name"),
            whole: None,
            plays: Vec::new(),
            hosts: HostsImpact::Known { names: BTreeSet::new() },
            left_behind: Vec::new(),
        };
        let stacks = self.proposals[&number].touches.iter().map(touched).collect();
        let files = vec![("site.yml".to_owned(), FileChange::Modified)];
        let impact = Impact { files, stacks, runtime_changed, ..Impact::default() };
        Previewed { merge: Merge::Clean { commit }, impact, sandboxed: BTreeMap::new(), no_sandbox: None }
    }
}
