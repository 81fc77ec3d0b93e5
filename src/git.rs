//! Follows repositories and lays out verified checkouts.
