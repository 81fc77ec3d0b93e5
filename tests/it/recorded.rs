//! What ansible-core of several versions told is read and judged, and judged alike on each of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::world::ansible_environments;
use driftless::ansible::decode::{Decoder, Line};
use driftless::ansible::lines::{Lines, Piece};
use driftless::domain::{
    Ending, Exit, HostEnd, Mode, ResultStatus, RunEvent, RunEventKind, Tally, TaskResult,
};

/// The nonce that `scripts/record-fixtures` gives.
const NONCE: &str = "00";

/// The versions that must be there, whatever else is.
const VERSIONS: [&str; 5] = ["2.16", "2.18", "2.19", "2.21", "2.22"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ansible")
}

/// A recorded stream, read.
struct Stream {
    name: String,
    raw: Vec<Vec<u8>>,
    events: Vec<RunEvent>,
    exit: Exit,
}

impl Stream {
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let decoder = Decoder::new(NONCE);
        let (mut raw, mut events, mut exit) = (Vec::new(), Vec::new(), None);
        let mut lines = Lines::new();
        let mut each = |piece: Piece<'_>| {
            let Piece::Whole(line) = piece else { panic!("{}: a line is too long", path.display()) };
            raw.push(line.to_vec());
            match decoder.decode(line) {
                Line::Event(event) => events.push(event),
                Line::Guardian(report) => exit = Some(report.exit()),
                other => panic!("{}: {other:?}: {}", path.display(), String::from_utf8_lossy(line)),
            }
        };
        lines.push(&bytes, &mut each);
        lines.finish(&mut each);
        let name = path.strip_prefix(fixtures()).unwrap_or(path).display().to_string();
        Self { name, raw, events, exit: exit.expect("the last line is the guardian's") }
    }

    /// The stream of one case on one version.
    fn of(version: &str, case: &str) -> Self {
        Self::read(&fixtures().join(version).join(format!("{case}.jsonl")))
    }

    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.events.iter().for_each(|event| tally.add(event));
        tally
    }

    fn results(&self) -> Vec<&TaskResult> {
        let results = self.events.iter().filter_map(|event| match &event.kind {
            RunEventKind::TaskEnded(result) => Some(result),
            _ => None,
        });
        results.collect()
    }

    fn items(&self) -> Vec<&TaskResult> {
        let results = self.events.iter().filter_map(|event| match &event.kind {
            RunEventKind::ItemEnded(result) => Some(result),
            _ => None,
        });
        results.collect()
    }

    fn ends(&self) -> Vec<(String, HostEnd)> {
        self.tally().host_ends().iter().map(|(host, end)| (host.to_string(), *end)).collect()
    }
}

/// The cases with their mode and how they are to be judged: `case | mode | outcome | reason`.
fn expected() -> BTreeMap<String, (Mode, String)> {
    let text = fs::read_to_string(fixtures().join("expected.txt")).expect("the table is there");
    let rows = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let parsed = rows.map(|row| {
        let cells: Vec<_> = row.splitn(4, '|').map(str::trim).collect();
        let [case, mode, outcome, reason] = cells.as_slice() else { panic!("not four cells: {row}") };
        let mode = if *mode == "check" { Mode::Check } else { Mode::Apply };
        ((*case).to_owned(), (mode, format!("{outcome} | {reason}").trim().to_owned()))
    });
    parsed.collect()
}

fn judged(stream: &Stream, mode: Mode) -> String {
    let ending = Ending::judge(mode, stream.exit, &stream.tally());
    let reason = ending.reason.map(|reason| reason.to_string()).unwrap_or_default();
    format!("{} | {reason}", ending.outcome).trim().to_owned()
}

/// Every case in a directory of streams, against the table. Texts of parse errors are each version's own: of those
/// only the beginning up to `…` is in the table.
fn compare(directory: &Path, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for (case, (mode, expected)) in expected().into_iter().filter(|(case, _)| wanted(case)) {
        let stream = Stream::read(&directory.join(format!("{case}.jsonl")));
        let judged = judged(&stream, mode);
        let same = match expected.strip_suffix('…') {
            Some(beginning) => judged.starts_with(beginning),
            None => judged == expected,
        };
        if !same {
            wrong.push(format!("{}:\n  expected {expected}\n  judged   {judged}", stream.name));
        }
    }
    wrong
}

