//! What follows of the programs that driftless starts: git, Ansible and its runtimes, sandboxes.

use super::super::Severity;
use super::super::facts::{AnsibleFacts, Facts};
use super::{Findings, OLDEST_ANSIBLE};

/// The oldest git that knows all that is asked of it.
const OLDEST_GIT: (u32, u32) = (2, 39);

impl Findings {
    pub(super) fn programs(&mut self, facts: &Facts) {
        let area = "programs";
        match &facts.git {
            None => {}
            Some(Err(why)) => {
                self.bad(area, Severity::Error, format!("git cannot be started: {why}"), "install git");
            }
            Some(Ok(said)) if version(said).is_some_and(|it| it < OLDEST_GIT) => {
                let what = format!("{said} is too old");
                self.bad(
                    area,
                    Severity::Error,
                    what,
                    format!("install git {}.{} or newer", OLDEST_GIT.0, OLDEST_GIT.1),
                );
            }
            Some(Ok(said)) => self.good(area, said.clone()),
        }
        self.ansible(facts.ansible.as_ref());
        self.sandbox(facts.sandbox.as_ref());
    }

    fn ansible(&mut self, found: Option<&AnsibleFacts>) {
        let area = "programs";
        match found {
            None => {}
            Some(AnsibleFacts::Missing { why }) => {
                let remedy = "install ansible-core, name one with `system_ansible`, or declare `ansible: {core: …}` in each repository";
                self.bad(
                    area,
                    Severity::Warning,
                    format!("there is no Ansible of the system: {why}"),
                    remedy,
                );
            }
            Some(AnsibleFacts::Found { version: found }) => {
                if version(found).is_some_and(|it| it < OLDEST_ANSIBLE) {
                    let what = format!("ansible-core {found} is older than any that is supported");
                    let (major, minor) = OLDEST_ANSIBLE;
                    self.bad(
                        area,
                        Severity::Error,
                        what,
                        format!("install ansible-core {major}.{minor} or newer"),
                    );
                } else {
                    self.good(area, format!("ansible-core {found}"));
                }
            }
        }
    }

    fn sandbox(&mut self, found: Option<&Result<(), (String, String)>>) {
        let area = "programs";
        match found {
            None => {}
            Some(Ok(())) => self.good(area, "sandboxes of previews can be made"),
            Some(Err((why, remedy))) => {
                let what =
                    format!("previews of merge requests stay static, since no sandbox can be made: {why}");
                self.bad(area, Severity::Warning, what, remedy.clone());
            }
        }
    }

    pub(super) fn runtimes(&mut self, facts: &Facts) {
        let area = "runtimes";
        for it in &facts.pythons {
            let python = it.python.display();
            match &it.problem {
                None => self.good(area, format!("`{python} -m venv` works")),
                Some(why) => {
                    let what = format!(
                        "repositories declare an Ansible of their own, and `{python} -m venv` does not work: {why}"
                    );
                    let remedy =
                        "install what it needs (on Debian: python3-venv), or name another one with `python`";
                    self.bad(area, Severity::Error, what, remedy);
                }
            }
        }
        for it in &facts.runtimes {
            let (version, dir) = (&it.version, it.dir.display());
            if !it.has_python {
                let what = format!(
                    "the Python of the built ansible-core {version} ({dir}) is gone; the next run that needs it builds it anew"
                );
                self.add(area, Severity::Note, what, None);
            } else if !it.has_ansible {
                let what = format!("the built ansible-core {version} ({dir}) has no `ansible-playbook`");
                self.bad(area, Severity::Error, what, format!("`rm -r {dir}`: the next run builds it anew"));
            } else {
                self.good(area, format!("ansible-core {version} is built"));
            }
        }
    }
}

/// The first two numbers of a version, with whatever words before it.
fn version(text: &str) -> Option<(u32, u32)> {
    let word = text.split_whitespace().find(|it| it.starts_with(|it: char| it.is_ascii_digit()))?;
    let mut parts = word.split('.').map(|it| it.parse().ok());
    Some((parts.next()??, parts.next()??))
}
