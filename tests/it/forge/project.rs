//! What a forge knows of a project: a state machine of merge requests, reviews, comments and statuses.

use std::collections::BTreeMap;

use driftless::domain::{ForgeKind, Timestamp};
use git2::Oid;

use super::repository::{Bare, How};

/// The account that the token belongs to.
pub(crate) const BOT: &str = "driftless-bot";

/// The branch that everything is merged into.
pub(super) const MAIN: &str = "refs/heads/main";

pub(super) struct Project {
    pub(super) kind: ForgeKind,
    pub(super) owner: &'static str,
    pub(super) name: &'static str,
    pub(super) bare: Bare,
    pub(super) requests: BTreeMap<u64, Request>,
    pub(super) statuses: Vec<Status>,
    /// The names of accounts; the place is the number.
    accounts: Vec<String>,
    /// Those who may read only.
    pub(super) outsiders: Vec<String>,
    /// The tips that were told of.
    branches: BTreeMap<String, Oid>,
    next_id: u64,
    clock: Timestamp,
}

pub(super) struct Request {
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) author: String,
    pub(super) branch: String,
    /// Whether the branch is in another repository, of the author.
    pub(super) fork: bool,
    pub(super) draft: bool,
    pub(super) state: State,
    pub(super) head: Oid,
    pub(super) base: Oid,
    /// All heads, the first one first.
    pub(super) versions: Vec<(Oid, Timestamp)>,
    pub(super) reviews: Vec<Review>,
    pub(super) comments: Vec<Comment>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Closed { at: Timestamp },
    Merged { at: Timestamp, commit: Oid, how: How, by: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Approved,
    ChangesRequested,
    Commented,
}

pub(super) struct Review {
    pub(super) id: u64,
    pub(super) by: String,
    pub(super) said: Said,
    pub(super) commit: Oid,
    pub(super) at: Timestamp,
    pub(super) dismissed: bool,
    /// Whether what is proposed changed since.
    pub(super) stale: bool,
}

/// A comment below a merge request.
#[derive(Debug, Clone)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) by: String,
    pub(crate) body: String,
    /// How often it was edited.
    pub(crate) edits: u32,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
}

/// A verdict beside a commit. A later one of the same context does not remove an earlier one.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    pub(crate) id: u64,
    pub(crate) commit: String,
    /// In the word of the forge.
    pub(crate) state: String,
    pub(crate) context: String,
    pub(crate) description: String,
    pub(crate) target_url: Option<String>,
    pub(crate) by: String,
    pub(super) at: Timestamp,
}

impl Project {
    pub(super) fn new(kind: ForgeKind, bare: Bare) -> Self {
        Self {
            kind,
            owner: "acme",
            name: "infra",
            branches: bare.branches(),
            bare,
            requests: BTreeMap::new(),
            statuses: Vec::new(),
            accounts: vec![BOT.to_owned()],
            outsiders: Vec::new(),
            next_id: 1000,
            clock: Timestamp::UNIX_EPOCH,
        }
    }

