//! Event files: whole frames, torn ends, followers.

use std::fs::{self, OpenOptions};
use std::io::Write;

use proptest::prelude::*;

use super::fixture::*;
use crate::domain::*;
use crate::store::events::{EventLog, EventReader};
use crate::store::{RawLog, StoreError};

fn place() -> tempfile::TempDir {
    let dir = directory();
    fs::create_dir(dir.path().join("events")).expect("a directory");
    fs::create_dir(dir.path().join("raw")).expect("a directory");
    dir
}

fn some(range: std::ops::Range<u32>) -> Vec<RunEvent> {
    let one = |number| {
        let done = result(&format!("host{number}"), number, ResultStatus::Ok, number % 3 == 0);
        event(i64::from(number), RunEventKind::TaskEnded(done))
    };
    range.map(one).collect()
}

fn fill(log: &mut EventLog, events: &[RunEvent]) {
    for event in events {
        log.append(event);
    }
}

fn read_all(reader: &mut EventReader) -> Vec<RunEvent> {
    let mut events = Vec::new();
    while let Some(more) = reader.next_events().expect("readable") {
        events.extend(more);
    }
    events
}

#[test]
fn a_follower_sees_what_was_flushed_and_goes_on_where_it_was() {
    let dir = place();
    assert!(EventReader::open(dir.path(), RunId(1), 0).expect("looked").is_none(), "nothing there yet");
    let mut log = EventLog::create(dir.path(), RunId(1)).expect("a log");
    let mut reader = EventReader::open(dir.path(), RunId(1), 0).expect("opened").expect("there");
    assert_eq!(read_all(&mut reader), []);
    fill(&mut log, &some(0..10));
    assert_eq!(read_all(&mut reader), [], "not flushed yet");
    log.flush();
    assert_eq!(read_all(&mut reader), some(0..10));
    fill(&mut log, &some(10..20));
    assert_eq!(log.finish(), 0, "nothing is lost");
    let mut later = EventReader::open(dir.path(), RunId(1), reader.offset()).expect("opened").expect("there");
    assert_eq!(read_all(&mut later), some(10..20));
    assert_eq!(read_all(&mut reader), some(10..20));
    assert_eq!(later.offset(), reader.offset());
}

#[test]
fn many_events_are_many_frames_and_one_stream_for_zstd() {
    let dir = place();
    let mut log = EventLog::create(dir.path(), RunId(1)).expect("a log");
    fill(&mut log, &some(0..20_000));
    log.finish();
    let bytes = fs::read(dir.path().join("events/1.jsonl.zst")).expect("the file");
    let text = zstd::decode_all(&bytes[..]).expect("one stream");
    assert_eq!(text.split_inclusive(|it| *it == b'\n').count(), 20_000);
    assert!(bytes.len() * 5 < text.len(), "{} of {}", bytes.len(), text.len());
    let mut reader = EventReader::open(dir.path(), RunId(1), 0).expect("opened").expect("there");
    let first = reader.next_events().expect("readable").expect("a frame");
    assert!(first.len() < 5000, "one frame at a time: {}", first.len());
    assert_eq!(first.len() + read_all(&mut reader).len(), 20_000);
}

#[test]
fn whatever_is_torn_off_the_end_costs_at_most_the_last_frame() {
    let dir = place();
    let mut log = EventLog::create(dir.path(), RunId(1)).expect("a log");
    let mut ends = vec![0];
    for part in 0..5 {
        fill(&mut log, &some(part * 100..part * 100 + 100));
        log.flush();
        ends.push(fs::metadata(dir.path().join("events/1.jsonl.zst")).expect("the file").len());
    }
    log.finish();
    let path = dir.path().join("events/1.jsonl.zst");
    let whole = fs::read(&path).expect("the file");
    for length in (0..whole.len()).step_by(7) {
        fs::write(&path, &whole[..length]).expect("torn");
        let frames = ends.iter().filter(|it| **it <= length as u64).count() - 1;
        let mut reader = EventReader::open(dir.path(), RunId(1), 0).expect("opened").expect("there");
        assert_eq!(read_all(&mut reader).len(), frames * 100, "{length} bytes left");
        assert_eq!(reader.offset(), ends[frames]);
    }
    // What follows a torn end once it is whole is seen by the same reader.
    fs::write(&path, &whole[..whole.len() - 1]).expect("torn");
    let mut reader = EventReader::open(dir.path(), RunId(1), 0).expect("opened").expect("there");
    assert_eq!(read_all(&mut reader).len(), 400);
    OpenOptions::new()
        .append(true)
        .open(&path)
        .expect("opened")
        .write_all(&whole[whole.len() - 1..])
        .expect("mended");
    assert_eq!(read_all(&mut reader).len(), 100);
}

