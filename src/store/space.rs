//! Room on the disk, and the ballast that is kept for the day when there is none.
//!
//! SQLite on a full disk cannot even `DELETE` (measured, `ansible-facts` 7.4). So a file takes room while all is
//! well and is removed when the disk is full. What this frees is for retention: other writes are refused until
//! retention has had its chance, or there is room for a new ballast.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::place::private_file;

/// Room on the file system of the state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What a process without special rights may still use, in bytes.
    pub available_bytes: u64,
    /// Below this no new run should start, in bytes.
    pub floor_bytes: u64,
    /// How many more files it can hold; `None` if it has no limit of its own.
    pub files_left: Option<u64>,
}

/// With fewer files left no new run should start: a checkout alone has hundreds.
const FILES_LEAST: u64 = 2_000;

impl Space {
    /// Whether there is room enough for new runs.
    pub fn is_enough(self) -> bool {
        self.available_bytes >= self.floor_bytes
    }

    /// The room where `dir` is, or will be.
    pub fn of(dir: &Path, floor_bytes: u64) -> Result<Self, StoreError> {
        let exists = dir.ancestors().find(|it| it.exists()).unwrap_or(Path::new("/"));
        let found =
            rustix::fs::statvfs(exists).map_err(|it| StoreError::file("look at", exists)(it.into()))?;
        let files_left = (found.f_files != 0).then_some(found.f_favail);
        Ok(Self { available_bytes: found.f_bavail.saturating_mul(found.f_frsize), floor_bytes, files_left })
    }

    /// What is lacking for new runs. Once something was, a quarter more is asked for, so that runs do not begin and fail
    /// in turns.
    pub fn lack(self, was_lacking: bool) -> Option<String> {
        let more = |it: u64| if was_lacking { it.saturating_add(it / 4) } else { it };
        let mib = |it: u64| it >> 20;
        if self.available_bytes < more(self.floor_bytes) {
            let (left, floor) = (mib(self.available_bytes), mib(more(self.floor_bytes)));
            return Some(format!("{left} MiB are free, and {floor} MiB are kept free"));
        }
        let files = self.files_left.filter(|it| *it < more(FILES_LEAST))?;
        Some(format!("it can hold only {files} more files"))
    }
}

