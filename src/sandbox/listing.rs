//! Reads what `ansible-playbook --list-tasks --list-hosts` prints. Pure and total: whatever comes is data.
//!
//! ```text
//!   play #1 (web): Web servers ⇥TAGS: [a]
//!     pattern: ['web']
//!     hosts (2):
//!       h1
//!     tasks:
//!       role : name of a task ⇥TAGS: [a, x]
//! ```

use serde::{Deserialize, Serialize};

use super::text;

/// The most plays that are kept.
const MOST_PLAYS: usize = 500;
/// The most tasks of a play that are kept.
const MOST_TASKS: usize = 5_000;
/// The most hosts of a play that are kept.
const MOST_HOSTS: usize = 10_000;
/// The most tags of a play or task that are kept.
const MOST_TAGS: usize = 50;
/// The longest name, in characters.
const LONGEST_NAME: usize = 300;

/// A play, as Ansible lists it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListedPlay {
    /// Its name, or its host pattern where it has none.
    pub name: String,
    /// Its host pattern.
    pub pattern: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// The hosts that the pattern matches, in the order of Ansible, which is none.
    pub hosts: Vec<String>,
    /// How many hosts it says it has.
    pub host_count: u64,
    /// Its tasks, without what is included while it runs.
    pub tasks: Vec<ListedTask>,
}

/// A task, as Ansible lists it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListedTask {
    /// Its role. A task outside of roles whose name reads `word : more` looks the same to whoever reads the list.
    pub role: Option<String>,
    /// Its name, or its action where it has none.
    pub name: String,
    /// Its tags, with those that it inherits.
    pub tags: Vec<String>,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Listing {
    pub(super) plays: Vec<ListedPlay>,
    /// Whether something was left out.
    pub(super) cut: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    Hosts,
    Tasks,
}

pub(super) fn parse(said: &str) -> Listing {
    let mut it = Listing::default();
    let mut part = Part::Head;
    // The beginning of a name that goes on in the next line.
    let mut begun = String::new();
    for line in said.lines() {
        if !begun.is_empty() {
            begun.push('\n');
            begun.push_str(line);
            if !it.task(&begun) && begun.len() < 8 * LONGEST_NAME {
                continue;
            }
            begun.clear();
        } else if let Some(head) = line.strip_prefix("  play #") {
            part = Part::Head;
            it.play(head);
        } else if let Some(count) = line.strip_prefix("    hosts (") {
            part = Part::Hosts;
            if let Some(play) = it.plays.last_mut() {
                play.host_count = count.trim_end_matches("):").parse().unwrap_or(0);
            }
        } else if line == "    tasks:" {
            part = Part::Tasks;
        } else if let Some(entry) = line.strip_prefix("      ") {
            match part {
                Part::Hosts => it.host(entry),
                Part::Tasks if !it.task(entry) => entry.clone_into(&mut begun),
                Part::Tasks | Part::Head => {}
            }
        }
    }
    it
}

impl Listing {
    /// `1 (web): Web servers ⇥TAGS: [a]`
    fn play(&mut self, head: &str) {
        if self.plays.len() == MOST_PLAYS {
            self.cut = true;
            return;
        }
        let (head, tags) = tagged(head).unwrap_or((head, Vec::new()));
        let rest = head.split_once(" (").map_or(head, |(_, rest)| rest);
        let (pattern, name) = rest.split_once("): ").unwrap_or((rest, rest));
        let (pattern, name) = (text::line(pattern, LONGEST_NAME), text::line(name, LONGEST_NAME));
        self.plays.push(ListedPlay { name, pattern, tags, ..ListedPlay::default() });
    }

    fn host(&mut self, name: &str) {
        let Some(play) = self.plays.last_mut() else { return };
        if play.hosts.len() < MOST_HOSTS {
            play.hosts.push(text::line(name, LONGEST_NAME));
        } else {
            self.cut = true;
        }
    }

