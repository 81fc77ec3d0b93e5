//! A forge for tests: a project with a real repository over HTTPS, merge requests, reviews, comments and statuses, and
//! the APIs of GitHub, GitLab, Forgejo and Gitea in front of it. No forge can be installed on a machine of tests, so
//! this one answers in whole objects of their documentation (`tests/fixtures/forge`).

mod answer;
mod backend;
mod by_hand;
pub(super) mod certificate;
mod clients;
mod gitea;
mod github;
mod gitlab;
mod operator;
mod project;
mod repository;
mod server;
mod weather;
mod webhooks;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use driftless::domain::{CommitHash, ForgeKind};
use git2::Oid;
use tokio::sync::oneshot;

pub(crate) use project::{BOT, Comment, Status};
use project::{MAIN, Project, Said, State};
pub(crate) use repository::How;
pub(crate) use server::Seen;
use server::{Shared, TOKEN};
pub(crate) use weather::Fault;
pub(crate) use webhooks::Delivery;
use webhooks::{Happened, send};

/// An answer of the documentation, to be filled in.
macro_rules! template {
    ($name:literal) => {{
        static TEMPLATE: std::sync::LazyLock<serde_json::Value> = std::sync::LazyLock::new(|| {
            let text = include_str!(concat!("../../fixtures/forge/", $name, ".json"));
            serde_json::from_str(text).expect("JSON")
        });
        TEMPLATE.clone()
    }};
}
use template;

