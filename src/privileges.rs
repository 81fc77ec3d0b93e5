//! The capabilities of the service: for guardians and sandboxes, which start programs as other users and end them, and for
//! nothing else that is started.
//!
//! systemd hands them on to whatever the daemon starts (`AmbientCapabilities=`, `man 7 capabilities`). `git`, `ssh` and
//! what verifies signatures read what strangers wrote: whoever takes one of them over is not to become root.

use std::io;
use std::sync::OnceLock;

use rustix::thread::{
    CapabilitySet, capability_is_in_ambient_set, clear_ambient_capability_set,
    configure_capability_in_ambient_set,
};

/// What systemd handed on.
static HELD: OnceLock<CapabilitySet> = OnceLock::new();

/// Those that the unit asks for.
const ASKED: CapabilitySet =
    CapabilitySet::SETUID.union(CapabilitySet::SETGID).union(CapabilitySet::CHOWN).union(CapabilitySet::KILL);

/// Stops handing them on. Called once, before there is a second thread: each thread has a set of its own.
pub fn keep() -> io::Result<()> {
    let held = ASKED.iter().filter(|it| capability_is_in_ambient_set(*it).unwrap_or(false)).collect();
    clear_ambient_capability_set()?;
    HELD.set(held).map_err(|_| io::Error::other("capabilities are kept once"))
}

/// Lets what is started within have them. It must be started by this very thread.
pub fn lent<T>(start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let held = HELD.get().copied().unwrap_or(CapabilitySet::empty());
    let raised = held.iter().try_for_each(|it| configure_capability_in_ambient_set(it, true));
    let started = raised.map_err(io::Error::from).and_then(|()| start());
    if !held.is_empty() {
        clear_ambient_capability_set()?;
    }
    started
}
