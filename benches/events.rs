//! How many events are decoded, and decoded and recorded, and what that takes of memory.
//!
//! One run of a million results is fed in blocks, each block first decoded alone and then decoded and recorded as the
//! daemon does: cut into lines, decoded, counted, written to the run's compressed file, and four times a second told to
//! the database. Making the lines is not measured.

mod common;
mod memory;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use driftless::ansible::decode::{Decoder, Line};
use driftless::ansible::lines::{Lines, Piece};
use driftless::domain::{
    Decision, Event, Mode, RunEvent, RunId, RunSpec, RuntimeSpec, Selection, Span, Tally, Timestamp, Trigger,
};
use driftless::store::{Recorder, Store, StoreSettings};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

const NONCE: &str = "0123456789abcdef0123456789abcdef";

/// Bytes of one line. What the callback tells is about 200; the rest are fields that nobody knows.
const LINE_BYTES: usize = 1300;

/// Events of one block, and how many hosts they are of.
const BLOCK: u32 = 2_500;
const HOSTS: u32 = 1_000;

/// Parts of the run, each a pair of measurements.
const SLICES: u32 = 8;

/// What is read from a pipe at once, in bytes.
const CHUNK: usize = 64 << 10;

/// How often the daemon records the progress of a run, and every how many of these it flushes the events.
const RECORD_EVERY: Duration = Duration::from_millis(250);
const FLUSH_EVERY: u32 = 4;

fn main() {
    let slice = if common::is_quick() { 25_000 } else { 125_000 };
    let mut bench = Bench::new();
    let mut slices = Vec::new();
    let mut memory = vec![json!({"events": 0, "kib": memory::memory_kib("VmRSS:")})];
    for number in 1..=SLICES {
        let (mut decoding, mut recording) = (Spent::default(), Spent::default());
        for _ in 0..slice / BLOCK {
            bench.next_block();
            decoding.add(|| bench.decode());
            recording.add(|| bench.record());
        }
        let rate = |spent: Duration| f64::from(slice) / spent.as_secs_f64();
        slices.push(json!({
            "decoded_per_second": rate(decoding.wall), "decoded_per_cpu_second": rate(decoding.cpu),
            "recorded_per_second": rate(recording.wall), "recorded_per_cpu_second": rate(recording.cpu),
        }));
        if number % 2 == 0 {
            memory.push(json!({"events": number * slice, "kib": memory::memory_kib("VmRSS:")}));
        }
    }
    let (events, bytes) = bench.finish();
    assert_eq!(events, u64::from(slice * SLICES), "each event is counted");
    common::print(&json!({
        "events": events, "line_bytes": LINE_BYTES, "file_bytes": bytes, "slices": slices, "memory": memory,
        "peak_kib": memory::memory_kib("VmHWM:"),
    }));
}

struct Bench {
    decoder: Decoder,
    lines: Lines,
    block: Vec<u8>,
    made: u32,
    recorder: Recorder,
    tally: Tally,
    recorded: u64,
    told: Instant,
    ticks: u32,
    store: Store,
    executor: tokio::runtime::Runtime,
    /// Where all of it is; removed at the end.
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let settings = StoreSettings { ballast_bytes: 0, free_floor_bytes: 0 };
        let (store, _) = Store::open(dir.path(), settings).expect("a store");
        let executor = tokio::runtime::Builder::new_current_thread().build().expect("an executor");
        let start = Decision::Start { spec: Box::new(spec()), reason: "a bench".to_owned() };
        let journal = store.journal(Timestamp::UNIX_EPOCH, &Event::Tick, std::slice::from_ref(&start), &[]);
        executor.block_on(journal).expect("the run is recorded");
        let recorder = store.recorder(&spec(), None).expect("a recorder");
        Self {
            decoder: Decoder::new(NONCE),
            lines: Lines::new(),
            block: Vec::new(),
            made: 0,
            recorder,
            tally: Tally::default(),
            recorded: 0,
            told: Instant::now(),
            ticks: 0,
            store,
            executor,
            dir,
        }
    }

    /// Makes the next lines, as the callback writes them.
    fn next_block(&mut self) {
        self.block.clear();
        for number in self.made..self.made + BLOCK {
            self.block.extend_from_slice(line(number).as_bytes());
            self.block.push(b'\n');
        }
        self.made += BLOCK;
    }

    fn decode(&mut self) {
        let decoder = &self.decoder;
        let mut events = 0;
        self.lines.push(&self.block, |piece| {
            let Piece::Whole(line) = piece else { return };
            events += u32::from(matches!(black_box(decoder.decode(line)), Line::Event(_)));
        });
        assert_eq!(events, BLOCK, "each line is an event");
    }

    fn record(&mut self) {
        let mut batch: Vec<RunEvent> = Vec::new();
        for chunk in self.block.chunks(CHUNK) {
            let (decoder, tally) = (&self.decoder, &mut self.tally);
            self.lines.push(chunk, |piece| {
                let Piece::Whole(line) = piece else { return };
                if let Line::Event(event) = decoder.decode(line) {
                    tally.add(&event);
                    batch.push(event);
                }
            });
            self.recorder.record(&batch);
            self.recorded += batch.len() as u64;
            batch.clear();
        }
        if self.told.elapsed() >= RECORD_EVERY {
            self.tell();
        }
    }

    fn tell(&mut self) {
        self.told = Instant::now();
        self.ticks += 1;
        if self.ticks.is_multiple_of(FLUSH_EVERY) {
            self.recorder.flush();
        }
        if let Some(progress) = self.recorder.take_progress() {
            let written = self.store.progress(RunId(1), Arc::new(progress));
            self.executor.block_on(written).expect("the progress is recorded");
        }
    }

    /// How many events were recorded, and how large their file is, in bytes.
    fn finish(self) -> (u64, u64) {
        let progress = self.recorder.finish().progress;
        assert_eq!(progress.events_lost, 0, "each event is written");
        self.executor.block_on(self.store.close());
        let file = self.dir.path().join("events/1.jsonl.zst");
        (self.recorded, file.metadata().expect("the events of the run").len())
    }
}

