//! What tells whether two pieces of YAML say the same, wherever they stand.

use std::collections::HashMap;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::super::yaml::{Content, Node};

/// Digests of the nodes of one file. Each node is looked at once, however many aliases there are.
pub(super) struct Digests<'s> {
    source: &'s str,
    known: HashMap<*const Node, [u8; 32]>,
}

impl<'s> Digests<'s> {
    /// For the nodes of the file with this text.
    pub(super) fn of(source: &'s str) -> Self {
        Self { source, known: HashMap::new() }
    }

    /// Without the lines and comments, but as it is written: `yes` is not `"yes"`.
    pub(super) fn digest(&mut self, node: &Rc<Node>) -> [u8; 32] {
        if let Some(known) = self.known.get(&Rc::as_ptr(node)) {
            return *known;
        }
        let mut hash = Sha256::new();
        match &node.content {
            Content::Text(text) => {
                hash.update([b't']);
                hash.update(node.written(self.source));
                hash.update([0]);
                hash.update(text);
            }
            Content::Opaque => {
                hash.update([b'o']);
                hash.update(node.written(self.source));
            }
            Content::List(items) => {
                hash.update([b'l']);
                for it in items {
                    hash.update(self.digest(it));
                }
            }
            Content::Map(entries) => {
                hash.update([b'm']);
                for (key, value) in entries {
                    hash.update(self.digest(key));
                    hash.update(self.digest(value));
                }
            }
        }
        let digest = hash.finalize().into();
        self.known.insert(Rc::as_ptr(node), digest);
        digest
    }
}
