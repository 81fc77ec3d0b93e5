//! Lets a test end a run, or make one operation fail, at any step that changes the host.

use std::cell::Cell;
use std::io;

use rustix::io::Errno;

/// Asked before each operation that changes something. In the module it always says yes.
#[derive(Debug, Default)]
pub struct Faults {
    fault: Option<Fault>,
    steps: Cell<u64>,
}

/// What goes wrong, and before which step, counted from 0.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// As if the process was killed: neither this step nor any after it happens.
    End(u64),
    /// As if the disk was full at this one step.
    Full(u64),
}

impl Faults {
    /// Nothing goes wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// This goes wrong.
    pub fn one(fault: Fault) -> Self {
        Self { fault: Some(fault), steps: Cell::new(0) }
    }

    /// How many steps there were.
    pub fn steps(&self) -> u64 {
        self.steps.get()
    }

    pub(crate) fn step(&self) -> io::Result<()> {
        let now = self.steps.replace(self.steps.get() + 1);
        match self.fault {
            Some(Fault::End(at)) if at <= now => Err(Errno::CANCELED.into()),
            Some(Fault::Full(at)) if at == now => Err(Errno::NOSPC.into()),
            _ => Ok(()),
        }
    }
}
