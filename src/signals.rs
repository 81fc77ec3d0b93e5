//! Unix signals and systemd.
