//! Builds what was declared.
//!
//! Python environments cannot be moved, so each is built where it stays. It counts as built when its record is
//! there, which is written last; whatever is without a record was interrupted and is built anew.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::declared::Declared;
use super::{Runtime, RuntimeAccess, RuntimeError, Runtimes, held};
use crate::ansible::environment::Environment;
use crate::ansible::guardian::RunAs;
use crate::ansible::helper::{Helper, HelperOutput};
use crate::ansible::place;

/// Each step ends within this; installing everything of the community package takes two minutes on a slow line.
const STEP_WITHIN: Duration = Duration::from_secs(20 * 60);

const RECORD: &str = "runtime.json";
/// What was resolved: packages, collections and roles with their versions.
const RESOLVED: &str = "resolved.txt";

struct Build<'a> {
    runtimes: &'a Runtimes,
    declared: &'a Declared,
    access: &'a RuntimeAccess,
    checkout: &'a Path,
    dir: PathBuf,
    python: PathBuf,
    log_path: PathBuf,
    log: File,
}

impl Runtimes {
    pub(super) async fn managed(
        &self,
        declared: &Declared,
        checkout: &Path,
        access: &RuntimeAccess,
    ) -> Result<Runtime, RuntimeError> {
        let dir = self.dir.join(&declared.hash);
        if let Some(built) = built(&dir) {
            return Ok(built);
        }
        let lock = Arc::clone(held(&self.building).entry(declared.hash.clone()).or_default());
        let _alone_in_this_process = lock.lock().await;
        let lock_path = self.dir.join(format!("{}.lock", declared.hash));
        let _alone_on_this_machine = tokio::task::spawn_blocking(move || lock_file(&lock_path))
            .await
            .map_err(std::io::Error::other)
            .and_then(|it| it)
            .map_err(RuntimeError::system("lock the build"))?;
        if let Some(built) = built(&dir) {
            return Ok(built); // Somebody else built it while this waited.
        }
        Build::new(self, declared, checkout, access)?.run().await
    }
}

impl Runtimes {
    /// Those that were declared and are built, by version.
    pub fn built(&self) -> Vec<Runtime> {
        let found = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut all: Vec<Runtime> = found.filter_map(|it| built(&it.path())).collect();
        all.sort_by(|a, b| (&a.version, &a.hash).cmp(&(&b.version, &b.hash)));
        all
    }
}

/// What is recorded of a finished build, if its Python is still there.
fn built(dir: &Path) -> Option<Runtime> {
    recorded(dir).filter(|it| it.python.is_file())
}

fn recorded(dir: &Path) -> Option<Runtime> {
    serde_json::from_slice(&fs::read(dir.join(RECORD)).ok()?).ok()
}

/// All builds that were finished in a directory of runtimes, whether or not they still work, by their hash.
pub fn all_recorded(dir: &Path) -> Vec<Runtime> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut all: Vec<Runtime> = entries.filter_map(|it| recorded(&it.path())).collect();
    all.sort_by(|a, b| a.hash.cmp(&b.hash));
    all
}