#[test]
fn a_damaged_frame_is_an_error_and_not_wrong_events() {
    let dir = place();
    let mut log = EventLog::create(dir.path(), RunId(1)).expect("a log");
    fill(&mut log, &some(0..100));
    log.finish();
    let path = dir.path().join("events/1.jsonl.zst");
    let mut bytes = fs::read(&path).expect("the file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&path, bytes).expect("damaged");
    let mut reader = EventReader::open(dir.path(), RunId(1), 0).expect("opened").expect("there");
    assert!(matches!(reader.next_events(), Err(StoreError::File { .. })));
}

#[test]
fn a_run_has_one_event_file_ever() {
    let dir = place();
    let log = EventLog::create(dir.path(), RunId(1)).expect("a log");
    log.finish();
    assert!(EventLog::create(dir.path(), RunId(1)).is_err());
}

#[test]
fn raw_output_is_kept_as_it_is_up_to_its_size() {
    let dir = place();
    let mut raw = RawLog::create(dir.path(), RunId(1), 10).expect("a log");
    raw.append(b"\xff\x00abc\n");
    raw.append(b"0123456789");
    raw.append(b"more");
    raw.finish();
    let mut reader = RawLog::read(dir.path(), RunId(1), 0).expect("opened").expect("there");
    let piece = reader.next_piece().expect("readable").expect("a piece").to_vec();
    assert_eq!(piece, b"\xff\x00abc\n0123\n[driftless: 10 more bytes were not kept]\n");
    assert!(reader.next_piece().expect("readable").is_none());
    assert!(RawLog::read(dir.path(), RunId(2), 0).expect("looked").is_none());
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z0-9.]{1,20}".prop_map(String::from)]
}

fn any_result() -> impl Strategy<Value = TaskResult> {
    let status = prop_oneof![
        Just(ResultStatus::Ok),
        Just(ResultStatus::Failed),
        Just(ResultStatus::Ignored),
        Just(ResultStatus::Skipped),
        Just(ResultStatus::Unreachable),
        Just(ResultStatus::UnreachableIgnored),
    ];
    let item = proptest::option::of((any::<u32>(), any_name()));
    let flags = any::<(bool, bool, bool, bool)>();
    (
        any_name(),
        any::<u32>(),
        item,
        status,
        any::<u64>(),
        any_name(),
        flags,
        proptest::option::of(any_name()),
    )
        .prop_map(
            |(
                host,
                task,
                item,
                status,
                duration_ms,
                module,
                (changed, for_real, blind, no_log),
                delegated,
            )| TaskResult {
                host: HostName::new(host),
                task,
                item: item.map(|(index, digest)| ItemId { index, digest }),
                status,
                changed,
                duration_ms,
                module,
                for_real,
                blind,
                no_log,
                delegated_to: delegated.map(HostName::new),
                items: 0,
                satisfied: false,
                tainted: false,
                diff_digest: String::new(),
                detail: None,
            },
        )
}

fn any_identity() -> impl Strategy<Value = TaskIdentity> {
    (any_name(), any::<u32>(), proptest::option::of(any_name()), any_name(), any_name(), any::<u32>())
        .prop_map(|(path, line, role, action, name, occurrence)| TaskIdentity {
            path,
            line,
            role,
            action,
            name,
            occurrence,
        })
}

fn any_kind() -> impl Strategy<Value = RunEventKind> {
    let stats = any::<[u32; 7]>().prop_map(|it| HostStats {
        ok: it[0],
        changed: it[1],
        unreachable: it[2],
        failed: it[3],
        skipped: it[4],
        rescued: it[5],
        ignored: it[6],
        unfinished: it[0] % 2 == 0,
    });
    let hosts = proptest::collection::vec((any_name().prop_map(HostName::new), stats), 0..4);
    prop_oneof![
        (any_name(), any_name()).prop_map(|(ansible, python)| RunEventKind::Hello { ansible, python }),
        any::<u32>().prop_map(|plays| RunEventKind::PlaybookStarted { plays }),
        (any_name(), any::<u32>(), proptest::collection::vec(any_name(), 0..3), any::<bool>()).prop_map(
            |(name, hosts, unknown, dynamic)| RunEventKind::PlayStarted { name, hosts, unknown, dynamic }
        ),
        Just(RunEventKind::NoHostsMatched),
        Just(RunEventKind::NoHostsRemaining),
        any_name().prop_map(|variable| RunEventKind::PromptRefused { variable }),
        (any::<u32>(), any_identity(), any::<bool>())
            .prop_map(|(task, identity, handler)| RunEventKind::TaskStarted { task, identity, handler }),
        (any_name(), any::<u32>()).prop_map(|(path, hosts)| RunEventKind::Included { path, hosts }),
        (any_name(), any_name()).prop_map(|(host, handler)| RunEventKind::Notified {
            host: HostName::new(host),
            handler,
            task: 0,
            play: 0,
            section: 0,
            dynamic: false
        }),
        (any_name(), any::<[u32; 3]>()).prop_map(|(host, [task, attempt, retries])| RunEventKind::Retried {
            host: HostName::new(host),
            task,
            attempt,
            retries
        }),
        any_result().prop_map(RunEventKind::TaskEnded),
        any_result().prop_map(RunEventKind::ItemEnded),
        (any_name(), proptest::option::of(any_name()), proptest::option::of(any_name()))
            .prop_map(|(class, place, message)| RunEventKind::Error { class, place, message }),
        any_name().prop_map(|source| RunEventKind::InventoryUnparsed { source }),
        hosts.prop_map(|hosts| RunEventKind::Stats { hosts }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_events_hold_is_read_back(
        kinds in proptest::collection::vec((any::<u32>(), any_kind()), 1..20),
    ) {
        let dir = place();
        let events: Vec<RunEvent> =
            kinds.into_iter().map(|(second, kind)| event(i64::from(second), kind)).collect();
        let mut log = EventLog::create(dir.path(), RunId(1)).expect("a log");
        fill(&mut log, &events);
        log.finish();
        let mut reader = EventReader::open(dir.path(), RunId(1), 0).expect("opened").expect("there");
        prop_assert_eq!(read_all(&mut reader), events);
        prop_assert_eq!(reader.unreadable(), 0);
    }
}
