//! What a repository declares of its Ansible, and the hash of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::RuntimeError;

/// Changes when the way of building does, so that everything is built anew.
const FORMAT: &str = "driftless runtime 1";

/// The largest file of requirements that is read.
const FILE_BYTES: u64 = 1024 * 1024;

/// A hash over parts that cannot run into each other.
pub(super) struct Digest(Sha256);

impl Digest {
    pub(super) fn new(purpose: &str) -> Self {
        Self(Sha256::new()).add(FORMAT.as_bytes()).add(purpose.as_bytes())
    }

    pub(super) fn add(mut self, part: &[u8]) -> Self {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    pub(super) fn hex(self) -> String {
        self.0.finalize().iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").ok(); // Writing to a string cannot fail.
            text
        })
    }
}

/// The files that are named, relative to the checkout.
#[derive(Clone, Copy)]
pub(super) struct Files<'a> {
    pub(super) requirements: Option<&'a str>,
    pub(super) galaxy: Option<&'a str>,
}

/// All that a build depends on.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) hash: String,
    pub(super) core: String,
    /// Absolute.
    pub(super) requirements: Option<PathBuf>,
    /// Absolute.
    pub(super) galaxy: Option<PathBuf>,
    /// The checkout's `ansible.cfg`, which may name a Galaxy server; only with `galaxy`.
    pub(super) config: Option<PathBuf>,
}

impl Declared {
    pub(super) fn read(
        core: &str,
        files: Files<'_>,
        checkout: &Path,
        python: &str,
        uid: Option<u32>,
    ) -> Result<Self, RuntimeError> {
        // The alphabet of Python's version identifiers (PEP 440), so that it cannot be a range, an option or a URL.
        let version = core.starts_with(|it: char| it.is_ascii_digit())
            && core.chars().all(|it| it.is_ascii_alphanumeric() || it == '.');
        if !version {
            let core = core.escape_debug();
            return Err(RuntimeError::Declared(format!(
                "`{core}` is not a version of ansible-core: write it in full, like `2.19.14`"
            )));
        }
        let mut digest = Digest::new("runtime").add(core.as_bytes()).add(python.as_bytes());
        digest = digest.add(&uid.map(u32::to_be_bytes).unwrap_or_default());
        let requirements = files.requirements.map(|it| inside(checkout, it)).transpose()?;
        if let Some(file) = &requirements {
            for part in requirements_with_includes(checkout, file)? {
                digest = digest.add(&part);
            }
        }
        let galaxy = files.galaxy.map(|it| inside(checkout, it)).transpose()?;
        let mut config = None;
        if let Some(file) = &galaxy {
            digest = digest.add(b"galaxy").add(&read(checkout, file)?);
            config = Some(checkout.join("ansible.cfg")).filter(|it| it.is_file());
        }
        if let Some(file) = &config {
            digest = digest.add(b"config").add(&read(checkout, file)?);
        }
        Ok(Self { hash: digest.hex(), core: core.to_owned(), requirements, galaxy, config })
    }
}

/// The contents of a file of requirements and of all that it includes, each once.
fn requirements_with_includes(checkout: &Path, file: &Path) -> Result<Vec<Vec<u8>>, RuntimeError> {
    let mut seen = BTreeSet::new();
    let mut open = vec![file.to_owned()];
    let mut parts = Vec::new();
    while let Some(file) = open.pop() {
        if !seen.insert(file.clone()) {
            continue;
        }
        let contents = read(checkout, &file)?;
        let here = file.parent().unwrap_or(checkout);
        for line in String::from_utf8_lossy(&contents).lines() {
            if let Some(included) = included(line, &file)? {
                let path = here.join(included);
                let below = path.strip_prefix(checkout).unwrap_or(&path).display().to_string();
                open.push(inside(checkout, &below)?);
            }
        }
        parts.push(contents);
    }
    Ok(parts)
}