/// What is available on the file system of `dir`, in bytes.
pub(super) fn available(dir: &Path) -> Result<u64, StoreError> {
    let found = rustix::fs::statvfs(dir).map_err(|it| StoreError::file("look at", dir)(it.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// With less than this on the file system, an error of the system means that it is full. In bytes.
const NO_ROOM: u64 = 1 << 20;

/// Whether a failure means that the disk is full.
pub(super) fn is_full(error: &StoreError, dir: &Path) -> bool {
    error.says_full(available(dir).is_ok_and(|it| it < NO_ROOM))
}

/// The failure, said plainly if it means that the disk is full.
pub(super) fn tell_full(error: StoreError, dir: &Path) -> StoreError {
    if is_full(&error, dir) { StoreError::Full { dir: dir.to_owned() } } else { error }
}

/// A file that takes room.
#[derive(Debug)]
pub(super) struct Ballast {
    dir: PathBuf,
    path: PathBuf,
    bytes: u64,
    floor_bytes: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is there, or none is wanted, or there never was room for it.
    Calm,
    /// It was removed, and retention had no chance yet.
    Spent,
    /// It was removed, and retention had its chance.
    Retained,
}

impl Ballast {
    /// A ballast of so many bytes at `path`; none if 0. Made now if there is room.
    pub(super) fn new(path: PathBuf, bytes: u64, floor_bytes: u64) -> Result<Self, StoreError> {
        let dir = path.parent().map(Path::to_owned).unwrap_or_default();
        let mut ballast = Self { dir, path, bytes, floor_bytes, state: State::Calm };
        ballast.restore()?;
        Ok(ballast)
    }

    /// Whether the file is there in full length.
    pub(super) fn is_kept(&self) -> bool {
        self.bytes != 0 && fs::metadata(&self.path).is_ok_and(|it| it.len() == self.bytes)
    }

    /// Removes the file because the disk is full. Whether that freed anything.
    pub(super) fn release(&mut self) -> bool {
        let freed = fs::remove_file(&self.path).is_ok();
        if freed {
            self.state = State::Spent;
        }
        freed
    }

    /// Makes the file again if there is room for it above the floor. Whether it is there now.
    pub(super) fn restore(&mut self) -> Result<bool, StoreError> {
        if self.bytes == 0 || self.is_kept() {
            self.state = State::Calm;
            return Ok(true);
        }
        if available(&self.dir)? < self.bytes.saturating_add(self.floor_bytes) {
            return Ok(false);
        }
        let file =
            private_file().truncate(true).open(&self.path).map_err(StoreError::file("open", &self.path))?;
        match take_room(&file, self.bytes) {
            Ok(()) => {
                self.state = State::Calm;
                Ok(true)
            }
            Err(error) => {
                drop(file);
                fs::remove_file(&self.path).map_err(StoreError::file("remove", &self.path))?;
                match StoreError::file("fill", &self.path)(error) {
                    StoreError::Full { .. } => Ok(false),
                    other => Err(other),
                }
            }
        }
    }

    /// Whether other writes than those of retention may happen.
    pub(super) fn admits_writes(&mut self) -> bool {
        match self.state {
            State::Calm | State::Retained => true,
            State::Spent => self.restore().unwrap_or(false),
        }
    }

    /// Retention has been through.
    pub(super) fn retained(&mut self) -> Result<bool, StoreError> {
        if self.state == State::Spent {
            self.state = State::Retained;
        }
        self.restore()
    }
}

/// Lets the file take so many bytes for real.
fn take_room(file: &File, bytes: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(()),
        // Some file systems cannot reserve (ZFS, older NFS): written then, with noise, since some compress.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => write_noise(file, bytes),
        Err(error) => Err(error.into()),
    }
}

/// Writes bytes that do not compress. Not random in any other sense.
fn write_noise(mut file: &File, bytes: u64) -> io::Result<()> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut block = Vec::with_capacity(1 << 16);
    let mut left = bytes;
    while left != 0 {
        block.clear();
        while block.len() < 1 << 16 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend_from_slice(&state.to_le_bytes());
        }
        let take = usize::try_from(left).map_or(block.len(), |it| it.min(block.len()));
        file.write_all(&block[..take])?;
        left -= take as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn blocks(path: &Path) -> u64 {
        fs::metadata(path).expect("the file").blocks() * 512
    }

    #[test]
    fn what_is_lacking_is_lacking_until_there_is_clearly_more() {
        let space =
            |mib: u64, files| Space { available_bytes: mib << 20, floor_bytes: 256 << 20, files_left: files };
        assert_eq!(space(256, Some(2000)).lack(false), None);
        assert_eq!(
            space(255, None).lack(false).as_deref(),
            Some("255 MiB are free, and 256 MiB are kept free")
        );
        assert_eq!(
            space(300, None).lack(true).as_deref(),
            Some("300 MiB are free, and 320 MiB are kept free")
        );
        assert_eq!(space(320, Some(2500)).lack(true), None);
        assert_eq!(space(320, Some(1999)).lack(false).as_deref(), Some("it can hold only 1999 more files"));
        assert_eq!(Space { floor_bytes: 0, ..space(0, None) }.lack(true), None);
    }

    #[test]
    fn the_ballast_takes_room_for_real() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("ballast");
        let mut ballast = Ballast::new(path.clone(), 1 << 20, 0).expect("a ballast");
        assert!(ballast.is_kept());
        assert!(blocks(&path) >= 1 << 20);

        assert!(ballast.release());
        assert!(!path.exists());
        assert!(ballast.admits_writes(), "there is room, so it is made again");
        assert!(ballast.is_kept());
    }

    #[test]
    fn noise_takes_room_where_nothing_can_be_reserved() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("noise");
        write_noise(&File::create(&path).expect("a file"), 100_001).expect("written");
        assert_eq!(fs::metadata(&path).expect("the file").len(), 100_001);
        let bytes = fs::read(&path).expect("read");
        let packed = zstd::bulk::compress(&bytes, 1).expect("compressed");
        assert!(packed.len() > 95_000, "{} bytes are left", packed.len());
    }

    #[test]
    fn without_room_above_the_floor_writes_wait_for_retention() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("ballast");
        let mut ballast = Ballast::new(path, 4096, 0).expect("a ballast");
        ballast.floor_bytes = u64::MAX;
        assert!(ballast.release());
        assert!(!ballast.admits_writes());
        assert!(!ballast.retained().expect("looked at"), "still no room for it");
        assert!(ballast.admits_writes(), "but retention had its chance");
    }
}
