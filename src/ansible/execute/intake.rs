//! Takes in what a run says: events to the sink, the rest counted.

use std::io::Write;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::guarded::Listener;
use super::{Answers, Audience, Finished, Log, Sink, StopReason, Stopper};
use crate::ansible::clean::Cleaning;
use crate::ansible::decode::{Decoder, Line};
use crate::ansible::guardian::Report;
use crate::ansible::limits::Limits;
use crate::ansible::lines::{Lines, Piece};
use crate::domain::{Exit, RunEvent, RunEventKind, Secret, Tally};

/// How often limits are looked at while a run is silent.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The ear of one run.
pub(super) struct Intake {
    lines: Lines,
    decoder: Decoder,
    batch: Vec<RunEvent>,
    sink: Sink,
    log: Option<Log>,
    cleaning: Cleaning,
    limits: Limits,
    stopper: Stopper,
    answers: Answers,
    heard_at: Instant,
    tally: Tally,
    events: u64,
    stray_lines: u64,
    event_bytes: u64,
    log_bytes: u64,
    pub(super) report: Option<Report>,
}

impl Intake {
    /// An ear for the run with this nonce. `key` is that of its digests.
    pub(super) fn new(
        nonce: &str,
        key: Secret,
        limits: Limits,
        (stopper, answers): (Stopper, Answers),
        audience: Audience,
    ) -> Self {
        let Audience { sink, log, cleaner, announcements } = audience;
        Self {
            lines: Lines::new(),
            decoder: Decoder::new(nonce),
            batch: Vec::new(),
            sink,
            log,
            cleaning: Cleaning::new(cleaner, announcements, key),
            limits,
            stopper,
            answers,
            heard_at: Instant::now(),
            tally: Tally::default(),
            events: 0,
            stray_lines: 0,
            event_bytes: 0,
            log_bytes: 0,
            report: None,
        }
    }

    pub(super) fn finish(mut self) -> Finished {
        self.cleaning.catch_up();
        std::mem::take(&mut self.lines).finish(|piece| self.piece(piece));
        self.hand_on();
        if let Some(log) = &mut self.log {
            log.write_all(&self.cleaning.rest()).ok();
        }
        Finished {
            exit: self.report.as_ref().map_or(Exit::Unknown, Report::exit),
            report: self.report,
            stopped_by: self.stopper.reason(),
            tally: self.tally,
            events: self.events,
            stray_lines: self.stray_lines,
            event_bytes: self.event_bytes,
            log_bytes: self.log_bytes,
            limits: self.limits,
        }
    }

    fn piece(&mut self, piece: Piece<'_>) {
        let Piece::Whole(line) = piece else {
            self.stray_lines += 1;
            return;
        };
        match self.decoder.decode(line) {
            Line::Event(mut event) => {
                self.events += 1;
                self.cleaning.event(&mut event);
                if let RunEventKind::HostsAsked { question, .. } = event.kind {
                    *self.answers.waiting() = Some(question);
                }
                self.tally.add(&event);
                self.batch.push(event);
            }
            Line::Guardian(report) => self.report = Some(report),
            // The guardian ends what was cut off with an empty line.
            Line::Log if line.is_empty() => {}
            Line::Malformed | Line::Log => self.stray_lines += 1,
        }
    }

    fn hand_on(&mut self) {
        if !self.batch.is_empty() {
            (self.sink)(&self.batch);
            self.batch.clear();
        }
    }
}

impl Listener for Intake {
    fn out(&mut self, bytes: &[u8]) {
        self.event_bytes += bytes.len() as u64;
        self.cleaning.catch_up();
        let mut lines = std::mem::take(&mut self.lines);
        lines.push(bytes, |piece| self.piece(piece));
        self.lines = lines;
        self.hand_on();
        self.heard_at = Instant::now(); // After the sink: its time is not the run's silence.
    }

    fn err(&mut self, bytes: &[u8]) {
        self.log_bytes += bytes.len() as u64;
        if let Some(log) = &mut self.log {
            self.cleaning.catch_up();
            // A log that cannot be written ends there: the run and its record are worth more.
            if log.write_all(&self.cleaning.output(bytes)).is_err() {
                self.log = None;
            }
        }
        self.heard_at = Instant::now();
    }

    fn beside(&self) -> Option<BorrowedFd<'_>> {
        self.cleaning.announced()?.pipe()
    }

    fn came_beside(&mut self) {
        self.cleaning.catch_up();
    }

    fn look(&mut self) -> Option<Instant> {
        if self.answers.waiting().is_some() {
            self.heard_at = Instant::now(); // It is we who are silent.
        }
        let said = self.event_bytes + self.log_bytes;
        if let Some(limit) = self.limits.broken(self.heard_at.elapsed(), said) {
            self.stopper.stop(StopReason::Limit(limit));
        }
        (self.limits.silence.is_some()).then(|| Instant::now() + LOOK_EVERY)
    }
}