fn lock_file(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

impl<'a> Build<'a> {
    fn new(
        runtimes: &'a Runtimes,
        declared: &'a Declared,
        checkout: &'a Path,
        access: &'a RuntimeAccess,
    ) -> Result<Self, RuntimeError> {
        let dir = runtimes.dir.join(&declared.hash);
        place::remove(&dir).map_err(RuntimeError::system("remove an unfinished build"))?;
        let inner = ["home", "roles", "collections"].map(|it| dir.join(it));
        for it in std::iter::once(&dir).chain(&inner) {
            fs::create_dir(it).map_err(RuntimeError::system("make the directory of a build"))?;
        }
        // The outermost last: once it belongs to another user, the daemon can make nothing in it.
        for it in inner.iter().chain([&dir]) {
            open_to_all(it, access.run_as).map_err(RuntimeError::system("hand over a build"))?;
        }
        let log_path = runtimes.dir.join(format!("{}.log", declared.hash));
        let log = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&log_path);
        let log = log.map_err(RuntimeError::system("open the log of a build"))?;
        let python = dir.join("venv/bin/python");
        Ok(Self { runtimes, declared, access, checkout, dir, python, log_path, log })
    }

    async fn run(mut self) -> Result<Runtime, RuntimeError> {
        let venv = self.dir.join("venv").display().to_string();
        let base = self.access.python.clone();
        self.step("making a Python environment", &base, &["-I", "-m", "venv", &venv]).await?;
        self.install_packages().await?;
        self.install_galaxy().await?;
        let (version, resolved) = self.resolved().await?;
        place::take_back(&self.dir).map_err(RuntimeError::system("take a build back"))?;
        // Ours again: before, the daemon could not write here.
        place::remove(&self.dir.join("home")).ok();
        fs::write(self.dir.join(RESOLVED), resolved).map_err(RuntimeError::system("record a build"))?;
        let with_galaxy = |name| self.declared.galaxy.as_ref().map(|_| self.dir.join(name));
        let runtime = Runtime {
            python: self.python.clone(),
            bin_dir: self.dir.join("venv/bin"),
            hash: self.declared.hash.clone(),
            version,
            collections_path: with_galaxy("collections"),
            roles_path: with_galaxy("roles"),
        };
        self.record(&runtime).map_err(RuntimeError::system("record a build"))?;
        Ok(runtime)
    }

    async fn install_packages(&mut self) -> Result<(), RuntimeError> {
        let core = format!("ansible-core=={}", self.declared.core);
        let mut args = vec!["-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check", &core];
        let requirements = self.declared.requirements.as_ref().map(|it| it.display().to_string());
        if let Some(file) = &requirements {
            args.extend(["--requirement", file]);
        }
        let python = self.python.clone();
        self.step("installing ansible-core and requirements", &python, &args).await.map(drop)
    }

    /// Roles and collections in one go. With `-p` collections would silently be left out (measured).
    async fn install_galaxy(&mut self) -> Result<(), RuntimeError> {
        let Some(file) = self.declared.galaxy.as_ref().map(|it| it.display().to_string()) else {
            return Ok(());
        };
        let python = self.python.clone();
        let args = ["-I", "-m", "ansible", "galaxy", "install", "-r", &file];
        self.step("installing collections and roles", &python, &args).await?;
        // Runs write no bytecode, so they would compile each plugin of a collection anew. Only speed depends on it.
        let collections = self.dir.join("collections").display().to_string();
        let args = ["-I", "-m", "compileall", "-q", &collections];
        self.step("compiling collections", &python, &args).await.ok();
        Ok(())
    }

    /// Which ansible-core answers, and a list of all that was installed.
    async fn resolved(&mut self) -> Result<(String, Vec<u8>), RuntimeError> {
        let python = self.python.clone();
        let mut resolved = Vec::new();
        let mut lists: Vec<&[&str]> = vec![&["-I", "-m", "pip", "freeze", "--all"]];
        if self.declared.galaxy.is_some() {
            lists.push(&["-I", "-m", "ansible", "galaxy", "collection", "list"]);
            lists.push(&["-I", "-m", "ansible", "galaxy", "role", "list"]);
        }
        for args in lists {
            resolved.extend(self.step("listing what was installed", &python, args).await?.out);
        }
        let question = "from ansible.release import __version__ as it; print(it)";
        let output = self.step("asking for the version", &python, &["-I", "-c", question]).await?;
        Ok((String::from_utf8_lossy(&output.out).trim().to_owned(), resolved))
    }

    async fn step(
        &mut self,
        step: &'static str,
        program: &Path,
        args: &[&str],
    ) -> Result<HelperOutput, RuntimeError> {
        let helper = Helper {
            program: program.to_owned(),
            args: args.iter().map(|it| (*it).to_owned()).collect(),
            environment: self.environment(),
            cwd: self.checkout.to_owned(),
            run_as: self.access.run_as,
            limit: STEP_WITHIN,
        };
        let failed =
            |detail, passing, log: &Path| RuntimeError::Build { step, detail, log: log.to_owned(), passing };
        let output = match self.runtimes.ask(helper).await {
            Ok(output) => output,
            Err(error) => return Err(failed(error.to_string(), true, &self.log_path)),
        };
        let said = self.without_secrets(output.text());
        writeln!(self.log, "--- {step}: {}\n{said}", output.exit).ok();
        if output.timed_out {
            return Err(failed("it did not end in time".to_owned(), true, &self.log_path));
        }
        if !output.succeeded() {
            return Err(failed(why(&said), is_passing(&said), &self.log_path));
        }
        Ok(output)
    }

    fn environment(&self) -> Environment {
        let home = self.dir.join("home");
        let mut it = Environment::basic(&home, &home, Some(&self.dir.join("venv/bin")));
        it.add_operators(&self.access.environment);
        it.set_path("ANSIBLE_HOME", &home);
        it.set_path("ANSIBLE_LOCAL_TEMP", &home);
        it.set_path("ANSIBLE_ROLES_PATH", &self.dir.join("roles"));
        it.set_path("ANSIBLE_COLLECTIONS_PATH", &self.dir.join("collections"));
        it.set("ANSIBLE_NOCOLOR", "1");
        if let Some(config) = &self.declared.config {
            it.set_path("ANSIBLE_CONFIG", config);
        }
        it
    }

    /// A package index can be given with a password in it, and `pip` repeats what it cannot reach.
    fn without_secrets(&self, mut said: String) -> String {
        for secret in self.access.environment.values().map(crate::domain::Secret::expose) {
            let password = secret.split_once("://").and_then(|(_, it)| it.rsplit_once('@')).map(|it| it.0);
            if let Some(password) = password.filter(|it| !it.is_empty()) {
                said = said.replace(password, "***");
            }
        }
        said
    }

    fn record(&self, runtime: &Runtime) -> std::io::Result<()> {
        let file = tempfile::NamedTempFile::new_in(&self.dir)?;
        serde_json::to_writer(&file, runtime)?;
        file.as_file().sync_all()?;
        file.persist(self.dir.join(RECORD)).map(drop).map_err(|error| error.error)
    }
}

