//! How the program ends: named exit codes.
