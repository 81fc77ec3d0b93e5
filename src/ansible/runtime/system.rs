//! The Ansible of the system: found through `ansible-playbook`, asked for its version.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::{Runtime, RuntimeAccess, RuntimeError, Runtimes, held};
use crate::ansible::environment::Environment;
use crate::ansible::helper::Helper;

/// A question to Python takes 0.05 s; this is for machines under load.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// The state of a file: if it is the same, so is what the program answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Stamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let it = fs::metadata(path).ok()?;
        Some(Self { inode: it.ino(), bytes: it.size(), modified: (it.mtime(), it.mtime_nsec()) })
    }
}

/// What a Python answered.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Answer {
    /// Of Python itself.
    python: String,
    /// Of ansible-core, if it can import it.
    ansible: Option<String>,
}

const QUESTION: &str = "
import json, platform
try:
    from ansible.release import __version__ as ansible
except ImportError:
    ansible = None
print(json.dumps({'python': platform.python_version(), 'ansible': ansible}))
";

impl Runtimes {
    pub(super) async fn system(&self, access: &RuntimeAccess) -> Result<Runtime, RuntimeError> {
        let program = match &access.ansible_playbook {
            Some(path) if path.is_file() => path.clone(),
            Some(path) => return Err(RuntimeError::NoAnsible(path.display().to_string())),
            None => self
                .find("ansible-playbook")
                .ok_or_else(|| RuntimeError::NoAnsible(format!("the path {}", self.search_path)))?,
        };
        let wrong =
            |detail: &str| RuntimeError::NotAnsible { path: program.clone(), detail: detail.to_owned() };
        let head = read_head(&program).map_err(|error| wrong(&error.to_string()))?;
        let python = interpreter(&head).ok_or_else(|| wrong("its first line does not name a Python"))?;
        let python = if python.is_absolute() {
            python
        } else {
            self.find(&python).ok_or_else(|| wrong("the Python of its first line is not in the path"))?
        };
        let answer = self.answer(&python, Some(&program)).await.map_err(|detail| wrong(&detail))?;
        let version = answer.ansible.ok_or_else(|| wrong("its Python has no ansible-core"))?;
        let bin_dir = program.parent().unwrap_or(Path::new("/")).to_owned();
        let hash = format!("system-{version}");
        Ok(Runtime { python, bin_dir, hash, version, collections_path: None, roles_path: None })
    }

    /// The whole path of a Python: a name without `/` is looked for in the path.
    pub(super) fn python(&self, named: &Path) -> Result<PathBuf, RuntimeError> {
        if named.is_absolute() {
            return Ok(named.to_owned());
        }
        self.find(named).ok_or_else(|| RuntimeError::Python {
            python: named.to_owned(),
            detail: format!("it is not in the path {}", self.search_path),
        })
    }

    pub(super) async fn python_version(&self, python: &Path) -> Result<String, RuntimeError> {
        let answer = self.answer(python, None).await;
        answer
            .map(|it| it.python)
            .map_err(|detail| RuntimeError::Python { python: python.to_owned(), detail })
    }

    /// What a Python says of itself. `beside` is a file that changes when what it says of Ansible may have changed.
    async fn answer(&self, python: &Path, beside: Option<&Path>) -> Result<Answer, String> {
        let known_as = beside.unwrap_or(python);
        let stamp = Stamp::of(known_as).ok_or_else(|| format!("{} is not there", known_as.display()))?;
        let key = (known_as.to_owned(), stamp);
        if let Some(answer) = held(&self.answers).get(&key) {
            return Ok(answer.clone());
        }
        let helper = Helper {
            program: python.to_owned(),
            args: ["-I", "-c", QUESTION].map(str::to_owned).to_vec(),
            environment: Environment::basic(Path::new("/nonexistent"), Path::new("/tmp"), None),
            cwd: PathBuf::from("/"),
            run_as: None,
            limit: ANSWER_WITHIN,
        };
        let output = self.ask(helper).await.map_err(|error| error.to_string())?;
        if !output.succeeded() {
            return Err(output.text().trim().lines().last().unwrap_or("it says nothing").to_owned());
        }
        let answer: Answer = serde_json::from_slice(&output.out).map_err(|error| error.to_string())?;
        held(&self.answers).insert(key, answer.clone());
        Ok(answer)
    }

    fn find(&self, program: impl AsRef<OsStr>) -> Option<PathBuf> {
        let directories = std::env::split_paths(&self.search_path);
        directories.map(|it| it.join(program.as_ref())).find(|it| it.is_absolute() && it.is_file())
    }
}

fn read_head(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    fs::File::open(path)?.take(4096).read_to_end(&mut head)?;
    Ok(head)
}

/// The Python that a script is written for. A name without `/` is to be looked for in the path.
///
/// `pip` writes `#!/path/to/python`. Where that is too long for the kernel or holds a blank it writes a script that
/// is both shell and Python: a first line for `sh`, then `'''exec' "/path/to/python" "$0" "$@"`.
pub(super) fn interpreter(head: &[u8]) -> Option<PathBuf> {
    let mut lines = head.split(|it| *it == b'\n').map(|it| std::str::from_utf8(it).unwrap_or_default());
    let first = lines.next()?.strip_prefix("#!")?.trim();
    if let Some(rest) = lines.next().and_then(|it| it.strip_prefix("'''exec' ")) {
        let path = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?.0,
            None => rest.split_whitespace().next()?,
        };
        return is_python(path).then(|| PathBuf::from(path));
    }
    let mut words = first.split_whitespace().filter(|it| !it.starts_with('-'));
    let mut program = words.next()?;
    if program.ends_with("/env") {
        program = words.next()?;
    }
    is_python(program).then(|| PathBuf::from(program))
}

fn is_python(program: &str) -> bool {
    Path::new(program).file_name().and_then(OsStr::to_str).is_some_and(|it| it.starts_with("python"))
}
