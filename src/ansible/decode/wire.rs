//! The shape of a line, read with patience: a value of another type than expected counts as absent or is turned into
//! what is expected, numbers that are too large saturate, fields that nobody knows are skipped.
//!
//! One flat structure for all events, and texts borrowed from the line where it has no escapes: this is what makes
//! half a million lines a second possible.

use serde::Deserialize;
use serde::de::IgnoredAny;

mod lists;
mod value;

pub(super) use lists::{Handler, Host, NumberOr, Object, Terms};
pub(super) use value::{Flag, Number, Signed, Text};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Wire<'a> {
    pub(super) at: Option<Number>,
    #[serde(borrow)]
    pub(super) event: Text<'a>,
    /// Its content is read by who writes it.
    pub(super) guardian: Option<IgnoredAny>,
    #[serde(borrow)]
    pub(super) ansible: Text<'a>,
    #[serde(borrow)]
    pub(super) python: Text<'a>,
    #[serde(borrow)]
    pub(super) plays: NumberOr<Object<Play<'a>>>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) hosts: NumberOr<Host<'a>>,
    #[serde(borrow)]
    pub(super) unknown: Terms<'a>,
    pub(super) dynamic: Flag,
    #[serde(borrow)]
    pub(super) variable: Text<'a>,
    pub(super) task: Option<Number>,
    #[serde(borrow)]
    pub(super) path: Text<'a>,
    pub(super) line: Number,
    #[serde(borrow)]
    pub(super) role: Text<'a>,
    #[serde(borrow)]
    pub(super) action: Text<'a>,
    pub(super) occurrence: Number,
    #[serde(borrow)]
    pub(super) handler: Handler<'a>,
    #[serde(borrow)]
    pub(super) host: Text<'a>,
    pub(super) attempt: Number,
    pub(super) retries: Number,
    #[serde(borrow)]
    pub(super) item: Option<Item<'a>>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    pub(super) changed: Flag,
    pub(super) duration_ms: Number,
    #[serde(borrow)]
    pub(super) module: Text<'a>,
    pub(super) for_real: Flag,
    pub(super) blind: Flag,
    pub(super) no_log: Flag,
    #[serde(borrow)]
    pub(super) delegated_to: Text<'a>,
    pub(super) items: Number,
    pub(super) satisfied: Flag,
    pub(super) tainted: Flag,
    #[serde(borrow)]
    pub(super) diff_digest: Text<'a>,
    #[serde(borrow)]
    pub(super) detail: Object<Detail<'a>>,
    pub(super) play: Option<Number>,
    pub(super) section: Number,
    pub(super) debt: Option<Number>,
    pub(super) question: Option<Number>,
    pub(super) inventory: Number,
    #[serde(borrow)]
    pub(super) why: Text<'a>,
    #[serde(borrow)]
    pub(super) class: Text<'a>,
    #[serde(borrow)]
    pub(super) place: Text<'a>,
    #[serde(borrow)]
    pub(super) message: Text<'a>,
    #[serde(borrow)]
    pub(super) source: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Item<'a> {
    pub(super) index: Number,
    #[serde(borrow)]
    pub(super) digest: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Counts {
    pub(super) ok: Number,
    pub(super) changed: Number,
    pub(super) unreachable: Number,
    pub(super) failed: Number,
    pub(super) skipped: Number,
    pub(super) rescued: Number,
    pub(super) ignored: Number,
    pub(super) unfinished: Flag,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Play<'a> {
    #[serde(borrow)]
    pub(super) pattern: Text<'a>,
    pub(super) hosts: Number,
    pub(super) everything: Flag,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Address<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow, rename = "address")]
    pub(super) machine: Text<'a>,
    pub(super) port: Number,
    #[serde(borrow)]
    pub(super) connection: Text<'a>,
    #[serde(borrow)]
    pub(super) user: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Detail<'a> {
    #[serde(borrow)]
    pub(super) msg: Text<'a>,
    #[serde(borrow)]
    pub(super) stdout: Text<'a>,
    #[serde(borrow)]
    pub(super) stderr: Text<'a>,
    pub(super) rc: Signed,
    #[serde(borrow)]
    pub(super) diff: NumberOr<Object<Diff<'a>>>,
    pub(super) cut: Flag,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Diff<'a> {
    #[serde(borrow)]
    pub(super) path: Text<'a>,
    #[serde(borrow)]
    pub(super) before: Text<'a>,
    #[serde(borrow)]
    pub(super) after: Text<'a>,
    #[serde(borrow)]
    pub(super) prepared: Text<'a>,
    pub(super) hidden: Flag,
}
