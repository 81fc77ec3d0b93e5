//! Raw output of runs, part by part, in whole lines.

use std::path::Path;

use crate::api::{LogPart, LogPosition};
use crate::domain::RunId;
use crate::store::{RawLog, StoreError};

/// About how much text one part has, in bytes.
const PART: usize = 256 << 10;

/// The part that begins here. Ends with the end of a line, unless a line is longer than a part.
pub(super) fn part(dir: &Path, run: RunId, from: LogPosition) -> Result<LogPart, StoreError> {
    let Some(mut reader) = RawLog::read(dir, run, from.from)? else { return Ok(LogPart::default()) };
    let mut bytes: Vec<u8> = Vec::new();
    // Where the piece began that the last byte is of, and how much text there was before it.
    let (mut piece_from, mut before) = (from.from, 0);
    let mut skip = usize::try_from(from.skip).unwrap_or(usize::MAX);
    let mut ended = false;
    while bytes.len() < PART {
        let start = reader.offset();
        let Some(piece) = reader.next_piece()? else {
            ended = true;
            break;
        };
        (piece_from, before) = (start, bytes.len());
        let skipped = skip.min(piece.len());
        // What was skipped counts as text before, so that a place within the piece is always from its beginning.
        skip = 0;
        bytes.extend_from_slice(&piece[skipped..]);
        if skipped != 0 {
            let next = cut(&mut bytes, skipped, piece_from, before);
            if let Some(next) = next {
                return Ok(told(&bytes, Some(next)));
            }
        }
    }
    if ended {
        return Ok(told(&bytes, None));
    }
    let next = cut(&mut bytes, 0, piece_from, before);
    Ok(told(&bytes, next.or(Some(LogPosition { from: reader.offset(), skip: 0 }))))
}

/// Cuts a text that is long enough after its last line within the last piece, and says where to go on.
fn cut(bytes: &mut Vec<u8>, skipped: usize, piece_from: u64, before: usize) -> Option<LogPosition> {
    if bytes.len() < PART {
        return None;
    }
    let window = &bytes[before..];
    // A piece may be far larger than a part: the first line that ends beyond it is the last one.
    let least = PART.saturating_sub(before).min(window.len());
    let end = memchr::memchr(b'\n', &window[least..]).map(|it| least + it + 1);
    let end = end.or_else(|| memchr::memrchr(b'\n', &window[..least]).map(|it| it + 1))?;
    if end == window.len() {
        return None;
    }
    let skip = (skipped + end) as u64;
    bytes.truncate(before + end);
    Some(LogPosition { from: piece_from, skip })
}

fn told(bytes: &[u8], next: Option<LogPosition>) -> LogPart {
    LogPart { text: String::from_utf8_lossy(bytes).into_owned(), next, kept: true, live: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All parts, one after the other.
    fn all(dir: &Path) -> Vec<String> {
        let (mut parts, mut from) = (Vec::new(), LogPosition::default());
        loop {
            let part = part(dir, RunId(1), from).unwrap();
            assert!(part.kept && parts.len() < 100);
            parts.push(part.text);
            match part.next {
                Some(next) => from = next,
                None => return parts,
            }
        }
    }

    #[test]
    fn parts_are_whole_lines_and_all_of_them_are_the_text() {
        for (flushes, line) in [(1, 80), (50, 80), (7, 30_000)] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(dir.path().join("raw")).unwrap();
            std::fs::create_dir_all(dir.path().join("events")).unwrap();
            let mut log = RawLog::create(dir.path(), RunId(1), u64::MAX).unwrap();
            let mut text = String::new();
            for number in 0..(900_000 / line) {
                let written = format!("{number} {}\n", "x".repeat(line));
                log.append(written.as_bytes());
                text.push_str(&written);
                if number % flushes == 0 && 1 < flushes {
                    log.flush();
                }
            }
            log.finish();
            let parts = all(dir.path());
            assert!(3 <= parts.len() && parts.iter().all(|it| it.len() < 2 * PART && it.ends_with('\n')));
            assert!(parts.concat() == text, "{flushes} {line}");
        }
    }

    #[test]
    fn nothing_that_was_not_kept_is_told() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!part(dir.path(), RunId(1), LogPosition::default()).unwrap().kept);
    }
}
