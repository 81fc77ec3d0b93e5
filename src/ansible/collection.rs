//! What runs inside Ansible's process: embedded here, written out once per content. The binaries with our Ansible modules,
//! which run on hosts, are put beside it if they are installed.

use std::borrow::Cow;
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
    "ansible_collections/driftless/core/plugins/plugin_utils/patterns.py",
    "ansible_collections/driftless/core/plugins/plugin_utils/rendering.py",
    "ansible_collections/driftless/core/plugins/plugin_utils/scripts.py",
    "ansible_collections/driftless/core/plugins/plugin_utils/source_tree.py",
    "ansible_collections/driftless/core/plugins/plugin_utils/tree_diff.py",
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
    "driftless_inside/parts.py",
    "driftless_inside/patterns.py",
    "driftless_inside/progress.py",
    "driftless_inside/results.py",
    "driftless_inside/taint.py",
    "driftless_inside/vault.py",
    "driftless_inside/words.py",
    "launcher.py",
    "playbooks/probe.yml",
];

const COLLECTION: &str = "ansible_collections/driftless/core";

/// Architectures that modules are built for, as the collection and the directory of the modules name them.
const ARCHITECTURES: [&str; 2] = ["aarch64", "x86_64"];

/// The playbook that asks hosts whether they answer and whether something is under way there.
pub const PROBE: &str = include_str!("../../python/playbooks/probe.yml");

/// The directory that holds launcher and callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    directory: PathBuf,
}

impl Collection {
    /// Makes sure that launcher and collection are below `parent`, in a directory named by their content, readable by
    /// every user: runs may have a user of their own. Safe when several processes do it at once.
    ///
    /// The binaries with the modules are those in `modules`, as `<architecture>/driftless-modules`. They are copied, so
    /// that an upgrade does not change what a live run uses. Without them, tasks that use a module fail and say so.
    ///
    /// # Errors
    /// When a directory or file cannot be written, or a binary cannot be read.
    pub fn install(parent: &Path, modules: &Path) -> io::Result<Self> {
        let files = with_modules(modules)?;
        let directory = parent.join(format!("inside-{}", &content_hash(&files)[..16]));
        if !directory.join("launcher.py").is_file() {
            // Written beside and renamed, so that nobody ever sees half of it.
            let unfinished = tempfile::Builder::new().prefix(".inside-").tempdir_in(parent)?;
            write_files(unfinished.path(), &files)?;
            match fs::rename(unfinished.path(), &directory) {
                Ok(()) => drop(unfinished.keep()),
                // Somebody else was faster: theirs is the same.
                Err(_) if directory.join("launcher.py").is_file() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { directory })
    }

    /// Whether modules are there for any architecture.
    pub fn has_modules(&self) -> bool {
        self.directory.join(COLLECTION).join("bin").is_dir()
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

type File = (Cow<'static, str>, Cow<'static, [u8]>);

fn with_modules(modules: &Path) -> io::Result<Vec<File>> {
    let embedded = FILES.iter().map(|(path, content)| ((*path).into(), content.as_bytes().into()));
    let mut files: Vec<File> = embedded.collect();
    for architecture in ARCHITECTURES {
        let below = format!("{architecture}/driftless-modules");
        match fs::read(modules.join(&below)) {
            Ok(binary) => files.push((format!("{COLLECTION}/bin/{below}").into(), binary.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}

/// Hash of every path and content, hexadecimal.
fn content_hash(files: &[File]) -> String {
    use std::fmt::Write as _;

    let mut hasher = Sha256::new();
    for (path, content) in files {
        for part in [path.as_bytes(), content] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}

fn write_files(directory: &Path, files: &[File]) -> io::Result<()> {
    use std::io::Write as _;

    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
    for (path, content) in files {
        let path = directory.join(path.as_ref());
        let parent = path.parent().expect("every file has a directory");
        fs::DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path)?;
        file.set_permissions(fs::Permissions::from_mode(0o644))?; // Whatever the umask of the service is.
        file.write_all(content)?;
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
        let first = Collection::install(parent.path(), Path::new("/nonexistent")).unwrap();
        assert_eq!(Collection::install(parent.path(), Path::new("/nonexistent")).unwrap(), first);
        assert!(fs::read_to_string(first.launcher()).unwrap().contains("SPDX-License-Identifier: GPL-3.0"));
        for (path, content) in FILES {
            let path = first.directory().join(path);
            assert_eq!(fs::read_to_string(&path).unwrap(), *content);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
            assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o755);
        }
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "nothing is left over");
    }

    #[test]
    fn modules_are_copied_and_belong_to_the_content() {
        let parent = tempfile::tempdir().unwrap();
        let modules = parent.path().join("modules");
        let without = Collection::install(parent.path(), &modules).unwrap();
        assert!(!without.has_modules());
        fs::create_dir_all(modules.join("aarch64")).unwrap();
        let mut directories = vec![without];
        for version in ["one", "two"] {
            fs::write(modules.join("aarch64/driftless-modules"), version).unwrap();
            let with = Collection::install(parent.path(), &modules).unwrap();
            assert!(with.has_modules() && !directories.contains(&with));
            let copied = with.directory().join(COLLECTION).join("bin/aarch64/driftless-modules");
            assert_eq!(fs::read_to_string(copied).unwrap(), version);
            directories.push(with);
        }
    }
}