fn open_to_all(dir: &Path, owner: Option<RunAs>) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    match owner {
        Some(RunAs { uid, gid }) => std::os::unix::fs::chown(dir, Some(uid), Some(gid)),
        None => Ok(()),
    }
}

/// The lines of a log that say why, for people: the errors, or else the end.
fn why(said: &str) -> String {
    let errors: Vec<&str> = said.lines().filter(|it| it.contains("ERROR")).map(str::trim).take(3).collect();
    let text = if errors.is_empty() {
        said.lines().map(str::trim).rfind(|it| !it.is_empty()).unwrap_or("it says nothing").to_owned()
    } else {
        errors.join("; ")
    };
    text.chars().filter(|it| !it.is_control()).take(600).collect()
}

/// Whether trying again may help. `pip` says "no matching distribution" also when it reached no index at all, so
/// signs of the network count first; what looks like neither is tried again.
fn is_passing(said: &str) -> bool {
    let any = |signs: &[&str]| signs.iter().any(|it| said.contains(it));
    let network = any(&[
        "Retrying (",
        "connection broken",
        "Connection refused",
        "Could not resolve host",
        "HTTPSConnectionPool",
        "Name or service not known",
        "Network is unreachable",
        "ReadTimeoutError",
        "Temporary failure in name resolution",
        "urlopen error",
    ]);
    let declared = any(&[
        "Could not find a version that satisfies",
        "Failed to resolve the requested dependencies",
        "Invalid requirement",
        "No matching distribution found",
        "No module named",
        "ResolutionImpossible",
        "ensurepip is not",
        "requires a different Python",
        "requirements file is not",
    ]);
    network || !declared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_fails_is_told_from_a_version_that_is_not_there() {
        let no_version = "ERROR: Could not find a version that satisfies the requirement ansible-core==2.99.0 (from \
                          versions: 2.0)\nERROR: No matching distribution found for ansible-core==2.99.0";
        let no_network =
            format!("WARNING: Retrying (Retry(total=0)) after connection broken by 'X'\n{no_version}");
        assert!(!is_passing(no_version));
        assert!(is_passing(&no_network));
        assert!(is_passing("Killed"));
        assert!(why(no_version).contains("2.99.0"));
        assert_eq!(why("first\nlast words\n\n"), "last words");
    }
}
