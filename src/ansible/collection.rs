//! What runs inside Ansible's process: embedded here, written out once per content.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../python/", $path)))),*]
    };
}

/// Every file, by its path below the directory.
const FILES: &[(&str, &str)] = files![
    "COPYING",
    "LICENSE.md",
    "README.md",
    "ansible_collections/driftless/core/plugins/action/facts.py",
    "ansible_collections/driftless/core/plugins/action/probe.py",
    "ansible_collections/driftless/core/plugins/action/tree.py",
    "ansible_collections/driftless/core/plugins/callback/events.py",
    "ansible_collections/driftless/core/plugins/plugin_utils/binaries.py",
    "ansible_collections/driftless/core/plugins/plugin_utils/delivery.py",
    "ansible_collections/driftless/core/plugins/plugin_utils/scripts.py",
    "driftless_inside/__init__.py",
    "driftless_inside/addresses.py",
    "driftless_inside/channel.py",
    "driftless_inside/debts.py",
    "driftless_inside/details.py",
    "driftless_inside/fatal.py",
    "driftless_inside/follow.py",
    "driftless_inside/gate.py",
    "driftless_inside/hidden.py",
    "driftless_inside/hooks.py",
    "driftless_inside/identity.py",
    "driftless_inside/notifications.py",
    "driftless_inside/patterns.py",
    "driftless_inside/progress.py",
    "driftless_inside/results.py",
    "driftless_inside/taint.py",
    "driftless_inside/vault.py",
    "driftless_inside/words.py",
    "launcher.py",
    "playbooks/probe.yml",
];

/// The playbook that asks hosts whether they answer and whether something is under way there.
pub const PROBE: &str = include_str!("../../python/playbooks/probe.yml");

/// The directory that holds launcher and callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    directory: PathBuf,
}

impl Collection {
    /// Makes sure that launcher and callback are below `parent`, in a directory named by their content, readable by
    /// every user: runs may have a user of their own. Safe when several processes do it at once.
    ///
    /// # Errors
    /// When a directory or file cannot be written.
    pub fn install(parent: &Path) -> io::Result<Self> {
        let directory = parent.join(format!("inside-{}", &content_hash()[..16]));
        if !directory.join("launcher.py").is_file() {
            // Written beside and renamed, so that nobody ever sees half of it.
            let unfinished = tempfile::Builder::new().prefix(".inside-").tempdir_in(parent)?;
            write_files(unfinished.path())?;
            match fs::rename(unfinished.path(), &directory) {
                Ok(()) => drop(unfinished.keep()),
                // Somebody else was faster: theirs is the same.
                Err(_) if directory.join("launcher.py").is_file() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { directory })
    }

    /// The directory: also what a `PYTHONPATH` would have to name, though with the launcher none has to.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The program to run with the Python of the runtime, as `python -I launcher.py`.
    pub fn launcher(&self) -> PathBuf {
        self.directory.join("launcher.py")
    }
}

/// Hash of every path and content, hexadecimal.
pub fn content_hash() -> String {
    use std::fmt::Write as _;

    let mut hasher = Sha256::new();
    for (path, content) in FILES {
        for part in [path, content] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
    }
    hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}

fn write_files(directory: &Path) -> io::Result<()> {
    use std::io::Write as _;

    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
    for (path, content) in FILES {
        let path = directory.join(path);
        let parent = path.parent().expect("every file has a directory");
        fs::DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path)?;
        file.set_permissions(fs::Permissions::from_mode(0o644))?; // Whatever the umask of the service is.
        file.write_all(content.as_bytes())?;
        for made in path.ancestors().skip(1).take_while(|it| it.starts_with(directory)) {
            fs::set_permissions(made, fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_python_file_is_embedded() {
        fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    if !path.ends_with("__pycache__") {
                        walk(&path, found);
                    }
                } else {
                    found.push(path);
                }
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
        let mut found = Vec::new();
        walk(&root, &mut found);
        let mut found: Vec<_> =
            found.iter().map(|it| it.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()).collect();
        found.sort();
        assert_eq!(found, FILES.iter().map(|(path, _)| (*path).to_owned()).collect::<Vec<_>>());
    }

    #[test]
    fn it_is_written_once_and_readable_by_all() {
        let parent = tempfile::tempdir().unwrap();
        let first = Collection::install(parent.path()).unwrap();
        assert_eq!(Collection::install(parent.path()).unwrap(), first);
        assert!(fs::read_to_string(first.launcher()).unwrap().contains("SPDX-License-Identifier: GPL-3.0"));
        for (path, content) in FILES {
            let path = first.directory().join(path);
            assert_eq!(fs::read_to_string(&path).unwrap(), *content);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
            assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o755);
        }
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "nothing is left over");
    }
}