/// A running forge. It ends when it is dropped.
pub(crate) struct Forge {
    shared: Arc<Shared>,
    ca_bundle: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Forge {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// What it is.
impl Forge {
    /// A forge with the project `acme/infra`, whose branch `main` has one commit with a `README.md`.
    pub(crate) fn start(kind: ForgeKind) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join("acme")).expect("a directory");
        let bare = repository::Bare::init(&dir.path().join("acme/infra.git"));
        let first = bare.commit(None, &[("README.md", Some("infra\n"))], ("ada", "Begin"));
        bare.set(MAIN, first);
        let (ca_bundle, tls) = certificate::make(dir.path());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("set");
        let shared = Arc::new(Shared {
            kind,
            address: format!("https://{}", listener.local_addr().expect("an address")),
            dir,
            token: TOKEN,
            project: Mutex::new(Project::new(kind, bare)),
            weather: Mutex::default(),
            seen: Mutex::default(),
            webhooks: webhooks::Webhooks::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        *shared.webhooks.runtime.lock().expect("a lock") = Some(runtime.handle().clone());
        let served = shared.clone();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    () = server::serve(served, listener, tls) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Self { shared, ca_bundle, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn kind(&self) -> ForgeKind {
        self.shared.kind
    }

    /// Where its API begins.
    pub(crate) fn api_url(&self) -> String {
        format!("{}{}", self.shared.address, self.shared.prefix())
    }

    /// Where the repository is cloned from, with [`Self::token`] as the password of any user.
    pub(crate) fn git_url(&self) -> String {
        format!("{}/acme/infra.git", self.shared.address)
    }

    /// The name of the project.
    pub(crate) fn project(&self) -> String {
        let project = self.lock();
        format!("{}/{}", project.owner, project.name)
    }

    /// The access token of [`BOT`].
    pub(crate) fn token(&self) -> &str {
        self.shared.token
    }

    /// The authority that signed its certificate.
    pub(crate) fn ca_bundle(&self) -> &Path {
        &self.ca_bundle
    }

    /// The repository itself.
    pub(crate) fn repository(&self) -> PathBuf {
        self.lock().bare.path.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Project> {
        self.shared.project.lock().expect("a lock")
    }

    fn tell(&self, happened: &Happened) {
        send(&self.shared, happened);
    }
}

/// What people do.
impl Forge {
    /// Pushes a commit with these files to a branch. A new branch begins at `main`.
    pub(crate) fn push(&self, branch: &str, files: &[(&str, &str)]) -> CommitHash {
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(*text))).collect();
        self.push_changes(branch, &files)
    }

    /// As [`Self::push`]; a file without text is deleted.
    pub(crate) fn push_changes(&self, branch: &str, files: &[(&str, Option<&str>)]) -> CommitHash {
        self.push_to(&format!("refs/heads/{branch}"), None, files)
    }

    /// Pushes one commit on top of `main` in place of what was on the branch.
    pub(crate) fn force_push(&self, branch: &str, files: &[(&str, &str)]) -> CommitHash {
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(*text))).collect();
        let main = self.lock().bare.head(MAIN);
        self.push_to(&format!("refs/heads/{branch}"), main, &files)
    }

    /// Pushes to a branch of the fork of a person.
    pub(crate) fn push_to_fork(&self, who: &str, branch: &str, files: &[(&str, &str)]) -> CommitHash {
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(*text))).collect();
        self.push_to(&format!("refs/forks/{who}/{branch}"), None, &files)
    }

    fn push_to(&self, reference: &str, parent: Option<Oid>, files: &[(&str, Option<&str>)]) -> CommitHash {
        let commit = {
            let project = self.lock();
            let tip = project.bare.head(reference).or_else(|| project.bare.head(MAIN));
            let commit = project.bare.commit(parent.or(tip), files, ("ada", "Change"));
            project.bare.set(reference, commit);
            commit
        };
        pushed(&self.shared, "ada");
        hash(commit)
    }

    /// Opens a merge request from a branch into `main`.
    pub(crate) fn open(&self, branch: &str, title: &str, author: &str) -> u64 {
        self.open_from(branch, title, author, false)
    }

    /// As [`Self::open`], from the fork of its author.
    pub(crate) fn open_from_fork(&self, branch: &str, title: &str, author: &str) -> u64 {
        self.open_from(branch, title, author, true)
    }

    fn open_from(&self, branch: &str, title: &str, author: &str, fork: bool) -> u64 {
        let number = self.lock().open(branch, title, author, fork);
        self.tell(&Happened::Request { number, action: "opened", by: author.to_owned() });
        number
    }

    /// Says that it is not ready, or that it is.
    pub(crate) fn draft(&self, number: u64, is_draft: bool) {
        let mut project = self.lock();
        project.request(number).draft = is_draft;
        project.touch(number);
    }

    pub(crate) fn approve(&self, number: u64, who: &str) {
        self.lock().review(number, who, Said::Approved);
        self.tell(&Happened::Request { number, action: "approved", by: who.to_owned() });
    }

    /// At GitLab there is no such thing: there it withdraws an approval.
    pub(crate) fn request_changes(&self, number: u64, who: &str) {
        if self.kind() == ForgeKind::Gitlab {
            return self.dismiss(number, who);
        }
        self.lock().review(number, who, Said::ChangesRequested);
    }

    /// A review that says neither yes nor no.
    pub(crate) fn remark(&self, number: u64, who: &str) {
        self.lock().review(number, who, Said::Commented);
    }

    /// Dismisses what a person approved; at GitLab the person withdraws it.
    pub(crate) fn dismiss(&self, number: u64, who: &str) {
        let mut project = self.lock();
        project
            .request(number)
            .reviews
            .iter_mut()
            .filter(|it| it.by == who)
            .for_each(|it| it.dismissed = true);
        project.touch(number);
    }

    /// A person who may read and comment only.
    pub(crate) fn outsider(&self, who: &str) {
        self.lock().outsiders.push(who.to_owned());
    }

    /// Merges into `main`. The commit that did it.
    pub(crate) fn merge(&self, number: u64, who: &str, how: How) -> CommitHash {
        let commit = self.lock().merge(number, who, how);
        self.tell(&Happened::Request { number, action: "closed", by: who.to_owned() });
        pushed(&self.shared, who);
        hash(commit)
    }

    pub(crate) fn close(&self, number: u64) {
        self.lock().close(number);
        self.tell(&Happened::Request { number, action: "closed", by: "ada".to_owned() });
    }

    pub(crate) fn reopen(&self, number: u64) {
        let mut project = self.lock();
        project.request(number).state = State::Open;
        project.touch(number);
        drop(project);
        self.tell(&Happened::Request { number, action: "reopened", by: "ada".to_owned() });
    }

    /// A comment of somebody, for example of [`BOT`].
    pub(crate) fn comment_as(&self, number: u64, who: &str, body: &str) -> u64 {
        self.lock().comment(number, who, body).id
    }

    pub(crate) fn delete_comment(&self, id: u64) {
        assert!(self.lock().delete_comment(id), "there is no such comment");
    }
}

