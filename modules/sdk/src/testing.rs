//! Runs a module in a test: in process, or as Ansible does.
//!
//! ```
//! # use driftless_module::prelude::*;
//! # /// Says hello
//! # #[derive(Arguments)]
//! # struct Hello {
//! #     /// Whom to greet.
//! #     name: String,
//! # }
//! # impl Inspection for Hello {
//! #     const NAME: &'static str = "hello";
//! #     type Returned = ();
//! #     fn inspect(&self, _: &Context) -> Result<(), Failure> { Ok(()) }
//! # }
//! use driftless_module::testing::Task;
//!
//! Task::of(inspection::<Hello>()).with("name", "you").run().assert_unchanged();
//! Task::of(inspection::<Hello>()).run().assert_failed("missing required arguments: name");
//! ```

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::run::{self, Entry};

/// A task of a playbook.
#[derive(Clone, Debug)]
pub struct Task {
    subject: Subject,
    arguments: Map<String, Value>,
}

#[derive(Clone, Debug)]
enum Subject {
    InProcess(Entry),
    Program { path: PathBuf, by_stdin: bool },
}

impl Task {
    /// The module runs in the process of the test.
    pub fn of(entry: Entry) -> Self {
        Self::new(Subject::InProcess(entry), entry.name())
    }

    /// The program runs as Ansible runs it: with the path of a file as its argument. Cargo tells an integration test the path
    /// of a program, `env!("CARGO_BIN_EXE_motd")`.
    pub fn of_program(path: impl Into<PathBuf>, name: &str) -> Self {
        Self::new(Subject::Program { path: path.into(), by_stdin: false }, name)
    }

    fn new(subject: Subject, name: &str) -> Self {
        let settings = json!({
            "_ansible_check_mode": false,
            "_ansible_diff": false,
            "_ansible_module_name": name,
            "_ansible_no_log": false,
            "_ansible_verbosity": 0,
        });
        let Value::Object(arguments) = settings else { unreachable!("it is written as one") };
        Self { subject, arguments }
    }

    /// Sets an argument, or a setting such as `_ansible_version`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("an argument is JSON");
        self.arguments.insert(name.to_owned(), value);
        self
    }

    /// The program gets its arguments on standard input.
    #[must_use]
    pub fn by_stdin(mut self) -> Self {
        if let Subject::Program { by_stdin, .. } = &mut self.subject {
            *by_stdin = true;
        }
        self
    }

    /// Runs it as `ansible-playbook --diff` does.
    pub fn run(&self) -> Outcome {
        self.clone().with("_ansible_diff", true).start()
    }

    /// Runs it as `ansible-playbook --check --diff` does.
    pub fn check(&self) -> Outcome {
        self.clone().with("_ansible_diff", true).with("_ansible_check_mode", true).start()
    }

    /// Checks that the module changes something, that check mode predicts exactly what then happens, and that it is done
    /// after that: a second run and a second check find nothing to change. Gives the result of the first run.
    pub fn assert_converges(&self) -> Outcome {
        let predicted = self.check();
        predicted.assert_changed();
        let outcome = self.run();
        assert_eq!(
            outcome.result, predicted.result,
            "check mode (right) predicted something else than happened"
        );
        self.run().assert_unchanged();
        self.check().assert_unchanged();
        outcome
    }

    fn start(&self) -> Outcome {
        let input = serde_json::to_vec(&self.arguments).expect("arguments are JSON");
        match &self.subject {
            Subject::InProcess(entry) => Outcome { result: run::run(std::slice::from_ref(entry), &input) },
            Subject::Program { path, by_stdin: true } => Outcome::read(&give(path, &input)),
            Subject::Program { path, by_stdin: false } => {
                let file = ArgumentFile::new(&input);
                let output = Command::new(path).arg(&file.0).stdin(Stdio::null()).output();
                Outcome::read(
                    &output.unwrap_or_else(|error| panic!("cannot run {}: {error}", path.display())),
                )
            }
        }
    }
}

fn give(program: &Path, input: &[u8]) -> Output {
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.spawn().unwrap_or_else(|error| panic!("cannot run {}: {error}", program.display()));
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input).expect("a module reads its arguments before it answers");
    drop(stdin);
    child.wait_with_output().expect("a child can be waited for")
}

/// As Ansible leaves it for the module: readable for its user only.
struct ArgumentFile(PathBuf);

impl ArgumentFile {
    fn new(input: &[u8]) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("module-{}-{}.json", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(name);
        let file = File::options().write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(input)).expect("the temporary directory can be written");
        Self(path)
    }
}

impl Drop for ArgumentFile {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// What the task returned.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    result: Map<String, Value>,
}

impl Outcome {
    fn read(output: &Output) -> Self {
        let (text, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let result: Map<String, Value> = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("not one JSON object ({error}): {text}\n{errors}"));
        let failed = result.get("failed") == Some(&Value::Bool(true));
        assert_eq!(output.status.success(), !failed, "{} and {text}\n{errors}", output.status);
        Self { result }
    }

    /// A key of the result.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.result.get(key)
    }

    /// The whole result.
    pub fn result(&self) -> &Map<String, Value> {
        &self.result
    }

    /// The message, `msg`.
    pub fn message(&self) -> &str {
        self.get("msg").and_then(Value::as_str).unwrap_or_default()
    }

    fn is(&self, key: &str) -> bool {
        self.get(key) == Some(&Value::Bool(true))
    }

    /// It changed something, or would.
    pub fn assert_changed(&self) -> &Self {
        assert!(!self.is("failed"), "it failed: {}", self.message());
        assert!(self.is("changed"), "it changed nothing: {:?}", self.result);
        self
    }

    /// It changed nothing, and did not fail.
    pub fn assert_unchanged(&self) -> &Self {
        assert!(!self.is("failed"), "it failed: {}", self.message());
        assert!(!self.is("changed"), "it changed something: {:?}", self.result);
        self
    }

    /// It failed, and the message has this part.
    pub fn assert_failed(&self, part: &str) -> &Self {
        assert!(self.is("failed"), "it did not fail: {:?}", self.result);
        assert!(self.message().contains(part), "it failed with another message: {}", self.message());
        self
    }

    /// It could not say in check mode what it would do.
    pub fn assert_blind(&self) -> &Self {
        let says = self.message().ends_with("does not support check mode");
        assert!(self.is("skipped") && says, "it was not skipped: {:?}", self.result);
        self
    }

    /// This text is nowhere in the result.
    pub fn assert_hides(&self, secret: &str) -> &Self {
        let mut shown = self.result.clone();
        // That key is how Ansible learns what to hide.
        shown.remove("_ansible_new_secrets");
        let shown = serde_json::to_string(&shown).expect("it was JSON");
        assert!(!shown.contains(secret), "the secret is shown: {shown}");
        self
    }
}

/// Checks that the file beside the plugin says what the types say.
pub fn assert_documented(entry: Entry, file: impl AsRef<Path>) {
    let file = file.as_ref();
    let written = fs::read_to_string(file).unwrap_or_default();
    assert!(
        written == entry.documentation(),
        "{} is not up to date: write to it what the program prints with `--documentation {}`",
        file.display(),
        entry.name()
    );
}
