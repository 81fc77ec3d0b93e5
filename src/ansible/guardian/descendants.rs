//! All processes of a run, found through `/proc`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// One line of the process table, as far as it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) parent: i32,
    /// In clock ticks since boot: with the process id it names one process for good.
    pub(super) started: u64,
    /// Ended, and waiting to be reaped.
    pub(super) zombie: bool,
}

/// Reads `/proc/<pid>/stat`. `None` if there is no such process any more.
pub(super) fn process(pid: i32) -> Option<Process> {
    parse_stat(&fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// The name of the program stands in parentheses and may hold any byte, so fields count from the last parenthesis.
fn parse_stat(stat: &[u8]) -> Option<Process> {
    let name_end = memchr::memrchr(b')', stat)?;
    let fields = std::str::from_utf8(stat.get(name_end + 1..)?).ok()?;
    let mut fields = fields.split_ascii_whitespace();
    let zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    // `man 5 proc`: the parent is field 4, the start time field 22.
    let started = fields.nth(17)?.parse().ok()?;
    Some(Process { parent, started, zombie })
}

/// The whole process table.
pub(super) fn table() -> BTreeMap<i32, Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeMap::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, process(pid)?)))
        .collect()
}

/// All that descend from one of `roots`, the roots not included, zombies neither.
pub(super) fn below(table: &BTreeMap<i32, Process>, roots: &BTreeSet<i32>) -> BTreeSet<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (pid, process) in table {
        children.entry(process.parent).or_default().push(*pid);
    }
    let mut found = BTreeSet::new();
    let mut open: Vec<i32> = roots.iter().copied().collect();
    while let Some(parent) = open.pop() {
        for child in children.get(&parent).into_iter().flatten() {
            if !roots.contains(child) && found.insert(*child) {
                open.push(*child);
            }
        }
    }
    found.retain(|pid| table.get(pid).is_some_and(|it| !it.zombie));
    found
}

/// Sends a signal to every descendant of this process, and says which they are.
pub(super) fn signal_all(signal: Signal) -> BTreeSet<i32> {
    let us = rustix::process::getpid().as_raw_nonzero().get();
    let table = table();
    let found = below(&table, &BTreeSet::from([us]));
    for (pid, process) in found.iter().filter_map(|pid| Some((*pid, table.get(pid)?))) {
        signal_this(pid, process.started, signal);
    }
    found
}

/// Sends a signal to the process that began at `started`, never to a later one with the same number.
///
/// Nothing is said of success: a process that is gone already and one that belongs to another user look alike to
/// callers, who go on until it is gone.
pub(super) fn signal_this(pid: i32, started: u64, signal: Signal) {
    let Some(pidfd) = Pid::from_raw(pid).and_then(|it| pidfd_open(it, PidfdFlags::empty()).ok()) else {
        return;
    };
    // The descriptor names one process for good. If that is the right one now, it cannot become another.
    if process(pid).is_some_and(|it| it.started == started) {
        pidfd_send_signal(&pidfd, signal).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child_of(parent: i32) -> Process {
        Process { parent, started: 1, zombie: false }
    }

    #[test]
    fn a_name_with_parentheses_and_blanks_does_not_shift_the_fields() {
        let stat = b"77 (a) R 1 (b) S 42 77 77 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 123456 8 9";
        assert_eq!(parse_stat(stat), Some(Process { parent: 42, started: 123_456, zombie: false }));
        assert_eq!(parse_stat(b"77 (x) Z 42"), None);
        assert_eq!(parse_stat(b""), None);
    }

    #[test]
    fn descendants_are_found_at_any_depth_and_others_are_not() {
        // 10 -> 11 -> 12, 10 -> 13 (a zombie with a child 14), and 20 is of somebody else.
        let mut table: BTreeMap<i32, Process> =
            [(11, 10), (12, 11), (13, 10), (14, 13), (20, 1)].map(|(pid, of)| (pid, child_of(of))).into();
        if let Some(it) = table.get_mut(&13) {
            it.zombie = true;
        }
        assert_eq!(below(&table, &BTreeSet::from([10])), BTreeSet::from([11, 12, 14]));
    }

    #[test]
    fn this_process_is_in_the_table() {
        let us = i32::try_from(std::process::id()).expect("a process id is positive");
        let seen = process(us).expect("this process runs");
        assert_eq!(table().get(&us), Some(&seen));
    }
}
