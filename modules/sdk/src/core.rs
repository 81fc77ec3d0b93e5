//! Which ansible-core asks, and where its answers differ.

/// A version of ansible-core, `2.19`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Core {
    major: u32,
    minor: u32,
}

impl Core {
    /// The newest version whose behaviour is known.
    pub const NEWEST: Self = Self::new(2, 22);

    /// Version `major.minor`.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// From `_ansible_version`, such as `2.19.14` or `2.22.0rc1`; what cannot be read is the newest.
    pub fn parse(version: &str) -> Self {
        let mut numbers = version.split('.').map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Self::new(major, minor),
            _ => Self::NEWEST,
        }
    }

    /// 2.18 reads integers as decimals (`1.0` is one), amounts of bytes strictly, and evaluates only dictionaries.
    pub(crate) fn reads_strictly(self) -> bool {
        Self::new(2, 18) <= self
    }

    /// 2.19 names types without `<class …>` and takes `null` for an empty text.
    pub(crate) fn has_data_tagging(self) -> bool {
        Self::new(2, 19) <= self
    }

    /// 2.22 takes secrets that a module names, and hides them in everything that it shows.
    pub(crate) fn takes_secrets(self) -> bool {
        Self::new(2, 22) <= self
    }
}
