//! All integration tests, one binary: linking once is faster than linking each file.
//! A file that is forgotten here is found by `tidy::each_test_file_is_part_of_the_binary`.

mod acceptance;
mod alerted;
mod audited;
mod backup;
mod canary;
mod crash;
mod drift;
mod execution;
mod fleet;
mod forge;
mod gated;
mod guardian;
mod handshake;
mod hooked;
mod hostile_requests;
mod https;
mod inside;
mod manual;
mod merge_requests;
mod modules;
mod monitoring;
mod narrowed;
mod operation;
mod probing;
mod recorded;
mod room;
mod running;
mod runtime;
mod sandboxed;
mod served;
mod sshd;
mod tidy;
mod verdicts;
mod world;
