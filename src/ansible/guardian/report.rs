//! The last line of a run.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::domain::Exit;

/// Who ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// Nobody: it came to its end.
    Itself,
    /// The daemon asked for it, or a signal to the guardian did.
    Stop,
    /// The daemon died.
    Lifeline,
    /// It took longer than its wall-time limit.
    Limit,
}

/// What the guardian tells when nothing of its run is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Exit status of Ansible.
    pub exit: Option<i32>,
    /// The signal that ended Ansible.
    pub signal: Option<i32>,
    /// How many further processes of the run had to be ended.
    pub killed: u32,
    /// Who ended the run.
    pub ended_by: EndedBy,
    /// Why the run was not started, if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Serialize)]
struct LastLine<'a> {
    guardian: &'a Report,
}

#[derive(Deserialize)]
struct ReadLastLine {
    guardian: Report,
}

impl Report {
    /// The report on a run that was never started.
    pub(super) fn not_started(error: String) -> Self {
        Self { exit: None, signal: None, killed: 0, ended_by: EndedBy::Itself, error: Some(error) }
    }

    /// How Ansible ended.
    pub fn exit(&self) -> Exit {
        match (self.exit, self.signal) {
            (Some(code), _) => Exit::Code(code),
            (None, Some(signal)) => Exit::Signal(signal),
            (None, None) => Exit::Unknown,
        }
    }

    /// Reads the line; `None` if it is another one.
    pub fn from_line(nonce: &str, line: &[u8]) -> Option<Self> {
        Self::from_json(line.strip_prefix(nonce.as_bytes())?.strip_prefix(b" ")?)
    }

    /// Reads what stands behind the nonce.
    pub(in crate::ansible) fn from_json(json: &[u8]) -> Option<Self> {
        serde_json::from_slice::<ReadLastLine>(json).ok().map(|it| it.guardian)
    }

    /// The whole line, with what separates it from an event that was cut off when its writer was killed.
    pub(super) fn line(&self, nonce: &str) -> String {
        let json = serde_json::to_string(&LastLine { guardian: self })
            .expect("a report has nothing that JSON cannot hold");
        format!("\n{nonce} {json}\n")
    }

    /// Writes the line to standard output. If the daemon is gone nobody is there to read it, which is no failure.
    pub(super) fn write(&self, nonce: &str) {
        let mut out = io::stdout().lock();
        out.write_all(self.line(nonce).as_bytes()).and_then(|()| out.flush()).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let report =
            Report { exit: Some(4), signal: None, killed: 3, ended_by: EndedBy::Lifeline, error: None };
        let line = report.line("n0");
        assert_eq!(
            line,
            "\nn0 {\"guardian\":{\"exit\":4,\"signal\":null,\"killed\":3,\"ended_by\":\"lifeline\"}}\n"
        );
        assert_eq!(Report::from_line("n0", line.trim().as_bytes()), Some(report));
        assert_eq!(Report::from_line("n1", line.trim().as_bytes()), None);
        assert_eq!(Report::from_line("n0", b"n0 {\"event\":\"stats\"}"), None);
    }

    #[test]
    fn an_exit_is_told_from_a_signal_and_from_ignorance() {
        let report =
            |exit, signal| Report { exit, signal, killed: 0, ended_by: EndedBy::Itself, error: None };
        assert_eq!(report(Some(0), None).exit(), Exit::Code(0));
        assert_eq!(report(None, Some(9)).exit(), Exit::Signal(9));
        assert_eq!(report(None, None).exit(), Exit::Unknown);
    }
}