    /// Whether the line is a whole task.
    fn task(&mut self, entry: &str) -> bool {
        let Some((name, tags)) = tagged(entry) else { return false };
        let Some(play) = self.plays.last_mut() else { return true };
        if play.tasks.len() == MOST_TASKS {
            self.cut = true;
            return true;
        }
        let role = name.split_once(" : ").filter(|(role, _)| is_role(role));
        let (role, name) = role.map_or((None, name), |(role, name)| (Some(role), name));
        play.tasks.push(ListedTask {
            role: role.map(|it| text::line(it, LONGEST_NAME)),
            name: text::line(name, LONGEST_NAME),
            tags,
        });
        true
    }
}

fn is_role(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || "._-/".contains(it))
}

fn tagged(entry: &str) -> Option<(&str, Vec<String>)> {
    let (name, tags) = entry.rsplit_once("\tTAGS: [")?;
    let tags = tags.strip_suffix(']')?.split(", ").filter(|it| !it.is_empty());
    Some((name, tags.take(MOST_TAGS).map(|it| text::line(it, LONGEST_NAME)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As ansible-core 2.16 to 2.22 print it.
    const REAL: &str = "
playbook: site.yml

  play #1 (web): Web: servers\tTAGS: [a]
    pattern: ['web']
    hosts (2):
      h1
      h2
    tasks:
      r : in role\tTAGS: [a]
      one two : three\tTAGS: [a, x, y]
      debug\tTAGS: []

  play #2 (nothing): nothing\tTAGS: []
    pattern: ['nothing']
    hosts (0):
    tasks:

  play #3 (all): all\tTAGS: []
    pattern: ['all']
    hosts (1):
      h1
    tasks:
      x\ty
z\tTAGS: []
";

    #[test]
    fn plays_hosts_and_tasks_are_read() {
        let it = parse(REAL);
        let play = &it.plays[0];
        assert_eq!((it.plays.len(), it.cut), (3, false));
        assert_eq!((play.name.as_str(), play.pattern.as_str(), play.host_count), ("Web: servers", "web", 2));
        assert_eq!((play.hosts.join(" "), play.tags.join(" ")), ("h1 h2".to_owned(), "a".to_owned()));
        assert_eq!((play.tasks[0].role.as_deref(), play.tasks[0].name.as_str()), (Some("r"), "in role"));
        assert_eq!((play.tasks[1].role.as_deref(), play.tasks[1].name.as_str()), (None, "one two : three"));
        assert_eq!((play.tasks[1].tags.join(" "), play.tasks[2].tags.len()), ("a x y".to_owned(), 0));
        assert_eq!((it.plays[1].hosts.len(), it.plays[1].tasks.len()), (0, 0));
        assert_eq!(it.plays[2].tasks[0].name, "x\\ty\\nz");
    }

    #[test]
    fn whatever_comes_is_data() {
        for odd in [
            "",
            "      h\tTAGS: [a]",
            "  play #",
            "  play #1 (\n    hosts (99999999999999999999):\n      \u{1b}[2J",
            "    tasks:\n      never ends\n      never ends",
            "  play #1 (a): b\tTAGS: [\n    tasks:\n      \tTAGS: []\n",
        ] {
            parse(odd);
        }
        let many = "  play #1 (a): b\tTAGS: []\n    tasks:\n".to_owned()
            + &"      t\tTAGS: []\n".repeat(MOST_TASKS + 1);
        let it = parse(&many);
        assert_eq!((it.plays[0].tasks.len(), it.cut), (MOST_TASKS, true));
        let it = parse(&"  play #1 (a): b\tTAGS: []\n".repeat(MOST_PLAYS + 9));
        assert_eq!((it.plays.len(), it.cut), (MOST_PLAYS, true));
        let hostile = parse("  play #1 (a): \u{1b}]0;x\u{7}\u{202e}\tTAGS: []\n");
        assert_eq!(hostile.plays[0].name, "\\u{1b}]0;x\\u{7}\\u{202e}");
    }
}
