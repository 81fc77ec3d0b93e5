//! What the host knows, read once for all items and only if an item needs it.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use driftless_host::Host;

use crate::accounts::Accounts;
use crate::packages::Packages;
use crate::services::Units;
use crate::sockets::Sockets;

/// The text of a file, or why it cannot be read.
type Text = Result<Rc<Vec<u8>>, String>;

/// The sources of one run.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    pub(crate) host: &'a Host,
    /// When reading must end.
    pub(crate) deadline: Instant,
    /// Names of packages and units that are asked for, so that each program is run once for all of them.
    pub(crate) asked_packages: Vec<String>,
    pub(crate) asked_units: Vec<String>,
    accounts: OnceCell<Accounts<'a>>,
    packages: OnceCell<Packages>,
    units: OnceCell<Result<BTreeMap<String, Units>, String>>,
    sockets: OnceCell<Result<Sockets, String>>,
    /// The file that was read last: items about one file mostly stand together.
    last: RefCell<Option<(String, bool, Text)>>,
}

impl<'a> Sources<'a> {
    pub(crate) fn new(host: &'a Host, deadline: Instant) -> Self {
        Self {
            host,
            deadline,
            asked_packages: Vec::new(),
            asked_units: Vec::new(),
            accounts: OnceCell::new(),
            packages: OnceCell::new(),
            units: OnceCell::new(),
            sockets: OnceCell::new(),
            last: RefCell::new(None),
        }
    }

    pub(crate) fn accounts(&self) -> &Accounts<'a> {
        self.accounts.get_or_init(|| Accounts::read(self.host))
    }

    pub(crate) fn packages(&self) -> &Packages {
        self.packages.get_or_init(|| Packages::read(self.host, &self.asked_packages))
    }

    pub(crate) fn units(&self) -> Result<&BTreeMap<String, Units>, &String> {
        self.units.get_or_init(|| crate::services::read(self.host, &self.asked_units)).as_ref()
    }

    pub(crate) fn sockets(&self) -> Result<&Sockets, &String> {
        self.sockets.get_or_init(|| Sockets::read(self.host)).as_ref()
    }

    /// The text of a file, read by a function, or as it was read for the item before.
    pub(crate) fn read_lines(
        &self,
        path: &str,
        follow: bool,
        read: impl FnOnce(&Self, &str, bool) -> Result<Vec<u8>, String>,
    ) -> Text {
        if let Some((last, followed, text)) = &*self.last.borrow()
            && last == path
            && *followed == follow
        {
            return text.clone();
        }
        let text = read(self, path, follow).map(Rc::new);
        *self.last.borrow_mut() = Some((path.to_owned(), follow, text.clone()));
        text
    }
}