/// What is to be seen.
impl Forge {
    pub(crate) fn comments(&self, number: u64) -> Vec<Comment> {
        self.lock().requests[&number].comments.clone()
    }

    /// All statuses of a commit, the oldest first.
    pub(crate) fn statuses(&self, commit: &CommitHash) -> Vec<Status> {
        let project = self.lock();
        project.statuses.iter().filter(|it| it.commit == commit.as_str()).cloned().collect()
    }

    /// The head of a merge request.
    pub(crate) fn head(&self, number: u64) -> CommitHash {
        let mut project = self.lock();
        project.refresh();
        hash(project.requests[&number].head)
    }

    /// The tip of `main`.
    pub(crate) fn main(&self) -> CommitHash {
        hash(self.lock().bare.head(MAIN).expect("a main branch"))
    }

    /// The requests to the API since this was asked last.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.shared.seen.lock().expect("a lock"))
    }

    /// What was sent to [`Self::send_webhooks_to`] and answered.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.shared.webhooks.deliveries.lock().expect("a lock").clone()
    }
}

/// How it behaves.
impl Forge {
    /// Sends what happens to `http://host:port/path` from now on.
    pub(crate) fn send_webhooks_to(&self, url: &str, secret: &str) {
        *self.shared.webhooks.receiver.lock().expect("a lock") = Some((url.to_owned(), secret.to_owned()));
    }

    /// What happens to the next requests of the API, one after the other.
    pub(crate) fn faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.weather.lock().expect("a lock").announce(faults);
    }

    /// The forge asks to wait at the next `count` requests.
    pub(crate) fn rate_limit(&self, count: usize, seconds: u64) {
        self.faults(std::iter::repeat_n(Fault::RateLimit(seconds), count));
    }

    /// No page of a list has more entries than this.
    pub(crate) fn page_limit(&self, entries: usize) {
        self.shared.weather.lock().expect("a lock").largest_page = Some(entries);
    }

    /// Pushes to a branch right after the answer to the next request that ends so: `GET /repos/acme/infra/pulls`.
    pub(crate) fn push_after(&self, request: &str, branch: &str, path: &'static str, text: &'static str) {
        let reference = format!("refs/heads/{branch}");
        self.after(request, move |project| {
            let tip = project.bare.head(&reference);
            let commit = project.bare.commit(tip, &[(path, Some(text))], ("ada", "Change"));
            project.bare.set(&reference, commit);
        });
    }

    /// Deletes all comments of ours right after the answer to the next request that ends so.
    pub(crate) fn delete_comments_after(&self, request: &str) {
        self.after(request, |project| {
            project.requests.values_mut().for_each(|it| it.comments.retain(|it| it.by != BOT));
        });
    }

    /// Comments as our account right after the answer to the next request that ends so: another one of us.
    pub(crate) fn comment_after(&self, request: &str, number: u64, body: &str) {
        let body = body.to_owned();
        self.after(request, move |project| drop(project.comment(number, BOT, &body)));
    }

    fn after(&self, request: &str, action: impl FnOnce(&mut Project) + Send + 'static) {
        self.shared.weather.lock().expect("a lock").after(request, Box::new(action));
    }
}

/// Looks at what was pushed, and tells of it.
fn pushed(shared: &Arc<Shared>, by: &str) {
    let by = || by.to_owned();
    let (branches, requests) = {
        let mut project = shared.project.lock().expect("a lock");
        let heads: Vec<(u64, Oid)> = project.requests.values().map(|it| (it.number, it.head)).collect();
        project.refresh();
        let moved = heads.into_iter().filter(|(number, head)| project.requests[number].head != *head);
        let requests: Vec<u64> = moved.map(|(number, _)| number).collect();
        (project.moved(), requests)
    };
    for (branch, before, after) in branches {
        send(shared, &Happened::Pushed { branch, before, after, by: by() });
    }
    for number in requests {
        send(shared, &Happened::Request { number, action: "synchronize", by: by() });
    }
}

fn hash(commit: Oid) -> CommitHash {
    commit.to_string().parse().expect("a hash")
}
