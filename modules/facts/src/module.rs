//! The module as Ansible sees it.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use driftless_module::prelude::*;

use crate::{Host, Request, gather};

/// Gathers facts of Linux hosts as setup does, without Python and much faster
///
/// The facts have the names, shapes and values of M(ansible.builtin.setup), so playbooks that use them go on to work. The few
/// whose shape differs between versions of ansible-core have the shape of the version that runs the play.
///
/// Not offered are C(ansible_python), C(ansible_python_version), C(ansible_selinux_python_present), and what C(facter) and
/// C(ohai) say.
#[derive(Arguments)]
#[expect(clippy::doc_markdown, reason = "the marks are those of Ansible's documentation")]
#[arguments(
    author("The driftless project"),
    version_added = "0.1.0",
    notes(
        "Only for Linux.",
        "To have a play use these facts, set its C(gather_facts) to V(false) and make this its first task.",
        "Where C(setup) says of a host without the library of SELinux that it is missing, this says that SELinux is disabled."
    ),
    see_also("ansible.builtin.setup", "ansible.builtin.gather_facts"),
    examples = include_str!("../examples.yml")
)]
pub struct Facts {
    /// Which facts are gathered, as in M(ansible.builtin.setup): names of subsets or of facts, with V(!) before them what is
    /// left out. V(min) is always gathered unless V(!min) is given.
    #[argument(default = ["all"])]
    gather_subset: Vec<String>,
    /// Shell patterns for the names of the facts that are returned, with or without C(ansible_). Without a pattern all are.
    filter: Option<Vec<String>>,
    /// How many seconds a file system may take to tell its size, and each program that is asked. What takes longer is left
    /// out with a warning.
    #[argument(default = 10)]
    gather_timeout: u32,
    /// The directory of local facts, files that end in C(.fact). Those that may be executed are run, the others read.
    #[argument(default = "/etc/ansible/facts.d")]
    fact_path: PathBuf,
}

impl Inspection for Facts {
    const NAME: &'static str = "facts";
    type Returned = ();

    fn inspect(&self, context: &Context) -> Result<(), Failure> {
        #[expect(clippy::disallowed_methods, reason = "the environment of the task is one of the facts")]
        let environment = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect();
        #[expect(clippy::disallowed_methods, reason = "the time is one of the facts")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).explain("the clock is before 1970")?;
        let host = Host::new(environment, Duration::from_secs(u64::from(self.gather_timeout.max(1))));
        let request = Request {
            gather_subset: self.gather_subset.clone(),
            filter: self.filter.clone().unwrap_or_default(),
            fact_path: self.fact_path.to_string_lossy().into_owned(),
            core: context.core,
            now,
        };
        let gathered = gather(&host, &request).map_err(Failure::new)?;
        for (name, value) in gathered.facts {
            context.fact(&name, value);
        }
        for warning in gathered.warnings {
            context.warn(warning);
        }
        Ok(())
    }
}
