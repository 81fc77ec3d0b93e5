//! Reads what operators and repositories write.
