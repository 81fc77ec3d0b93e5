//! Turns what a run tells of its hosts into the question that the core answers.

use std::collections::BTreeMap;

use crate::domain::{Event, HostAddress, HostName, LockKey, Question, RunEvent, RunEventKind, RunId};

use super::inbox::Inbox;

/// The names of machines by the keys of hosts and addresses, as the operator says.
pub(super) type Aliases = BTreeMap<String, String>;

/// Listens for the questions of one run. It belongs to the thread that reads the run.
pub(super) struct Asking {
    run: RunId,
    aliases: Aliases,
    /// The hosts of the question that is not asked yet, in parts.
    part: (u32, Vec<HostAddress>),
}

impl Asking {
    pub(super) fn new(run: RunId, aliases: Aliases) -> Self {
        Self { run, aliases, part: (0, Vec::new()) }
    }

    /// Hands the questions among these events over. May wait for the loop.
    pub(super) fn hear(&mut self, events: &[RunEvent], inbox: &Inbox) {
        for event in events {
            if let Some(question) = self.question(&event.kind) {
                inbox.send_blocking(Event::HostsAsked { run: self.run, question });
            }
        }
    }

    fn question(&mut self, kind: &RunEventKind) -> Option<Question> {
        match kind {
            RunEventKind::HostsPart { question, hosts } => {
                if self.part.0 != *question {
                    self.part = (*question, Vec::new());
                }
                self.part.1.extend_from_slice(hosts);
                None
            }
            RunEventKind::HostsAsked { question, play, plays, inventory, hosts } => {
                let (of, part) = std::mem::take(&mut self.part);
                let part = if of == *question { part } else { Vec::new() };
                let keyed = part
                    .iter()
                    .chain(hosts)
                    .map(|it| (HostName::new(it.name.clone()), lock_key(it, &self.aliases)));
                Some(Question {
                    number: *question,
                    play: *play,
                    plays: plays.clone(),
                    hosts: keyed.collect(),
                    inventory: *inventory,
                })
            }
            _ => None,
        }
    }
}

/// Which machine a host is: what the operator says, else the control node if it is reached without a network, else
/// its address.
fn lock_key(host: &HostAddress, aliases: &Aliases) -> LockKey {
    let address = if host.address.is_empty() { &host.name } else { &host.address };
    let keys = [LockKey::address(&host.name, None), LockKey::address(address, host.port)];
    if let Some(alias) = keys.iter().find_map(|it| aliases.get(it.as_str())) {
        return LockKey::alias(alias);
    }
    let here = address.eq_ignore_ascii_case("localhost") && matches!(host.port, None | Some(22));
    if host.connection == "local" || here {
        LockKey::control_node()
    } else {
        LockKey::address(address, host.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AskedPlay;

    fn host(name: &str, address: &str, port: Option<u16>, connection: &str) -> HostAddress {
        HostAddress {
            name: name.to_owned(),
            address: address.to_owned(),
            port,
            connection: connection.to_owned(),
            user: "root".to_owned(),
        }
    }

    #[test]
    fn a_machine_is_known_by_how_it_is_reached() {
        let aliases: Aliases = [("web", "W1"), ("10.0.0.9", "w1"), ("10.0.0.8:2222", "w2")]
            .map(|it| (it.0.to_owned(), it.1.to_owned()))
            .into();
        for (host, key) in [
            (host("web1", "", None, ""), "web1"),
            (host("web1", "10.0.0.1", None, "ssh"), "10.0.0.1"),
            (host("web1", "10.0.0.1", Some(22), "ssh"), "10.0.0.1"),
            (host("web1", "10.0.0.1", Some(2222), ""), "10.0.0.1:2222"),
            (host("h1", "10.0.0.1", None, "local"), "localhost"),
            (host("localhost", "", None, ""), "localhost"),
            (host("h1", "LOCALHOST", Some(22), "ssh"), "localhost"),
            (host("h1", "localhost", Some(2222), "ssh"), "localhost:2222"),
            (host("localhost", "10.0.0.1", None, "ssh"), "10.0.0.1"),
            (host("web", "10.0.0.1", None, ""), "w1"),
            (host("WEB", "10.0.0.1", Some(2222), ""), "w1"),
            (host("h1", "10.0.0.9", None, ""), "w1"),
            (host("h1", "10.0.0.9", Some(22), ""), "w1"),
            (host("h1", "10.0.0.9", Some(2222), ""), "10.0.0.9:2222"),
            (host("h1", "10.0.0.8", Some(2222), ""), "w2"),
            (host("h1", "10.0.0.9", None, "local"), "w1"),
        ] {
            assert_eq!(lock_key(&host, &aliases).as_str(), key, "{host:?}");
        }
    }

    #[test]
    fn a_question_has_the_hosts_of_all_its_parts() {
        let mut asking = Asking::new(RunId(1), Aliases::new());
        let part = |question, name: &str| RunEventKind::HostsPart {
            question,
            hosts: vec![host(name, "", None, "")],
        };
        let plays = vec![AskedPlay { pattern: "all".to_owned(), hosts: 3, everything: true }];
        let asked = |question, play| RunEventKind::HostsAsked {
            question,
            play,
            plays: plays.clone(),
            inventory: 3,
            hosts: vec![host("h3", "", None, "")],
        };
        assert_eq!(asking.question(&RunEventKind::NoHostsMatched), None);
        assert_eq!(asking.question(&part(1, "h1")), None);
        assert_eq!(asking.question(&part(1, "h2")), None);
        let question = asking.question(&asked(1, None)).expect("a question");
        let names: Vec<_> = question.hosts.keys().map(HostName::as_str).collect();
        assert_eq!((question.number, question.play, question.inventory), (1, None, 3));
        assert_eq!((names, question.plays), (vec!["h1", "h2", "h3"], plays.clone()));
        // Parts of another question do not count.
        assert_eq!(asking.question(&part(2, "h1")), None);
        let question = asking.question(&asked(3, Some(0))).expect("a question");
        assert_eq!((question.hosts.len(), question.play), (1, Some(0)));
    }
}
