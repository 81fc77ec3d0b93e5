//! An Ansible module to start from.

use driftless_module::prelude::*;

/// Keeps a text in a file
#[derive(Arguments)]
#[arguments(author("You (@you)"), examples = include_str!("../examples.yml"))]
struct Motd {
    /// The file.
    #[argument(default = "/etc/motd")]
    path: PathBuf,
    /// What the file says. Nothing else will be in it.
    content: String,
}

impl Module for Motd {
    const NAME: &'static str = "motd";
    type Observed = String;
    type Change = ();
    type Returned = ();

    fn observe(&self, _: &Context) -> Result<String, Failure> {
        files::read_text(&self.path)
    }
    fn plan(&self, observed: &String) -> Result<Vec<()>, Failure> {
        Ok(if *observed == self.content { vec![] } else { vec![()] })
    }
    fn apply(&self, _: Vec<()>, _: &Context) -> Result<(), Failure> {
        files::replace(&self.path, &self.content)
    }
    fn diff(&self, observed: &String, _: &[()]) -> Vec<Diff> {
        vec![Diff::texts(self.path.to_string_lossy(), observed, &self.content)]
    }
    fn returned(&self, _: &String, _: &[()]) {}
}

program!(module::<Motd>());
