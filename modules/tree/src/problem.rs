//! What went wrong on the host, and what to do about it.

use std::fmt;
use std::io;

use rustix::io::Errno;

/// An operation that failed.
#[derive(Debug)]
pub struct Problem {
    /// What was tried: `write`.
    doing: &'static str,
    /// On what.
    path: String,
    source: io::Error,
    /// How many changes were made or begun before.
    pub made: usize,
}

impl Problem {
    pub(crate) fn new(doing: &'static str, path: impl fmt::Display, source: impl Into<io::Error>) -> Self {
        Self { doing, path: path.to_string(), source: source.into(), made: 0 }
    }

    /// For `map_err`.
    pub(crate) fn at<E, T>(doing: &'static str, path: &T) -> impl FnOnce(E) -> Self + use<E, T>
    where
        E: Into<io::Error>,
        T: fmt::Display,
    {
        let path = path.to_string();
        move |source| Self::new(doing, path, source)
    }

    fn advice(&self) -> Option<&'static str> {
        Some(match Errno::from_io_error(&self.source)? {
            Errno::NOSPC | Errno::DQUOT => "make space and run this again",
            Errno::ROFS => "the file system is mounted read-only",
            Errno::ACCESS => "set become to true, or give the user of this task access",
            Errno::PERM => {
                "set become to true; if it is, look with lsattr whether the file or its directory is immutable"
            }
            Errno::BUSY => "it is in use or a mount point",
            Errno::LOOP | Errno::NOTDIR => {
                "a symbolic link or a file is where a directory should be, and links are not followed"
            }
            Errno::EXIST | Errno::NOENT | Errno::NOTEMPTY => {
                "something else changed it meanwhile: run this again"
            }
            Errno::WOULDBLOCK => "another run of this module is at work in the same directory: wait for it",
            _ => return None,
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.doing, self.path, self.source)?;
        if let Some(advice) = self.advice() {
            write!(f, "; {advice}")?;
        }
        match self.made {
            0 => f.write_str(" (nothing was changed)"),
            it => {
                write!(f, " ({it} changes were made or begun; each file is old or new, none is half written)")
            }
        }
    }
}

impl std::error::Error for Problem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