/// The file that a line includes. Lines that install a directory are refused: the hash would not see it change.
fn included<'a>(line: &'a str, file: &Path) -> Result<Option<&'a str>, RuntimeError> {
    let line = line.split(" #").next().unwrap_or_default().trim();
    for option in ["-r", "--requirement", "-c", "--constraint"] {
        if let Some(rest) = line.strip_prefix(option).filter(|it| it.starts_with([' ', '\t', '='])) {
            return Ok(Some(rest.trim_start_matches('=').trim()));
        }
        let joined = line.strip_prefix(option).filter(|it| option.len() == 2 && !it.is_empty());
        if let Some(rest) = joined {
            return Ok(Some(rest));
        }
    }
    let local = ["-e", "--editable", ".", "/", "file:"].iter().any(|it| line.starts_with(it))
        || line.contains("@ file:");
    if local {
        return Err(RuntimeError::Declared(format!(
            "{} installs a local directory (`{}`): name packages with versions, or files by URL with a hash",
            file.display(),
            line.escape_debug()
        )));
    }
    Ok(None)
}

fn inside(checkout: &Path, given: &str) -> Result<PathBuf, RuntimeError> {
    let mut path = checkout.to_owned();
    for component in Path::new(given).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir if path != checkout => {
                path.pop();
            }
            _ => return Err(outside(given)),
        }
    }
    if path == checkout || given.starts_with('-') { Err(outside(given)) } else { Ok(path) }
}

fn outside(given: &str) -> RuntimeError {
    RuntimeError::Declared(format!("`{}` is not a file inside the repository", given.escape_debug()))
}

fn read(checkout: &Path, file: &Path) -> Result<Vec<u8>, RuntimeError> {
    let name = file.strip_prefix(checkout).unwrap_or(file).display().to_string();
    let wrong = |detail: &str| RuntimeError::Declared(format!("{name}, named in driftless.yml, {detail}"));
    let metadata = fs::metadata(file).map_err(|_| wrong("is not in the repository"))?;
    if !metadata.is_file() || FILE_BYTES < metadata.len() {
        return Err(wrong("is not a file of at most 1 MiB"));
    }
    fs::read(file).map_err(|error| wrong(&format!("cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(core: &str, python: &str, files: &[(&str, &str)]) -> Result<String, RuntimeError> {
        let checkout = tempfile::tempdir().unwrap();
        for (path, contents) in files {
            let path = checkout.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        let has = |name| files.iter().any(|(path, _)| *path == name).then_some(name);
        let named = Files { requirements: has("requirements.txt"), galaxy: has("requirements.yml") };
        Declared::read(core, named, checkout.path(), python, None).map(|it| it.hash)
    }

    #[test]
    fn the_hash_moves_with_everything_that_a_build_depends_on_and_with_nothing_else() {
        let base =
            [("requirements.txt", "-r more/a.txt\n"), ("more/a.txt", "-cb.txt\n"), ("more/b.txt", "x\n")];
        let of = |files: &[(&str, &str)]| hash("2.19.14", "3.11.7", files).unwrap();
        let mut hashes = vec![
            of(&base),
            of(&[base[0], base[1], ("more/b.txt", "y\n")]),
            of(&[base[0], base[1], base[2], ("requirements.yml", "")]),
            of(&[base[0], base[1], base[2], ("requirements.yml", ""), ("ansible.cfg", "")]),
            hash("2.19.13", "3.11.7", &base).unwrap(),
            hash("2.19.14", "3.11.8", &base).unwrap(),
        ];
        assert_eq!(
            of(&base),
            of(&[base[0], base[1], base[2], ("site.yml", "changed"), ("ansible.cfg", "x")])
        );
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), 6);
    }

    #[test]
    fn what_the_hash_cannot_see_is_refused() {
        for line in ["-e .", "./local", "--editable=x", "/opt/x", "pkg @ file:///opt/x", "-r ../../other.txt"]
        {
            let error = hash("2.19.14", "3.11.7", &[("requirements.txt", line)]).unwrap_err();
            assert!(matches!(error, RuntimeError::Declared(_)), "{line}: {error}");
        }
        for core in ["", ">=2", "2.19.14 --index-url x", "-r x", "2.*"] {
            assert!(hash(core, "3.11.7", &[]).is_err(), "{core}");
        }
    }
}
