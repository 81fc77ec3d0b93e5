//! What the daemon in memory has beside the one stack, if a test wants: a source, a stack, a run, a merge request and
//! records that not everybody may see. And its gate.

use std::sync::{Arc, Mutex};

use driftless::api::ErrorBody;
use driftless::domain::audit::{AuditAction, AuditDraft};
use driftless::domain::token::NewToken;
use driftless::domain::{
    Applied, AuditHead, AuditRecord, Caller, HostCounts, MergeRequest, MergeRequestFacts, MergeRequestNumber,
    MergeRequestState, MergeRequestStatus, PredictionTotals, Proof, Role, RunId, Scope, Span, StackId,
    StackPolicy, StackStatus, SyncStatus, Timestamp, Token,
};
use driftless::web::{Attempt, Gate, GateSettings, Keeper, Kept, Keys};

use super::memory::Memory;

/// The gate of a daemon in memory, and what it wrote down.
#[derive(Debug)]
pub(super) struct GateOfMemory {
    pub(super) gate: Gate,
    pub(super) kept: Mutex<Vec<Kept>>,
    chances: Mutex<u8>,
    clock: Mutex<Timestamp>,
}

impl GateOfMemory {
    pub(super) fn new() -> Arc<Self> {
        let settings = GateSettings {
            public_url: None,
            local_url: Some("http://127.0.0.1:9847".to_owned()),
            secure: false,
            provider: None,
        };
        let gate = Gate::new(settings, Keys::default(), Timestamp::UNIX_EPOCH);
        Arc::new(Self {
            gate,
            kept: Mutex::default(),
            chances: Mutex::new(0),
            clock: Mutex::new(Timestamp::UNIX_EPOCH),
        })
    }
}

impl Memory {
    /// Time passes.
    pub(super) fn pass(&self, span: Span) {
        *self.keys.clock.lock().expect("the lock") += span;
    }

    /// What was written down.
    pub(super) fn kept(&self) -> Vec<Kept> {
        self.keys.kept.lock().expect("the lock").clone()
    }

    /// A token of somebody, as it is sent.
    pub(super) fn token(&self, name: &str, role: Role, scope: Scope) -> String {
        let grant = NewToken {
            name: name.parse().expect("a name"),
            role,
            scope,
            expires_at: self.now() + Span::from_hours(24),
            by: "ann".to_owned(),
            at: self.now(),
        };
        let (token, text) = Token::make(grant, &self.chance().expect("chance"));
        self.keys.gate.add(token);
        text.expose().to_owned()
    }
}

impl Keeper for Memory {
    fn gate(&self) -> &Gate {
        &self.keys.gate
    }

    fn now(&self) -> Timestamp {
        *self.keys.clock.lock().expect("the lock")
    }

    fn chance(&self) -> Result<[u8; 37], ErrorBody> {
        let mut chances = self.keys.chances.lock().expect("the lock");
        *chances += 1;
        Ok([*chances; 37])
    }

    async fn keep(&self, kept: Kept) -> Result<(), ErrorBody> {
        self.keys.kept.lock().expect("the lock").push(kept);
        Ok(())
    }

    async fn stack_of(&self, run: RunId) -> Result<Option<StackId>, ErrorBody> {
        Ok(match run {
            RunId(7) => Some(stack_id("infra/web")),
            RunId(8) if self.foreign => Some(stack_id("lab/db")),
            _ => None,
        })
    }

    async fn provider_url(&self, attempt: Attempt) -> Result<String, ErrorBody> {
        Ok(format!("https://id.example.org/authorize?state={}", attempt.state))
    }

    /// Vouches for whoever brings the code `good`.
    async fn provider_answer(&self, _attempt: Attempt, code: String) -> Result<Caller, ErrorBody> {
        if code != "good" {
            return Err(ErrorBody::unavailable("the provider says no"));
        }
        let name = "oidc:ann".to_owned();
        Ok(Caller { name, role: Role::Viewer, scope: Scope::All, proof: Proof::Session })
    }
}

pub(super) fn stack_id(name: &str) -> StackId {
    name.parse().expect("a stack")
}

pub(super) fn stack(name: &str) -> StackStatus {
    let id = stack_id(name);
    StackStatus {
        policy: StackPolicy::new(id.clone(), "site.yml", "hosts"),
        id,
        sync: SyncStatus::Unknown,
        reason: "because".to_owned(),
        head: format!("main@sha1:{}", "ab".repeat(20)).parse().expect("a revision"),
        attempted: None,
        applied: Applied::Nothing,
        hosts: HostCounts::default(),
        live: None,
        request: None,
        suspended: None,
        hold: None,
        approval: None,
        predictions: PredictionTotals::default(),
        airbag: None,
        failures: 0,
        next_run: None,
        last_success: None,
    }
}

pub(super) fn merge_request(source: &str) -> MergeRequestStatus {
    let seen = MergeRequest {
        number: MergeRequestNumber(12),
        title: format!("change {source}"),
        author: "bob".to_owned(),
        head: "ab".repeat(20).parse().expect("a commit"),
        target: "main".parse().expect("a branch"),
        fork: false,
        draft: false,
        state: MergeRequestState::Open,
        approvals: Vec::new(),
        url: String::new(),
        updated_at: Timestamp::UNIX_EPOCH,
    };
    MergeRequestStatus {
        source: source.parse().expect("a source"),
        facts: MergeRequestFacts::new(seen),
        standing: "open".to_owned(),
        stale: false,
    }
}

/// A record of each of these objects.
pub(super) fn records(objects: &[&str]) -> Vec<AuditRecord> {
    let mut head = AuditHead::default();
    let mut append = |object: &&str| {
        let draft = AuditDraft::new(AuditAction::Suspended, *object);
        let record = AuditRecord::append(head, Timestamp::UNIX_EPOCH, draft, &[0; 32]);
        head = record.head();
        record
    };
    objects.iter().map(&mut append).collect()
}
