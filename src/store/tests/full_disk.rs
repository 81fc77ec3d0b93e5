//! A disk that is really full: a small file system in memory. Only root may mount one.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

use super::fixture::*;
use crate::domain::*;
use crate::store::{
    Progress, Recorded, Recorder, RetentionPolicy, RunFilter, Store, StoreError, StoreSettings,
};

const BALLAST: u64 = 2 << 20;
const SMALL: StoreSettings = StoreSettings { ballast_bytes: BALLAST, free_floor_bytes: 1 << 20 };

/// A file system of 8 MiB.
struct SmallDisk {
    dir: TempDir,
}

impl SmallDisk {
    /// `None`, with a message, where it cannot be mounted.
    fn mount() -> Option<Self> {
        let dir = directory();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(dir.path()).output();
        match mount {
            Ok(output) if output.status.success() => Some(Self { dir }),
            Ok(output) => {
                println!("skipped: {}", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                println!("skipped: mount cannot be started: {error}");
                None
            }
        }
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Another program takes all that is left.
    fn fill(&self) -> PathBuf {
        let path = self.dir.path().join("somebody-else");
        fill_up(&mut File::create(&path).expect("a file"));
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.dir.path()).status();
        assert!(unmounted.is_ok_and(|it| it.success()) || std::thread::panicking(), "it stays mounted");
    }
}

fn fill_up(file: &mut File) {
    for size in [1 << 16, 1 << 12, 1] {
        let block = vec![7; size];
        loop {
            match file.write_all(&block) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// A run whose record is large.
async fn record(store: &Store, run: u64) -> Result<(), StoreError> {
    let begin = i64::try_from(run).expect("small") * 10;
    store.journal(at(begin), &Event::Tick, &[start(run, "web", Mode::Apply)], &facts(run)).await?;
    let hosts = (0..2000).map(|it| (HostName::new(format!("host{it}.example.org")), HostStats::default()));
    let progress = Progress { hosts: hosts.collect(), ..Progress::default() };
    store.progress(RunId(run), Arc::new(progress)).await?;
    store.journal(at(begin + 1), &finished(run, Ending::plain(Outcome::Changed)), &[], &[]).await
}

fn ballast(disk: &SmallDisk) -> u64 {
    fs::metadata(disk.state().join("ballast")).map_or(0, |it| it.len())
}

#[tokio::test]
async fn when_the_record_fills_the_disk_retention_makes_room_and_writing_goes_on() {
    let Some(disk) = SmallDisk::mount() else { return };
    let (store, _) = Store::open(&disk.state(), SMALL).expect("the store opens");
    assert_eq!(ballast(&disk), BALLAST);
    let mut recorded = 0;
    let error = loop {
        match record(&store, recorded + 1).await {
            Ok(()) => recorded += 1,
            Err(error) => break error,
        }
        assert!(recorded < 1000, "8 MiB are never full");
    };
    assert!(recorded > 5, "{recorded}");
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    let failure = Failure::from(error);
    assert_eq!(failure.retry, Retry::Soon);
    assert!(failure.to_string().contains("free space"), "{failure}");
    assert!(!store.writable());
    assert_eq!(ballast(&disk), 0, "given up");
    let idle = store.journal(at(1), &Event::Tick, &[], &[]).await;
    assert!(matches!(idle, Err(StoreError::Full { .. })), "what the ballast freed is for retention");
    let runs = store.runs(RunFilter { hosts: false, ..RunFilter::default() }).await.expect("readable");
    assert!(runs.len() as u64 >= recorded, "what was acknowledged is there");

    let age = Span::from_hours(24 * 365);
    let policy = RetentionPolicy {
        max_age: age,
        max_bytes: 2 << 20,
        journal_max_age: age,
        events_max_age: age,
        raw_max_age: age,
    };
    let removed = store.retain(at(100_000), policy).await.expect("there is room for that");
    assert!(removed.runs > 0 && removed.bytes > 0, "{removed:?}");
    assert_eq!(ballast(&disk), BALLAST, "there for the next time");
    record(&store, recorded + 10).await.expect("writing goes on");
    assert!(store.writable());
    assert!(store.free_space_ok());
    store.close().await;
    let (_store, recovered) = Store::open(&disk.state(), SMALL).expect("it opens again");
    assert_eq!(recovered.memory.next_run, recorded + 11);
}

#[tokio::test]
async fn when_somebody_else_fills_the_disk_and_makes_room_again_writing_goes_on_by_itself() {
    let Some(disk) = SmallDisk::mount() else { return };
    let (store, _) = Store::open(&disk.state(), SMALL).expect("the store opens");
    let full = disk.fill();
    assert!(!store.free_space_ok());
    let mut run = 0;
    let error = loop {
        run += 1;
        if let Err(error) = record(&store, run).await {
            break error;
        }
    };
    assert!(error.is_full());
    fs::remove_file(full).expect("removed");
    record(&store, run + 1).await.expect("room is noticed by the next write");
    assert!(store.writable() && store.free_space_ok());
    assert_eq!(ballast(&disk), BALLAST);
}

#[tokio::test]
async fn on_a_full_disk_the_store_opens_on_its_ballast() {
    let Some(disk) = SmallDisk::mount() else { return };
    let (store, _) = Store::open(&disk.state(), SMALL).expect("the store opens");
    record(&store, 1).await.expect("recorded");
    store.close().await;
    disk.fill();
    let (store, recovered) = Store::open(&disk.state(), SMALL).expect("it opens");
    assert_eq!(recovered.memory.next_run, 2);
    assert_eq!(ballast(&disk), 0);
    assert!(store.probe().await.is_err_and(|it| it.is_full()), "for retention only");
    let policy = RetentionPolicy {
        max_age: Span::ZERO,
        max_bytes: 0,
        journal_max_age: Span::ZERO,
        events_max_age: Span::ZERO,
        raw_max_age: Span::ZERO,
    };
    store.retain(at(9), policy).await.expect("retention works");
    store.probe().await.expect("and then the rest may be used");
}

#[test]
fn without_any_room_opening_says_so() {
    let Some(disk) = SmallDisk::mount() else { return };
    fs::create_dir(disk.state()).expect("a directory");
    for dir in ["events", "raw", "backups"] {
        fs::create_dir(disk.state().join(dir)).expect("a directory");
    }
    disk.fill();
    let error = Store::open(&disk.state(), SMALL).expect_err("no room at all");
    assert!(error.is_full(), "{error}");
}

fn number(event: &RunEvent) -> Option<TaskNumber> {
    if let RunEventKind::TaskEnded(it) = &event.kind { Some(it.task) } else { None }
}

/// Events that do not compress well.
fn some(range: std::ops::Range<u32>) -> Vec<RunEvent> {
    let one = |it: u32| {
        let host = format!("{:016x}", u64::from(it).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        event(i64::from(it), RunEventKind::TaskEnded(result(&host, it, ResultStatus::Ok, false)))
    };
    range.map(one).collect()
}

fn read(dir: &Path) -> Vec<TaskNumber> {
    let mut reader = crate::store::EventReader::open(dir, RunId(1), 0).expect("opened").expect("there");
    let mut numbers = Vec::new();
    while let Some(events) = reader.next_events().expect("readable") {
        numbers.extend(events.iter().filter_map(number));
    }
    numbers
}

#[test]
fn a_run_goes_on_while_its_events_are_lost_and_its_record_says_so() {
    let Some(disk) = SmallDisk::mount() else { return };
    let dir = disk.dir.path();
    fs::create_dir(dir.join("events")).expect("a directory");
    let mut recorder = Recorder::create(dir, &spec(1, "web", Mode::Apply), None).expect("a recorder");
    recorder.record(&some(0..1000));
    recorder.flush();
    let full = disk.fill();
    recorder.record(&some(1000..9000));
    recorder.flush();
    let lost = recorder.take_progress().expect("progress").events_lost;
    assert!(lost > 0, "there was no room");
    let before: Vec<_> = read(dir);
    assert_eq!(before.len() as u64, 9000 - lost, "whole frames, as many as there was room for");

    fs::remove_file(full).expect("removed");
    recorder.record(&some(9000..9010));
    let Recorded { tally, progress, .. } = recorder.finish();
    assert_eq!(progress.events_lost, lost, "no more than that");
    assert_eq!(tally.results, 9010, "nothing of it is lost for the outcome");
    let expected: Vec<_> = before.into_iter().chain(9000..9010).collect();
    assert_eq!(read(dir), expected);
    let bytes = fs::read(dir.join("events/1.jsonl.zst")).expect("the file");
    assert!(zstd::decode_all(&bytes[..]).is_ok(), "nothing of a torn frame is left in it");
}