/// One task after the other: it begins, and then ends on each host.
fn line(number: u32) -> String {
    let (task, host, at) = (number / HOSTS, number % HOSTS, 1_700_000_000_000_u64 + u64::from(number));
    let mut line = format!("{NONCE} {{\"at\":{at},");
    let fields = if host == 0 {
        write!(
            line,
            r#""event":"task_started","task":{task},"path":"roles/web/tasks/main.yml","line":{task},"role":"web","action":"ansible.builtin.template","name":"Write the configuration {task}","occurrence":0,"#
        )
    } else {
        let status = ["ok", "ok", "ok", "ok", "ok", "ok", "skipped", "ok"][host as usize % 8];
        let changed = host % 5 == 0 && status == "ok";
        write!(
            line,
            r#""event":"task_ended","host":"host-{host:04}.example.org","task":{task},"status":"{status}","changed":{changed},"duration_ms":{},"module":"ansible.builtin.template","#,
            host % 977
        )
    };
    fields.expect("writing to a text cannot fail");
    line.push_str(
        r#""invocation":{"module_args":{"dest":"/etc/web/web.conf","mode":"0644","owner":null,"force":true}},"diff":"#,
    );
    // A text with what must be escaped now and then.
    line.push('"');
    while line.len() < LINE_BYTES - 2 {
        let rest = LINE_BYTES - 2 - line.len();
        line.push_str(if rest >= 30 { r#"-listen 80;\n+listen \"8080\";\n"# } else { "x" });
    }
    line.push_str("\"}");
    line
}

fn spec() -> RunSpec {
    RunSpec {
        run: RunId(1),
        stack: "infra/web".parse().expect("a stack"),
        revision: format!("main@sha1:{}", "a".repeat(40)).parse().expect("a revision"),
        mode: Mode::Apply,
        trigger: Trigger::NewRevision,
        merge_request: None,
        requested_by: None,
        failures_before: 0,
        outside_window: None,
        selection: Selection::Full,
        playbook: "site.yml".to_owned(),
        inventory: "inventory.ini".to_owned(),
        limit: None,
        tags: Vec::new(),
        skip_tags: Vec::new(),
        extra_vars: BTreeMap::new(),
        forks: None,
        debts: Vec::new(),
        timeout: Span::from_mins(30),
        runtime: RuntimeSpec::System,
    }
}

/// Time that passed: by the clock, and on the cores, by all threads of this process.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    wall: Duration,
    cpu: Duration,
}

impl Spent {
    /// Adds what `work` takes, and gives what it gives.
    fn add<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (wall, cpu) = (Instant::now(), cpu_time());
        let result = work();
        self.wall += wall.elapsed();
        self.cpu += cpu_time().saturating_sub(cpu);
        result
    }
}

/// What all threads of this process had of the cores so far.
fn cpu_time() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(spent.tv_sec).expect("the clock of a process counts from zero");
    let nanoseconds = u32::try_from(spent.tv_nsec).expect("less than a second");
    Duration::new(seconds, nanoseconds)
}
