//! What an author writes: one of three shapes of a module. The module is the struct of its arguments.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::argument::Arguments;
use crate::context::Context;
use crate::documentation::ReturnValue;
use crate::failure::Failure;

/// A module that makes something so: it observes, plans, and applies the plan.
///
/// Check mode and diff mode are right by construction: `plan` sees no host, what the task reports is made from the plan, and
/// in check mode `apply` is not called.
pub trait Module: Arguments {
    /// The last part of its name, `tree` of `driftless.core.tree`.
    const NAME: &'static str;
    /// What it saw on the host.
    type Observed;
    /// One step of the plan. No step means that nothing has to be changed.
    type Change;
    /// What it returns besides Ansible's own keys; `()` for nothing.
    type Returned: Returned;

    /// Reads the host, and changes nothing.
    fn observe(&self, context: &Context) -> Result<Self::Observed, Failure>;

    /// Compares what is wanted with what is there. Pure: it reads neither host nor clock.
    fn plan(&self, observed: &Self::Observed) -> Result<Vec<Self::Change>, Failure>;

    /// Carries the plan out. It is called only if there is a plan, and never in check mode.
    fn apply(&self, changes: Vec<Self::Change>, context: &Context) -> Result<(), Failure>;

    /// What `--diff` shows. It is called only where it is asked for.
    fn diff(&self, _observed: &Self::Observed, _changes: &[Self::Change]) -> Vec<Diff> {
        Vec::new()
    }

    /// What the task returns, the same in check mode and for real.
    fn returned(&self, observed: &Self::Observed, changes: &[Self::Change]) -> Self::Returned;
}

/// A module that only looks: it never changes anything, so check mode is the same as running it.
pub trait Inspection: Arguments {
    /// The last part of its name.
    const NAME: &'static str;
    /// What it returns besides Ansible's own keys; `()` for nothing.
    type Returned: Returned;

    /// Looks, and tells. Facts are told to the context.
    fn inspect(&self, context: &Context) -> Result<Self::Returned, Failure>;
}

/// A module that cannot say beforehand what it would do. In check mode it is skipped, and the task says so.
pub trait Action: Arguments {
    /// The last part of its name.
    const NAME: &'static str;
    /// What it returns besides Ansible's own keys; `()` for nothing.
    type Returned: Returned;

    /// Does it. Whether something changed is told to the context.
    fn act(&self, context: &Context) -> Result<Self::Returned, Failure>;
}

/// What a module returns: keys of the result, and what the documentation says of them. Made by `#[derive(Returned)]`
/// beside `#[derive(Serialize)]`.
pub trait Returned: Serialize {
    /// The keys and their documentation.
    fn documentation() -> Vec<ReturnValue>;
}

impl Returned for () {
    fn documentation() -> Vec<ReturnValue> {
        Vec::new()
    }
}

/// Anything, undocumented: for results whose keys are known only at run time.
impl Returned for BTreeMap<String, serde_json::Value> {
    fn documentation() -> Vec<ReturnValue> {
        Vec::new()
    }
}

/// Before and after, as `--diff` shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Diff {
    /// What is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<DiffSide>,
    /// What will be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<DiffSide>,
    /// The heading of what is there, mostly a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_header: Option<String>,
    /// The heading of what will be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_header: Option<String>,
    /// A text that is shown as it is, instead of before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prepared: Option<String>,
}

/// One side of a [`Diff`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DiffSide {
    /// Lines of text.
    Text(String),
    /// A structure, which Ansible shows as JSON.
    Structure(BTreeMap<String, serde_json::Value>),
}

impl Diff {
    /// Texts under one heading.
    pub fn texts(header: impl Into<String>, before: impl Into<String>, after: impl Into<String>) -> Self {
        let header = header.into();
        Self {
            before: Some(DiffSide::Text(before.into())),
            after: Some(DiffSide::Text(after.into())),
            before_header: Some(header.clone()),
            after_header: Some(header),
            prepared: None,
        }
    }

    /// Structures under one heading, such as the mode and owner of a file.
    pub fn structures(
        header: impl Into<String>,
        before: BTreeMap<String, serde_json::Value>,
        after: BTreeMap<String, serde_json::Value>,
    ) -> Self {
        let header = header.into();
        Self {
            before: Some(DiffSide::Structure(before)),
            after: Some(DiffSide::Structure(after)),
            before_header: Some(header.clone()),
            after_header: Some(header),
            prepared: None,
        }
    }

    /// A text that is shown as it is.
    pub fn prepared(text: impl Into<String>) -> Self {
        Self { prepared: Some(text.into()), ..Self::default() }
    }
}
