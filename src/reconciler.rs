//! Decides. Pure: facts in, decisions out.