    /// Never the same time twice: people are slower than that.
    #[expect(clippy::disallowed_methods, reason = "a forge has the time of the day")]
    pub(super) fn now(&mut self) -> Timestamp {
        let millis = Timestamp::now().as_millisecond().max(self.clock.as_millisecond() + 1);
        self.clock = Timestamp::from_millisecond(millis).expect("a time");
        self.clock
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The number of an account.
    pub(super) fn account(&mut self, name: &str) -> u64 {
        let known = self.accounts.iter().position(|it| it == name);
        let place = known.unwrap_or_else(|| {
            self.accounts.push(name.to_owned());
            self.accounts.len() - 1
        });
        place as u64 + 7
    }

    pub(super) fn request(&mut self, number: u64) -> &mut Request {
        self.requests.get_mut(&number).expect("a merge request")
    }

    /// Something of a merge request changed.
    pub(super) fn touch(&mut self, number: u64) {
        let now = self.now();
        self.request(number).updated = now;
    }

    /// The branches that moved since this was asked last: how they were before, and how they are.
    pub(super) fn moved(&mut self) -> Vec<(String, Option<Oid>, Oid)> {
        let now = self.bare.branches();
        let before = std::mem::replace(&mut self.branches, now.clone());
        let moved = now.into_iter().filter(|(name, tip)| before.get(name) != Some(tip));
        moved.map(|(name, tip)| (name.clone(), before.get(&name).copied(), tip)).collect()
    }

    /// Looks at the branches: what was pushed is the head of the merge requests from there.
    pub(super) fn refresh(&mut self) {
        let numbers: Vec<u64> = self.requests.keys().copied().collect();
        for number in numbers {
            let request = &self.requests[&number];
            if request.state != State::Open {
                continue;
            }
            let Some(head) = self.bare.head(&request.source()) else { continue };
            if head == request.head {
                continue;
            }
            let now = self.now();
            let changed = !self.bare.same_tree(self.requests[&number].head, head);
            let request = self.request(number);
            (request.head, request.updated) = (head, now);
            request.versions.push((head, now));
            for review in &mut request.reviews {
                review.stale |= changed;
            }
            let name = self.kind.merge_request_ref(driftless::domain::MergeRequestNumber(number));
            self.bare.set(&name, head);
        }
    }

    pub(super) fn open(&mut self, branch: &str, title: &str, author: &str, fork: bool) -> u64 {
        let number = self.requests.len() as u64 + 1;
        let now = self.now();
        self.account(author);
        let mut request = Request {
            number,
            title: title.to_owned(),
            author: author.to_owned(),
            branch: branch.to_owned(),
            fork,
            draft: false,
            state: State::Open,
            head: Oid::ZERO_SHA1,
            base: self.bare.head(MAIN).expect("a main branch"),
            versions: Vec::new(),
            reviews: Vec::new(),
            comments: Vec::new(),
            created: now,
            updated: now,
        };
        request.head = self.bare.head(&request.source()).expect("the branch was pushed");
        request.versions.push((request.head, now));
        self.bare
            .set(&self.kind.merge_request_ref(driftless::domain::MergeRequestNumber(number)), request.head);
        self.requests.insert(number, request);
        number
    }

    pub(super) fn review(&mut self, number: u64, by: &str, said: Said) {
        self.refresh();
        let (id, at) = (self.next_id(), self.now());
        self.account(by);
        let request = self.request(number);
        if request.author != by {
            let commit = request.head;
            let by = by.to_owned();
            request.reviews.push(Review { id, by, said, commit, at, dismissed: false, stale: false });
        }
        self.touch(number);
    }

    pub(super) fn merge(&mut self, number: u64, by: &str, how: How) -> Oid {
        self.refresh();
        let request = &self.requests[&number];
        assert_eq!(request.state, State::Open, "only what is open can be merged");
        let title = format!("{} (#{number})", request.title);
        let (commit, _) = self.bare.merge(MAIN, request.head, how, (by, &title));
        let at = self.now();
        self.account(by);
        self.request(number).state = State::Merged { at, commit, how, by: by.to_owned() };
        self.touch(number);
        commit
    }

    pub(super) fn close(&mut self, number: u64) {
        let at = self.now();
        self.request(number).state = State::Closed { at };
        self.touch(number);
    }

    pub(super) fn comment(&mut self, number: u64, by: &str, body: &str) -> Comment {
        let (id, now) = (self.next_id(), self.now());
        self.account(by);
        let (by, body) = (by.to_owned(), body.to_owned());
        let comment = Comment { id, by, body, edits: 0, created: now, updated: now };
        self.request(number).comments.push(comment.clone());
        self.touch(number);
        comment
    }

    /// The comment with this number and its merge request, of one or of all.
    pub(super) fn find_comment(&mut self, id: u64, number: Option<u64>) -> Option<(u64, &mut Comment)> {
        let all = self.requests.values_mut().filter(|it| number.is_none_or(|number| it.number == number));
        all.flat_map(|it| it.comments.iter_mut().map(|comment| (it.number, comment)))
            .find(|(_, it)| it.id == id)
    }

    pub(super) fn delete_comment(&mut self, id: u64) -> bool {
        let before: usize = self.requests.values().map(|it| it.comments.len()).sum();
        self.requests.values_mut().for_each(|it| it.comments.retain(|it| it.id != id));
        self.requests.values().map(|it| it.comments.len()).sum::<usize>() < before
    }

    pub(super) fn may_write(&self, name: &str) -> bool {
        !self.outsiders.iter().any(|it| it == name)
    }
}

impl Request {
    /// Where its commits are.
    pub(super) fn source(&self) -> String {
        if self.fork {
            format!("refs/forks/{}/{}", self.author, self.branch)
        } else {
            format!("refs/heads/{}", self.branch)
        }
    }
}
