//! What a run with the real `ansible-playbook` needs: a checkout, directories, an environment.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use driftless::ansible::clean::{Cleaner, NotKept};
use driftless::ansible::collection::Collection;
use driftless::ansible::command::{Access, Launch, launch, random_token};
use driftless::ansible::execute::{Audience, Execution, Finished, Guard};
use driftless::ansible::guardian::ResourceLimits;
use driftless::ansible::limits::Limits;
use driftless::ansible::place::{self, Place};
use driftless::ansible::runtime::{Runtime, RuntimeAccess, Runtimes};
use driftless::domain::{
    Ending, Mode, Outcome, RunEvent, RunEventKind, RunId, RunSpec, RuntimeSpec, Secret, Selection, Span,
    Trigger,
};

use crate::guardian::marked;

const PROGRAM: &str = env!("CARGO_BIN_EXE_driftless");

/// What the system's Ansible in this environment needs.
pub(crate) fn runtime_access(environment: &Path) -> RuntimeAccess {
    RuntimeAccess {
        python: environment.join("bin/python"),
        ansible_playbook: Some(environment.join("bin/ansible-playbook")),
        environment: BTreeMap::new(),
        run_as: None,
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A checkout and all directories that runs of it need.
pub(crate) struct Room {
    dir: tempfile::TempDir,
    pub(crate) spec: RunSpec,
    pub(crate) access: Access,
    /// What the secrets of its runs are taken out with.
    pub(crate) cleaner: fn() -> Box<dyn Cleaner>,
    /// What is done to the command of its runs.
    pub(crate) wrap: fn(&Place, &Runtime, Launch) -> Launch,
    /// The question that is answered with no.
    pub(crate) refused: Option<u32>,
}

pub(crate) struct Live {
    pub(crate) execution: Execution,
    pub(crate) events: Arc<Mutex<Vec<RunEvent>>>,
    pub(crate) marker: String,
}

impl Room {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let room = Self {
            dir: tempfile::tempdir().unwrap(),
            spec: spec(),
            access: Access::default(),
            cleaner: || Box::new(NotKept),
            wrap: |_, _, launch| launch,
            refused: None,
        };
        for dir in ["checkout", "runs", "runtimes", "state", "home"] {
            fs::create_dir(room.path(dir)).unwrap();
        }
        room.add(&[("hosts", "localhost ansible_connection=local\n")]);
        room.add(files);
        room
    }

    pub(crate) fn add(&self, files: &[(&str, &str)]) {
        for (path, contents) in files {
            let path = self.path("checkout").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    pub(crate) fn state(&self, file: &str) -> String {
        fs::read_to_string(self.path("state").join(file)).unwrap_or_default()
    }

    pub(crate) fn runtimes(&self) -> Runtimes {
        Runtimes::new(self.path("runtimes"), PathBuf::from(PROGRAM), String::new()).unwrap()
    }

    /// Starts a run as the daemon does it.
    pub(crate) fn start(&self, number: u64, access: &RuntimeAccess, limits: Limits) -> Live {
        let (runtimes, checkout) = (self.runtimes(), self.path("checkout"));
        let (runtime, repository) = block_on(async {
            let runtime = runtimes.prepare(&self.spec.runtime, &checkout, access).await.unwrap();
            let repository = runtimes.repository_config(&runtime, &checkout, access).await.unwrap();
            (runtime, repository)
        });
        let place = Place {
            checkout,
            run_dir: self.path("runs").join(number.to_string()),
            state_dir: self.path("state"),
            home: self.path("home"),
            launcher: Collection::install(self.dir.path(), Path::new("/nonexistent")).unwrap().launcher(),
            nonce: random_token().unwrap(),
            item_key: Secret::new(random_token().unwrap()),
        };
        let launch = launch(&self.spec, &place, &self.access, &runtime, &repository).unwrap();
        let launch = (self.wrap)(&place, &runtime, launch);
        let announcements = place.make(&launch.files, None).unwrap();
        let guard = Guard {
            program: PathBuf::from(PROGRAM),
            leftovers: place::leftovers(&place.run_dir, None),
            run_as: None,
            rlimits: ResourceLimits { core_bytes: Some(0), ..ResourceLimits::default() },
        };
        let events = Arc::new(Mutex::new(Vec::new()));
        let (questions, asked) = sync_channel(1000);
        let sink = {
            let events = Arc::clone(&events);
            Box::new(move |batch: &[RunEvent]| {
                for event in batch {
                    if let RunEventKind::HostsAsked { question, .. } = event.kind {
                        questions.send(question).ok();
                    }
                }
                events.lock().unwrap().extend_from_slice(batch);
            })
        };
        let log = fs::File::create(self.path(&format!("{number}.log"))).unwrap();
        let cleaner = (self.cleaner)();
        let audience =
            Audience { sink, log: Some(Box::new(log)), cleaner, announcements: Some(announcements) };
        let execution = Execution::spawn(&launch, &guard, limits, audience).unwrap();
        let (answers, refused) = (execution.answers(), self.refused);
        // Ends with the sink, which ends with the run.
        std::thread::spawn(move || {
            for question in asked {
                answers.answer(question, (Some(question) == refused).then_some("the test says no"));
            }
        });
        Live { execution, events, marker: guard.leftovers.marker }
    }

    /// A run from its beginning to its end.
    pub(crate) fn run(&self, number: u64, environment: &Path) -> Finished {
        self.start(number, &runtime_access(environment), limits()).end()
    }

    #[track_caller]
    pub(crate) fn assert_ending(&self, number: u64, environment: &Path, outcome: Outcome) {
        let finished = self.run(number, environment);
        let log = fs::read_to_string(self.path(&format!("{number}.log"))).unwrap_or_default();
        let ending = finished.ending(self.spec.mode);
        assert_eq!(ending, Ending::plain(outcome), "{}: {log}", environment.display());
    }
}

impl Live {
    pub(crate) fn end(self) -> Finished {
        let finished = block_on(self.execution.wait());
        assert_eq!(marked(&self.marker), Vec::<i32>::new(), "nothing may be left");
        finished
    }
}

pub(crate) fn limits() -> Limits {
    Limits::with_wall(Duration::from_secs(240))
}

pub(crate) fn spec() -> RunSpec {
    RunSpec {
        run: RunId(1),
        stack: "infra/web".parse().unwrap(),
        revision: format!("main@sha1:{}", "ab".repeat(20)).parse().unwrap(),
        mode: Mode::Apply,
        trigger: Trigger::NewRevision,
        merge_request: None,
        requested_by: None,
        failures_before: 0,
        outside_window: None,
        selection: Selection::Full,
        playbook: "site.yml".to_owned(),
        inventory: "hosts".to_owned(),
        limit: None,
        tags: Vec::new(),
        skip_tags: Vec::new(),
        extra_vars: BTreeMap::new(),
        forks: None,
        debts: Vec::new(),
        timeout: Span::from_secs(240),
        runtime: RuntimeSpec::System,
    }
}
