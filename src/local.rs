//! Commands that need no daemon: they look at files, say what they think of them, or write some.

mod audit;
mod backup;
mod doctor;
mod machine;
mod manual;
mod runtimes;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use driftless::api;
use driftless::cli::{self, CheckConfig, Init, SchemaWanted};
use driftless::config::{self, FileKind, Report, RepositoryFiles};
use driftless::daemon::{self, ServeOptions};
use driftless::domain::{Failure, SourceName};
use driftless::error::ExitCode;

pub(crate) use audit::{audit, needs_no_daemon};
pub(crate) use backup::{backup, restore};
pub(crate) use doctor::doctor;
pub(crate) use manual::manual;

/// Writes a report to standard error, in colour on a terminal.
pub(crate) fn complain(report: &Report) {
    let text = report.render(true);
    // If nobody can be told, the exit code still says it.
    drop(writeln!(anstream::stderr(), "{text}"));
}

/// Says why it cannot go on.
pub(crate) fn fail(message: &str) -> ExitCode {
    drop(writeln!(anstream::stderr(), "error: {message}"));
    ExitCode::Internal
}

fn say(text: &str) -> ExitCode {
    match writeln!(anstream::stdout(), "{text}") {
        Ok(()) => ExitCode::Success,
        // The reader has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::Success,
        Err(error) => fail(&format!("the answer cannot be written: {error}")),
    }
}

pub(crate) fn completions(shell: clap_complete::Shell) -> ExitCode {
    say(cli::completions(shell).trim_end())
}

pub(crate) fn schema(of: SchemaWanted) -> ExitCode {
    let schema = match of {
        SchemaWanted::Operator => config::operator_schema(),
        SchemaWanted::Repository => config::repository_schema(),
        SchemaWanted::Api => api::document(env!("CARGO_PKG_VERSION")),
    };
    say(&format!("{schema:#}"))
}

pub(crate) fn check_config(wanted: &CheckConfig, options: &ServeOptions) -> ExitCode {
    match &wanted.repository {
        Some(root) => check_repository(root),
        None => check_operator(options),
    }
}

fn check_operator(options: &ServeOptions) -> ExitCode {
    match daemon::read_config(options) {
        Ok(config) => {
            if !config.warnings.is_empty() {
                complain(&config.warnings);
            }
            let sources: Vec<&str> = config.sources.keys().map(SourceName::as_str).collect();
            say(&format!(
                "{} is valid: it follows {}",
                options.config.display(),
                listed(&sources, "nothing yet")
            ))
        }
        Err(report) => {
            complain(&report);
            ExitCode::Configuration
        }
    }
}

fn check_repository(root: &Path) -> ExitCode {
    let source: SourceName = "repository".parse().expect("`repository` is a name");
    let files = match Directory::read(root) {
        Ok(files) => files,
        Err(error) => {
            fail(&format!("{} cannot be read: {error}", root.display()));
            return ExitCode::Configuration;
        }
    };
    match config::repository_declaration(&source, &files) {
        Ok(declaration) => {
            let stacks: Vec<&str> = declaration.stacks.iter().map(|it| it.id.stack.as_str()).collect();
            let mut text = format!("the declaration is valid: stacks {}", listed(&stacks, "none"));
            for note in &declaration.notes {
                text.push_str("\nnote: ");
                text.push_str(note);
            }
            say(&text)
        }
        Err(failure) => {
            let mut stderr = anstream::stderr();
            for detail in &failure.details {
                drop(writeln!(stderr, "{detail}"));
            }
            drop(writeln!(stderr, "{failure}"));
            ExitCode::Configuration
        }
    }
}

fn listed(names: &[&str], none: &str) -> String {
    if names.is_empty() { none.to_owned() } else { names.join(", ") }
}

pub(crate) fn init(wanted: &Init, operator_file: &Path) -> ExitCode {
    let (path, text) = match &wanted.url {
        Some(url) => {
            (operator_file.to_owned(), config::operator_starter(&wanted.name, url, &wanted.reference))
        }
        None => match Directory::read(Path::new(".")) {
            Ok(files) => match config::starter(&files) {
                Ok(text) => (Path::new(config::REPOSITORY_FILE).to_owned(), text),
                Err(failure) => return fail(&failure.to_string()),
            },
            Err(error) => return fail(&format!("this directory cannot be read: {error}")),
        },
    };
    if wanted.print {
        return say(text.trim_end());
    }
    let check = if wanted.url.is_some() {
        format!("driftless check-config --config {}", path.display())
    } else {
        "driftless check-config --repository .".to_owned()
    };
    let created = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
    match created.and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => say(&format!("wrote {}; look at it, then run `{check}`", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            fail(&format!("{} is there already and stays as it is", path.display()));
            ExitCode::Refused
        }
        Err(error) => fail(&format!("{} cannot be written: {error}", path.display())),
    }
}

/// The files of a directory on this machine, as if they were those of a commit.
struct Directory {
    files: BTreeMap<String, FileKind>,
    root: std::path::PathBuf,
}

/// A repository with more files than this is not one that a person means.
const MOST_FILES: usize = 200_000;

impl Directory {
    fn read(root: &Path) -> std::io::Result<Self> {
        let mut files = BTreeMap::new();
        let mut open = vec![root.to_owned()];
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(&dir)? {
                let entry = entry?;
                let (path, kind) = (entry.path(), entry.file_type()?);
                if entry.file_name() == ".git" {
                    continue;
                }
                if kind.is_dir() {
                    open.push(path);
                    continue;
                }
                let kind = if kind.is_symlink() { FileKind::Symlink } else { FileKind::File };
                if let Some(below) = path.strip_prefix(root).ok().and_then(Path::to_str) {
                    files.insert(below.to_owned(), kind);
                }
            }
            if MOST_FILES < files.len() {
                return Err(std::io::Error::other("it has more than 200,000 files"));
            }
        }
        Ok(Self { files, root: root.to_owned() })
    }
}

impl RepositoryFiles for Directory {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        if !self.files.contains_key(path) {
            return Ok(None);
        }
        let content = std::fs::read(self.root.join(path));
        content.map(Some).map_err(|it| Failure::until_changed(format!("{path} cannot be read: {it}")))
    }

    fn kind(&self, path: &str) -> Result<Option<FileKind>, Failure> {
        let below = format!("{path}/");
        let directory =
            || self.files.range(below.clone()..).next().is_some_and(|(it, _)| it.starts_with(&below));
        Ok(self.files.get(path).copied().or_else(|| directory().then_some(FileKind::Directory)))
    }

    fn list(&self) -> Result<Vec<String>, Failure> {
        Ok(self.files.keys().cloned().collect())
    }
}
