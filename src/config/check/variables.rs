//! Variables for Ansible: any names, any values.

use std::collections::BTreeMap;

use super::super::mask::{is_secret_name, one_line};
use super::super::shape::Shape;
use super::super::value::{Content, Value};
use super::super::yaml::{self, Kind, Node};
use super::Findings;

impl Findings {
    pub(super) fn variables(&mut self, node: &Node, at: &str) -> Value {
        let place = node.place.clone();
        let Some(entries) = self.entries(node, &Shape::Variables, at) else {
            return Value { place, written: true, content: Content::Refused };
        };
        let mut variables = BTreeMap::new();
        for (name, node) in entries {
            let first = name.text.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_');
            let rest = name.text.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
            if !first || !rest {
                let message = format!("`{}` is not a name of a variable", one_line(&name.text));
                self.error(message, &name.place, "use letters, digits and `_`, not beginning with a digit");
            }
            if is_secret_name(&name.text) {
                self.mask(node);
            }
            variables.insert(name.text.clone(), self.literal(node));
        }
        Value { place, written: true, content: Content::Variables(variables) }
    }

    fn literal(&mut self, node: &Node) -> serde_json::Value {
        match &node.content {
            yaml::Content::Scalar(scalar) => {
                if scalar.is_ambiguous() {
                    let shown = one_line(&scalar.text);
                    let message = format!("`{shown}` means one thing to Ansible and another to other YAML");
                    let help = format!(
                        "quote it if it is a text: `\"{shown}\"`; otherwise write `true`, `false` or a decimal number"
                    );
                    self.error(message, &node.place, help);
                }
                match scalar.kind() {
                    Kind::Null => serde_json::Value::Null,
                    Kind::Switch(it) => it.into(),
                    Kind::Integer(it) => it.into(),
                    Kind::Number(it) => it.into(),
                    Kind::Text => scalar.text.clone().into(),
                }
            }
            yaml::Content::List(items) => items.iter().map(|it| self.literal(it)).collect(),
            yaml::Content::Map(entries) => {
                let entries = entries.iter().map(|(name, it)| (name.text.clone(), self.literal(it)));
                serde_json::Value::Object(entries.collect())
            }
        }
    }
}
