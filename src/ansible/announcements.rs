//! Plaintexts of vaults, which a run announces before it uses them, so that they can be taken out of all it says.
//!
//! They come through a named pipe in the run's directory, from whatever process decrypts. A record is
//! `<id> <part> <parts> <base64>` and a line feed, in at most [`RECORD_BYTES`], so that what several processes write
//! does not mix. Whatever is not understood means that a secret may be unknown, and then nothing that the run says
//! can be cleaned any more: whoever listens is told once, and keeps nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use memchr::memchr;
use rustix::fs::{CWD, Mode, OFlags};
use sha2::{Digest as _, Sha256};

/// What a pipe takes in one piece (`PIPE_BUF`, `man 7 pipe`).
const RECORD_BYTES: usize = 4096;

/// The most plaintext of one run, in bytes, and in how many secrets.
const SECRETS_BYTES: usize = 64 << 20;
const SECRETS_MAX: usize = 100_000;

/// What is read at one time before the run's own output is looked at again. Who writes more is out to stall us.
const DRAIN_BYTES: usize = 2 * SECRETS_BYTES;

/// Large, so that a run seldom waits while what it said is written down.
const PIPE_BYTES: usize = 1 << 20;

/// The reading end of the pipe. It is open for writing as well, so it never ends and nobody waits for a reader.
#[derive(Debug)]
pub struct Announcements(File);

impl Announcements {
    /// Makes the pipe, for its owner alone, and opens it.
    pub(super) fn make(path: &Path) -> io::Result<Self> {
        rustix::fs::mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR)?;
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let pipe = File::from(rustix::fs::open(path, flags, Mode::empty())?);
        // Only speed depends on it.
        rustix::pipe::fcntl_setpipe_size(&pipe, PIPE_BYTES).ok();
        Ok(Self(pipe))
    }
}

/// What came through the pipe so far.
#[derive(Debug)]
pub(super) struct Announced {
    /// `None` once nothing is believed any more: there is nothing to wait for.
    pipe: Option<File>,
    buffer: Box<[u8]>,
    records: Records,
}

impl Announced {
    pub(super) fn new(announcements: Announcements) -> Self {
        let buffer = vec![0; 64 << 10].into_boxed_slice();
        Self { pipe: Some(announcements.0), buffer, records: Records::default() }
    }

    /// What can be waited on for more; `None` if nothing is expected.
    pub(super) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Reads all that is there, and hands on each secret that is new. An error means that one may be missing.
    pub(super) fn drain(&mut self, mut learn: impl FnMut(&[u8])) -> Result<(), Untrusted> {
        let Some(pipe) = &mut self.pipe else { return Err(Untrusted) };
        let mut budget = DRAIN_BYTES;
        let drained = loop {
            match pipe.read(&mut self.buffer) {
                Ok(read) if read != 0 && read <= budget => {
                    budget -= read;
                    if self.records.push(&self.buffer[..read], &mut learn).is_err() {
                        break Err(Untrusted);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => break Err(Untrusted),
            }
        };
        if drained.is_err() {
            // Whoever announces more gets an error, or waits for a reader in vain until the run is ended. Either is
            // better than a secret that is believed to be known.
            self.pipe = None;
        }
        drained
    }
}

/// A secret may have been missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Untrusted;

/// Puts secrets together from records. Pure, with bounded memory.
#[derive(Debug, Default)]
struct Records {
    /// The beginning of a record whose end has not come yet.
    partial: Vec<u8>,
    unfinished: HashMap<u32, Unfinished>,
    /// Bytes in `unfinished`, and of all secrets so far.
    bytes: usize,
    /// Digests of all secrets so far: each worker announces anew what it decrypts.
    known: HashSet<[u8; 32]>,
}

#[derive(Debug)]
struct Unfinished {
    parts: usize,
    pieces: BTreeMap<usize, Vec<u8>>,
}

impl Records {
    fn push(&mut self, mut bytes: &[u8], learn: &mut impl FnMut(&[u8])) -> Result<(), Untrusted> {
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if self.partial.is_empty() {
                self.record(line, learn)?;
            } else {
                self.keep(line)?;
                let line = std::mem::take(&mut self.partial);
                self.record(&line, learn)?;
            }
        }
        self.keep(bytes)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), Untrusted> {
        self.partial.extend_from_slice(bytes);
        if self.partial.len() < RECORD_BYTES { Ok(()) } else { Err(Untrusted) }
    }

    fn record(&mut self, line: &[u8], learn: &mut impl FnMut(&[u8])) -> Result<(), Untrusted> {
        let Record { id, part, parts, piece } = Record::read(line).ok_or(Untrusted)?;
        self.hold(piece.len())?;
        if parts == 1 {
            return self.secret(&piece, learn);
        }
        let unfinished =
            self.unfinished.entry(id).or_insert_with(|| Unfinished { parts, pieces: BTreeMap::new() });
        // Two with the same id at the same time, or somebody who writes anything.
        if unfinished.parts != parts || unfinished.pieces.insert(part, piece).is_some() {
            return Err(Untrusted);
        }
        if unfinished.pieces.len() == parts {
            let pieces = self.unfinished.remove(&id).map(|it| it.pieces).unwrap_or_default();
            let whole: Vec<u8> = pieces.into_values().flatten().collect();
            return self.secret(&whole, learn);
        }
        Ok(())
    }

    fn hold(&mut self, bytes: usize) -> Result<(), Untrusted> {
        self.bytes += bytes;
        if self.bytes <= SECRETS_BYTES { Ok(()) } else { Err(Untrusted) }
    }

    fn secret(&mut self, secret: &[u8], learn: &mut impl FnMut(&[u8])) -> Result<(), Untrusted> {
        if !self.known.insert(Sha256::digest(secret).into()) {
            self.bytes -= secret.len(); // Known already: it takes no room of its own.
            return Ok(());
        }
        if SECRETS_MAX < self.known.len() {
            return Err(Untrusted);
        }
        learn(secret);
        Ok(())
    }
}

struct Record {
    id: u32,
    part: usize,
    parts: usize,
    piece: Vec<u8>,
}

impl Record {
    fn read(line: &[u8]) -> Option<Self> {
        if RECORD_BYTES <= line.len() {
            return None;
        }
        let mut words = std::str::from_utf8(line).ok()?.split(' ');
        let (id, part, parts, piece) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let hexadecimal = id.len() == 8 && id.bytes().all(|it| it.is_ascii_hexdigit());
        if !hexadecimal || words.next().is_some() {
            return None;
        }
        let (part, parts) = (number(part)?, number(parts)?);
        (1 <= part && part <= parts).then_some(())?;
        Some(Self { id: u32::from_str_radix(id, 16).ok()?, part, parts, piece: BASE64.decode(piece).ok()? })
    }
}

/// Digits only: `parse` alone would take a sign.
fn number(text: &str) -> Option<usize> {
    text.bytes().all(|it| it.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
