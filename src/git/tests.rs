//! Real repositories in temporary directories, made and changed by the real git.

mod support;

mod fetch;
