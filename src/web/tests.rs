//! The server against a backend in memory.
