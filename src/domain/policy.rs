//! What is wanted of a stack: as its repository declares it, outranked by what the operator says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AirbagPolicy, CheckSchedule, RuntimeSpec, Span, StackId, StackName, Windows};

/// When a new revision is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApplyPolicy {
    /// As soon as it is admitted.
    #[default]
    OnCommit,
    /// When a person asks for it, never unasked.
    Manual,
}

impl ApplyPolicy {
    /// The word in configuration and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnCommit => "on_commit",
            Self::Manual => "manual",
        }
    }
}

/// What happens to corrective drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealPolicy {
    /// It is reported.
    #[default]
    Never,
    /// It is corrected at the attempted revision.
    Corrective,
}

impl HealPolicy {
    /// The word in configuration and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Corrective => "corrective",
        }
    }
}

/// Who has to approve of a revision before it is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalPolicy {
    /// Nobody.
    #[default]
    None,
    /// A person who was shown what it would change on which hosts.
    Person,
}

/// A stack as declared, outranked by what the operator says of it. Nothing in it is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StackPolicy {
    /// Its name and source.
    pub id: StackId,
    /// The playbook, relative to the root of the repository.
    pub playbook: String,
    /// The inventory file or directory, relative to the root of the repository.
    pub inventory: String,
    /// Ansible's `--limit`.
    #[serde(default)]
    pub limit: Option<String>,
    /// Ansible's `--tags`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Ansible's `--skip-tags`.
    #[serde(default)]
    pub skip_tags: Vec<String>,
    /// Extra variables, as literal values: what looks like a template in them is not evaluated.
    #[serde(default)]
    pub extra_vars: BTreeMap<String, serde_json::Value>,
    /// Ansible's `--forks`; its own default if absent.
    #[serde(default)]
    pub forks: Option<u32>,
    /// When new revisions are applied.
    pub apply: ApplyPolicy,
    /// Who has to approve of a revision before.
    #[serde(default)]
    pub approval: ApprovalPolicy,
    /// What happens to drift.
    pub heal: HealPolicy,
    /// When check mode looks for drift.
    #[serde(default)]
    pub check: CheckSchedule,
    /// How often in 24 hours one difference on one host is healed at most.
    #[serde(default = "daily_heals")]
    pub daily_heals: u32,
    /// What is held until a person looked.
    #[serde(default)]
    pub airbag: AirbagPolicy,
    /// How long a task can go on at a host after its connection broke.
    #[serde(default = "max_task_time")]
    #[schemars(with = "crate::domain::schema::Length")]
    pub max_task_time: Span,
    /// When applies may start. The operator's word alone.
    #[serde(default, skip_serializing_if = "Windows::is_empty")]
    pub windows: Windows,
    /// A run that takes longer is ended.
    #[schemars(with = "crate::domain::schema::Length")]
    pub timeout: Span,
    /// Stacks of the same source that must have attempted a revision before this one applies it.
    #[serde(default)]
    pub depends_on: Vec<StackName>,
    /// The Ansible that runs it.
    pub runtime: RuntimeSpec,
}

fn daily_heals() -> u32 {
    StackPolicy::DAILY_HEALS
}

fn max_task_time() -> Span {
    StackPolicy::MAX_TASK_TIME
}

impl StackPolicy {
    /// How often one difference is healed in 24 hours if nobody says otherwise.
    pub const DAILY_HEALS: u32 = 3;
    /// How long a task is given if nobody says otherwise.
    pub const MAX_TASK_TIME: Span = Span::from_mins(30);

    /// A stack of which nothing is said but where its playbook and its inventory are: every default, and no timeout.
    pub fn new(id: StackId, playbook: impl Into<String>, inventory: impl Into<String>) -> Self {
        Self {
            id,
            playbook: playbook.into(),
            inventory: inventory.into(),
            limit: None,
            tags: Vec::new(),
            skip_tags: Vec::new(),
            extra_vars: BTreeMap::new(),
            forks: None,
            apply: ApplyPolicy::OnCommit,
            approval: ApprovalPolicy::None,
            heal: HealPolicy::Never,
            check: CheckSchedule::default(),
            daily_heals: Self::DAILY_HEALS,
            airbag: AirbagPolicy::default(),
            max_task_time: Self::MAX_TASK_TIME,
            windows: Windows::default(),
            timeout: Span::MAX,
            depends_on: Vec::new(),
            runtime: RuntimeSpec::System,
        }
    }
}
