//! The loop: listen, decide, remember, act.
