//! Colours for what Ansible printed without any.
//!
//! Runs are told to print no colours: a sequence in the middle of a secret of several lines would hide it from those who
//! take it out. So the page gives each line the colour that Ansible would give it on a terminal
//! (`lib/ansible/config/base.yml`, `COLOR_*`).

use crate::web::pages::ansi::Line;

const RED: &str = "ansi-fg-1";
const GREEN: &str = "ansi-fg-2";
const YELLOW: &str = "ansi-fg-3";
const PURPLE: &str = "ansi-fg-5";
const CYAN: &str = "ansi-fg-6";
const BOLD: &str = "ansi-bold";

/// How lines begin, and what they look like.
const BEGINNINGS: [(&str, &str); 16] = [
    ("ok: [", GREEN),
    ("included: ", CYAN),
    ("changed: [", YELLOW),
    ("skipping: [", CYAN),
    ("fatal: [", RED),
    ("failed: [", RED),
    ("[ERROR]", RED),
    ("ERROR! ", RED),
    ("[WARNING]", PURPLE),
    ("[DEPRECATION WARNING]", PURPLE),
    ("PLAY [", BOLD),
    ("TASK [", BOLD),
    ("RUNNING HANDLER [", BOLD),
    ("PLAY RECAP ", BOLD),
    ("NO MORE HOSTS LEFT ", BOLD),
    ("FAILED - RETRYING: ", CYAN),
];

/// What the lines before say of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Within {
    #[default]
    Nothing,
    /// The fields of a result, up to its brace.
    Result(&'static str),
    /// A difference, up to an empty line.
    Diff,
}

/// Gives colours to line after line.
#[derive(Debug, Default)]
pub(super) struct Tint {
    within: Within,
}

impl Tint {
    /// The line, with a colour where whoever printed it gave it none.
    pub(super) fn line(&mut self, mut line: Line) -> Line {
        let class = self.class(&line.text());
        if let [only] = line.spans.as_mut_slice()
            && only.class.is_empty()
        {
            class.clone_into(&mut only.class);
        }
        line
    }

    fn class(&mut self, text: &str) -> &'static str {
        if let Some((_, class)) = BEGINNINGS.iter().find(|(beginning, _)| text.starts_with(beginning)) {
            self.within = if text.ends_with('{') { Within::Result(class) } else { Within::Nothing };
            return class;
        }
        match self.within {
            Within::Result(class) => {
                if text == "}" {
                    self.within = Within::Nothing;
                }
                class
            }
            Within::Diff if text.is_empty() => {
                self.within = Within::Nothing;
                ""
            }
            Within::Diff => diff_class(text),
            Within::Nothing if text.starts_with("--- ") => {
                self.within = Within::Diff;
                diff_class(text)
            }
            Within::Nothing => recap_class(text),
        }
    }
}

fn diff_class(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'+') => GREEN,
        Some(b'-') => RED,
        Some(b'@') => CYAN,
        _ => "",
    }
}

/// `web1   : ok=2    changed=1    unreachable=0    failed=0 …`
fn recap_class(text: &str) -> &'static str {
    let Some((_, counts)) = text.split_once(" : ok=") else { return "" };
    let count = |name: &str| {
        let (_, rest) = counts.split_once(name)?;
        Some(!rest.starts_with("=0"))
    };
    match (count("changed"), count("unreachable"), count("failed")) {
        (Some(changed), Some(unreachable), Some(failed)) => match changed {
            _ if unreachable || failed => RED,
            true => YELLOW,
            false => GREEN,
        },
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::pages::ansi::Painter;

    fn classes(text: &str) -> Vec<String> {
        let mut tint = Tint::default();
        let lines = Painter::default().text(text, 100).0;
        lines
            .into_iter()
            .map(|it| tint.line(it))
            .map(|it| it.spans.into_iter().map(|it| it.class).collect())
            .collect()
    }

    #[test]
    fn plain_output_looks_as_on_a_terminal() {
        let text = "PLAY [Web] ****\n\nTASK [Write conf] ****\n--- before: /etc/conf\n+++ after: /etc/conf\n@@ -1 +1 @@\n-a\n+b\n c\n\n\
                    changed: [web1]\nok: [web2] => {\n    \"msg\": \"-x\"\n}\nfatal: [web3]: FAILED! => {}\n- a list\n\n\
                    PLAY RECAP ****\nweb1   : ok=2  changed=1  unreachable=0  failed=0\nweb2 : ok=1 changed=0 unreachable=0 failed=0\n\
                    web3 : ok=0 changed=1 unreachable=0 failed=1\n";
        assert_eq!(
            classes(text),
            [
                BOLD, "", BOLD, RED, GREEN, CYAN, RED, GREEN, "", "", YELLOW, GREEN, GREEN, GREEN, RED, "",
                "", BOLD, YELLOW, GREEN, RED
            ]
        );
    }

    #[test]
    fn colours_that_are_there_stay() {
        assert_eq!(classes("\u{1b}[34mok: [web1]\u{1b}[0m"), ["ansi-fg-4"]);
        assert_eq!(classes("ok: [\u{1b}[31mweb1\u{1b}[0m]"), ["ansi-fg-1"]);
    }
}