#[test]
fn every_recorded_run_is_judged_alike_on_every_version() {
    let wrong: Vec<_> =
        VERSIONS.iter().flat_map(|version| compare(&fixtures().join(version), |_| true)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_recorded_stream_is_in_the_table() {
    let expected = expected();
    for version in VERSIONS {
        for entry in fs::read_dir(fixtures().join(version)).unwrap() {
            let path = entry.unwrap().path();
            let case = path.file_stem().unwrap().to_str().unwrap();
            assert!(expected.contains_key(case), "{version}/{case} is not in expected.txt");
        }
    }
}

fn every_stream() -> impl Iterator<Item = Stream> {
    VERSIONS.iter().flat_map(|version| expected().into_keys().map(move |case| Stream::of(version, &case)))
}

#[test]
fn the_fast_reader_and_serde_agree_on_every_recorded_line() {
    for stream in every_stream() {
        let events: Vec<RunEvent> = stream.raw[..stream.raw.len() - 1]
            .iter()
            .map(|line| serde_json::from_slice(&line[NONCE.len() + 1..]).unwrap())
            .collect();
        assert_eq!(stream.events, events, "{}", stream.name);
    }
}

#[test]
fn no_recorded_stream_holds_the_value_of_a_variable() {
    for stream in every_stream() {
        for line in &stream.raw {
            let line = String::from_utf8_lossy(line);
            assert!(!line.contains("s3cr3t"), "{}: {line}", stream.name);
        }
    }
}

#[test]
fn without_its_recap_no_run_is_good() {
    for stream in every_stream() {
        let mut tally = Tally::default();
        let kept = stream.events.iter().filter(|it| !matches!(it.kind, RunEventKind::Stats { .. }));
        kept.for_each(|event| tally.add(event));
        for exit in [Exit::Code(0), Exit::Code(2), Exit::Signal(9), Exit::Unknown] {
            let ending = Ending::judge(Mode::Apply, exit, &tally);
            assert!(!ending.outcome.is_success(), "{}: {ending:?}", stream.name);
            assert!(ending.reason.is_some(), "{}", stream.name);
        }
        assert!(!tally.host_ends().values().any(|it| *it == HostEnd::Converged), "{}", stream.name);
    }
}

#[test]
fn a_run_cut_off_anywhere_is_not_good() {
    for stream in every_stream() {
        let mut tally = Tally::default();
        for event in &stream.events {
            let ending = Ending::judge(Mode::Apply, Exit::Signal(9), &tally);
            assert!(!ending.outcome.is_success(), "{}: {ending:?}", stream.name);
            tally.add(event);
        }
    }
}

#[test]
fn hosts_that_were_left_out_are_not_done() {
    use HostEnd::{Converged, Failed, Unfinished};

    let host = |name: &str, end| (name.to_owned(), end);
    for version in VERSIONS {
        let of = |case| Stream::of(version, case).ends();
        let batches = [host("h1", Unfinished), host("h2", Failed), host("h3", Unfinished)];
        assert_eq!(of("serial-broken"), batches, "h1 misses the second play, h3 its batch: {version}");
        assert_eq!(
            of("any-errors-fatal"),
            [host("h1", Unfinished), host("h2", Failed), host("h3", Unfinished)]
        );
        assert_eq!(of("max-fail-percentage"), of("any-errors-fatal"), "{version}");
        assert_eq!(of("failed"), [host("h1", Converged), host("h2", Failed)], "{version}");
        for meant in ["end-host", "end-batch", "rescued", "ignored", "serial"] {
            assert!(of(meant).iter().all(|(_, end)| *end == Converged), "{version}/{meant}: {:?}", of(meant));
        }
        let whole = [host("h1", Converged), host("h2", Converged), host("h3", Converged)];
        assert_eq!(of("end-play"), whole, "{version}");
    }
}

#[test]
fn of_a_hidden_task_only_status_and_changed_are_told() {
    for version in VERSIONS {
        let stream = Stream::of(version, "no-log");
        let shown: Vec<_> = stream.results().iter().map(|it| (it.status, it.changed)).collect();
        let expected = [
            (ResultStatus::Ok, true),
            (ResultStatus::Ok, false),
            (ResultStatus::Ok, true),
            (ResultStatus::Ignored, false),
            (ResultStatus::Ok, false),
        ];
        assert_eq!(shown, expected, "{version}");
        for result in stream.results().into_iter().chain(stream.items()) {
            assert!(result.no_log, "{version}: {result:?}");
            assert_eq!((result.module.as_str(), result.duration_ms, &result.delegated_to), ("", 0, &None));
            assert_eq!(result.item.as_ref().map_or("", |it| it.digest.as_str()), "", "{version}");
        }
        assert_eq!(stream.items().len(), 2, "{version}");
    }
}

#[test]
fn check_mode_says_what_it_could_not_see() {
    for version in VERSIONS {
        let stream = Stream::of(version, "changed-in-check");
        let told: Vec<_> =
            stream.results().iter().map(|it| (it.status, it.changed, it.blind, it.for_real)).collect();
        let expected = [
            (ResultStatus::Skipped, false, true, false),  // a command
            (ResultStatus::Skipped, false, true, false),  // raw
            (ResultStatus::Ok, false, false, false),      // `creates` exists
            (ResultStatus::Ok, true, false, true),        // check_mode: false
            (ResultStatus::Skipped, false, false, false), // a false condition
            (ResultStatus::Skipped, false, true, false),  // a loop of commands
            (ResultStatus::Skipped, false, false, false), // a loop with a false condition
            (ResultStatus::Ok, true, false, false),       // would change
            (ResultStatus::Skipped, false, false, false), // hidden: nothing more is told
        ];
        assert_eq!(told, expected, "{version}");
    }
}

#[test]
fn tasks_are_identified_by_what_the_repository_says() {
    for version in VERSIONS {
        let identities: Vec<_> = Stream::of(version, "roles")
            .events
            .iter()
            .filter_map(|event| match &event.kind {
                RunEventKind::TaskStarted { identity, handler, .. } => Some((
                    identity.path.clone(),
                    identity.line,
                    identity.name.clone(),
                    identity.occurrence,
                    *handler,
                )),
                _ => None,
            })
            .collect();
        let at = |path: &str, line, name: &str, occurrence, handler| {
            (format!("roles/{path}/main.yml"), line, name.to_owned(), occurrence, handler)
        };
        let expected = [
            at("base/tasks", 1, "Base of {{ inventory_hostname }}", 0, false),
            at("base/tasks", 4, "The same name", 0, false),
            at("base/tasks", 6, "The same name", 1, false),
            at("twice/tasks", 1, "Twice", 0, false),
            at("twice/tasks", 1, "Twice", 1, false),
            at("base/handlers", 1, "Base handler", 0, true),
        ];
        assert_eq!(identities, expected, "{version}");
    }
}

#[test]
fn attempts_delegation_and_items_are_told_alike() {
    for version in VERSIONS {
        let stream = Stream::of(version, "retries");
        let retried = stream.events.iter().filter_map(|event| match event.kind {
            RunEventKind::Retried { task, attempt, retries, .. } => Some((task, attempt, retries)),
            _ => None,
        });
        assert_eq!(retried.collect::<Vec<_>>(), [(0, 1, 5), (0, 2, 5), (1, 1, 3), (1, 2, 3)], "{version}");

        let stream = Stream::of(version, "delegate");
        let to = |it: &&TaskResult| it.delegated_to.as_ref().map(ToString::to_string).unwrap_or_default();
        assert_eq!(stream.items().iter().map(to).collect::<Vec<_>>(), ["h2", "h3"], "{version}");
        let results: Vec<_> = stream.results().iter().map(to).collect();
        assert_eq!((results[0].as_str(), results[2].as_str()), ("h2", "h3"), "{version}");

        let stream = Stream::of(version, "loop");
        let items: Vec<_> =
            stream.items().iter().map(|it| (it.task, it.item.as_ref().unwrap().index)).collect();
        assert_eq!(items, [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)], "{version}");
        let digests = |stream: &Stream| -> Vec<_> {
            stream.items().iter().map(|it| it.item.as_ref().unwrap().digest.clone()).collect()
        };
        let others = digests(&Stream::of("2.16", "loop"));
        if version != "2.22" {
            // From 2.22 on secrets in items are masked before callbacks see them.
            assert_eq!(digests(&stream), others, "{version}");
        }
        assert_ne!(others[0], others[1]);
    }
}

/// Cases that are run on real Ansible each time, and not only read from a record. With `DRIFTLESS_TEST_FULL` all are.
const LIVE: [&str; 16] = [
    "bad-second-play",
    "bad-yaml",
    "callback-shadowed",
    "changed-in-check",
    "failed",
    "hostile",
    "inventory-missing",
    "loop",
    "no-log",
    "no-tags",
    "prompt",
    "retries",
    "serial-broken",
    "unknown-group",
    "unknown-limit",
    "unreachable",
];

#[test]
fn real_runs_are_judged_as_the_recorded_ones() {
    #[expect(clippy::disallowed_methods, reason = "the test's own input, given by scripts/test")]
    let full = std::env::var("DRIFTLESS_TEST_FULL").is_ok();
    let environments = ansible_environments();
    let cases: Vec<String> =
        if full { expected().into_keys().collect() } else { LIVE.map(str::to_owned).to_vec() };

    std::thread::scope(|scope| {
        let runs: Vec<_> = environments.iter().map(|it| scope.spawn(|| run_live(it, &cases))).collect();
        let wrong: Vec<String> =
            runs.into_iter().flat_map(|it| it.join().expect("it does not panic")).collect();
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    });
}

fn run_live(environment: &Path, cases: &[String]) -> Vec<String> {
    let into = tempfile::tempdir().expect("a directory");
    let recorded = std::process::Command::new(environment.join("bin/python"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/record-fixtures"))
        .arg("--into")
        .arg(into.path())
        .args(cases.iter().flat_map(|case| ["--only", case.as_str()]))
        .arg(environment)
        .output()
        .expect("the recorder starts");
    assert!(recorded.status.success(), "{}", String::from_utf8_lossy(&recorded.stderr));
    let mut made = fs::read_dir(into.path()).expect("the directory is there");
    let directory = made.next().expect("one version").expect("it can be read").path();
    compare(&directory, |case| cases.iter().any(|it| it == case))
}
