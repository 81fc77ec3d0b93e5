//! A workshop: a temporary directory with a repository that plays the remote, and a [`Git`] that follows it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::domain::{CommitHash, SourceName};
use crate::git::{
    Checkout, Fetched, Git, GitAccess, GitError, GitSettings, Limits, Owner, Remote, RemoteUrl,
};

pub(super) struct Workshop {
    pub(super) dir: TempDir,
    pub(super) git: Git,
}

/// A repository with a work tree, driven by the git program with nothing of the machine's configuration.
pub(super) struct Repository {
    pub(super) path: PathBuf,
}

pub(super) fn source() -> SourceName {
    "web".parse().expect("a name")
}

pub(super) fn limits() -> Limits {
    let (connect, stall, total) = (Duration::from_secs(20), Duration::from_secs(20), Duration::from_secs(60));
    Limits { connect, stall, total }
}

impl Workshop {
    pub(super) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("dl").tempdir().expect("a directory");
        let git = git_in(dir.path(), Path::new("git"));
        Self { dir, git }
    }

    /// From now on another program is git.
    pub(super) fn use_program(&mut self, program: &Path) {
        self.git = git_in(self.dir.path(), program);
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The cache of the source.
    pub(super) fn cache(&self) -> PathBuf {
        self.path("cache/web.git")
    }

    /// A new repository with the branch `main` and no commit.
    pub(super) fn repository(&self, name: &str) -> Repository {
        let repository = Repository { path: self.path(name) };
        std::fs::create_dir(&repository.path).expect("a directory");
        repository.git(["init", "-q", "-b", "main", "."]);
        repository
    }

    pub(super) async fn fetch(
        &self,
        repository: &Repository,
        admitted: Option<&CommitHash>,
    ) -> Result<Fetched, GitError> {
        self.git.fetch(&repository.remote(), admitted).await
    }

    /// Fetches and lays out what came.
    pub(super) async fn fetch_and_checkout(&self, repository: &Repository) -> Result<Checkout, GitError> {
        let fetched = self.fetch(repository, None).await?;
        self.checkout(&fetched.revision.commit, "checkout").await
    }

    pub(super) async fn checkout(&self, commit: &CommitHash, name: &str) -> Result<Checkout, GitError> {
        self.git.checkout(&source(), commit, &self.path(name), Owner::Same).await
    }
}

fn git_in(dir: &Path, program: &Path) -> Git {
    let (cache_dir, run_dir, home) = (dir.join("cache"), dir.join("run"), dir.join("home"));
    Git::new(GitSettings { cache_dir, run_dir, git_program: program.to_owned(), home })
}

/// Waits until something is so, and fails if it is not in time.
pub(super) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    while !is_so() {
        assert!(tokio::time::Instant::now() < deadline, "not in time: {what}");
        looks.tick().await;
    }
}

pub(super) fn remote_at(url: &str) -> Remote {
    Remote {
        name: source(),
        url: RemoteUrl::parse(url, true).expect("an address"),
        reference: "main".parse().expect("a branch"),
        access: GitAccess::default(),
        limits: limits(),
    }
}

/// Git for making test repositories: deterministic, and deaf to the machine's configuration.
pub(super) fn plain_git(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(dir)
        .env_clear()
        .env("PATH", crate::git::command::PROGRAM_PATH)
        .envs([("HOME", "/nonexistent"), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
        .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@b"), ("GIT_COMMITTER_NAME", "a")])
        .envs([("GIT_COMMITTER_EMAIL", "a@b"), ("GIT_AUTHOR_DATE", "@1700000000 +0000")])
        .env("GIT_COMMITTER_DATE", "@1700000000 +0000")
        .args(["-c", "core.autocrlf=false", "-c", "gc.auto=0", "-c", "core.protectNTFS=false"])
        .args(["-c", "core.protectHFS=false", "-c", "commit.gpgSign=false"]);
    command
}

impl Repository {
    pub(super) fn remote(&self) -> Remote {
        remote_at(self.path.to_str().expect("text"))
    }

    /// Runs git in it and returns what it printed.
    pub(super) fn git<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> String {
        self.git_with_input(arguments, b"")
    }

    pub(super) fn git_with_input<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a str>,
        input: &[u8],
    ) -> String {
        use std::io::Write as _;
        let arguments: Vec<&str> = arguments.into_iter().collect();
        let mut child = plain_git(&self.path)
            .args(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("git starts");
        child.stdin.take().expect("a pipe").write_all(input).expect("git reads");
        let output = child.wait_with_output().expect("git ends");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(super) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, content).expect("a file");
    }

    /// Commits all that is in the work tree.
    pub(super) fn commit(&self, message: &str) -> CommitHash {
        self.git(["add", "-A", "--force"]);
        self.git(["commit", "-q", "--allow-empty", "-m", message]);
        self.head()
    }

    pub(super) fn head(&self) -> CommitHash {
        self.git(["rev-parse", "HEAD"]).parse().expect("a hash")
    }

    /// Puts `main` onto a tree given as lines of `git mktree`, unchecked. Returns the commit.
    pub(super) fn commit_tree(&self, lines: &[u8]) -> CommitHash {
        let tree = self.git_with_input(["mktree", "-z", "--missing"], lines);
        self.commit_tree_id(&tree)
    }

    pub(super) fn commit_tree_id(&self, tree: &str) -> CommitHash {
        let commit = self.git(["commit-tree", tree, "-m", "made by hand"]);
        self.git(["update-ref", "refs/heads/main", &commit]);
        commit.parse().expect("a hash")
    }

    pub(super) fn blob(&self, content: &[u8]) -> String {
        self.git_with_input(["hash-object", "-w", "--stdin", "--literally"], content)
    }
}

/// Skips nothing silently: says what is missing and fails.
pub(super) fn root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("NOT SHOWN: this test changes owners, so it shows nothing unless run as root");
    }
    root
}
