//! Secrets, of which a file only says where they are.

use std::path::PathBuf;

use super::super::mask::one_line;
use super::super::shape;
use super::super::value::{Content, Pointer, Value};
use super::super::yaml::{self, Kind, Node};
use super::{Findings, NEVER_INLINE};

impl Findings {
    pub(super) fn secret(&mut self, node: &Node, at: &str) -> Value {
        let refused = Value { place: node.place.clone(), written: true, content: Content::Refused };
        let yaml::Content::Map(entries) = &node.content else {
            self.mask(node);
            self.error(
                format!("`{at}` is a secret and stands in the file itself"),
                &node.place,
                NEVER_INLINE,
            );
            return refused;
        };
        let [(name, inner)] = entries.as_slice() else {
            for (_, inner) in entries {
                self.mask(inner);
            }
            self.error(format!("`{at}` says not exactly one place"), &node.place, NEVER_INLINE);
            return refused;
        };
        let text = match &inner.content {
            yaml::Content::Scalar(scalar) if scalar.kind() == Kind::Text => Some(scalar.text.as_str()),
            _ => None,
        };
        let Some(text) = text else {
            self.mask(inner);
            self.error(format!("`{at}.{}` is not a text", one_line(&name.text)), &inner.place, NEVER_INLINE);
            return refused;
        };
        let pointer = match name.text.as_str() {
            "file" if (shape::ABSOLUTE.check)(text).is_ok() => Pointer::File(PathBuf::from(text)),
            "credential" if is_credential_name(text) => Pointer::Credential(text.to_owned()),
            "file" => {
                self.mask(inner);
                self.error(
                    format!("`{at}.file` is not an absolute path"),
                    &inner.place,
                    "write the whole path, beginning with `/`",
                );
                return refused;
            }
            "credential" => {
                self.mask(inner);
                let help = "write the name that `LoadCredential=` gives it in the unit: letters, digits, `.`, `_` and `-`";
                self.error(format!("`{at}.credential` is not a name of a credential"), &inner.place, help);
                return refused;
            }
            other => {
                self.mask(inner);
                self.error(format!("unknown key `{}` in `{at}`", one_line(other)), &name.place, NEVER_INLINE);
                return refused;
            }
        };
        Value { content: Content::Secret(pointer), ..refused }
    }
}

fn is_credential_name(text: &str) -> bool {
    let fine = |it: char| it.is_ascii_alphanumeric() || "._-".contains(it);
    text.starts_with(|it: char| it.is_ascii_alphanumeric() || it == '_')
        && text.chars().all(fine)
        && text.len() < 256
}
