//! What is shown of variables: not the values of those that are secret by their name or their shape. They are asked for
//! not to be secrets, and some are all the same.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::{Run, StackStatus};
use crate::redact::Redactor;

/// A run as it is shown.
pub(super) fn run(mut run: Run) -> Run {
    redact(&mut run.spec.extra_vars);
    run
}

/// A stack as it is shown.
pub(super) fn stack(mut status: StackStatus) -> StackStatus {
    redact(&mut status.policy.extra_vars);
    if let Some(live) = &mut status.live {
        redact(&mut live.extra_vars);
    }
    status
}

fn redact(variables: &mut BTreeMap<String, Value>) {
    if variables.is_empty() {
        return;
    }
    let mut object = Value::Object(std::mem::take(variables).into_iter().collect());
    Redactor::default().json(&mut object);
    if let Value::Object(object) = object {
        *variables = object.into_iter().collect();
    }
}
