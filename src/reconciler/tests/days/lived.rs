//! How often what happened: what never did was not shown.

/// How often what happened.
#[derive(Debug, Default, Clone)]
pub(super) struct Lived {
    pub(super) edits: u32,
    pub(super) heals: u32,
    pub(super) narrowed: u32,
    pub(super) capped: u32,
    pub(super) refused: u32,
    pub(super) catch_ups: u32,
    pub(super) crashes: u32,
    pub(super) commits: u32,
    pub(super) recurring: u32,
    pub(super) excused: u32,
    /// Hours in which a task was doubted because somebody edited its file, twice, within minutes of its correction.
    pub(super) fought_over: u32,
}

impl Lived {
    pub(super) fn add(&mut self, other: &Self) {
        self.edits += other.edits;
        self.heals += other.heals;
        self.narrowed += other.narrowed;
        self.capped += other.capped;
        self.refused += other.refused;
        self.catch_ups += other.catch_ups;
        self.crashes += other.crashes;
        self.commits += other.commits;
        self.recurring += other.recurring;
        self.excused += other.excused;
        self.fought_over += other.fought_over;
    }
}
