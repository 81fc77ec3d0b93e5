//! Shrinks what is to be said until it fits: lists grow one item at a time, the most important ones first.

use super::words::count;

/// What a list is for. Earlier ones grow first, each up to its share of the limit, so that a long one never leaves
/// nothing to those after it. What an earlier one does not use is there for the later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// A section for each stack, with its numbers.
    Stacks,
    /// What failed, and hosts that did not answer.
    Problems,
    /// What was not done as predicted.
    Report,
    /// What could not be seen, and what ran for real.
    Unseen,
    /// The hosts with the same changes.
    Groups,
    /// What stays behind.
    LeftBehind,
    /// The changes of such hosts.
    Changes,
    /// Plays and files that are touched.
    Impact,
    /// Plays and tasks that a sandbox listed.
    Listing,
    /// What differs.
    Diffs,
}

impl Rank {
    const ALL: [Self; 10] = [
        Self::Stacks,
        Self::Problems,
        Self::Report,
        Self::Unseen,
        Self::Groups,
        Self::LeftBehind,
        Self::Changes,
        Self::Impact,
        Self::Listing,
        Self::Diffs,
    ];

    /// How far the whole may have grown, in hundredths of the limit, when it is this one's turn.
    fn share(self) -> usize {
        match self {
            Self::Stacks => 25,
            Self::Problems => 35,
            Self::Report => 45,
            Self::Unseen => 50,
            Self::Groups => 60,
            Self::LeftBehind => 65,
            Self::Changes => 75,
            Self::Impact => 80,
            Self::Listing => 90,
            Self::Diffs => 100,
        }
    }
}

/// A piece of the comment.
#[derive(Debug)]
pub(super) enum Part {
    /// Always there.
    Text(String),
    /// As long as there is room.
    List(List),
}

/// Pieces one after another.
pub(super) type Block = Vec<Part>;

/// Items of which as many are shown as fit.
#[derive(Debug)]
pub(super) struct List {
    /// When it grows. Lists within its items are of later ranks.
    pub(super) rank: Rank,
    /// What is before the first item.
    pub(super) open: String,
    /// What is after the last one.
    pub(super) close: &'static str,
    /// What is said instead if not even one item fits.
    pub(super) instead: String,
    /// Before the line that says how many are missing: `- ` in a list.
    pub(super) bullet: &'static str,
    /// What an item is called, one and many; empty if nothing is said about missing ones.
    pub(super) noun: (&'static str, &'static str),
    /// How many items there are, with those that were not made.
    pub(super) total: u64,
    items: Vec<Block>,
    shown: usize,
}

impl List {
    /// A list of `total` things without anything around it.
    pub(super) fn new(rank: Rank, total: u64, noun: (&'static str, &'static str)) -> Self {
        Self {
            rank,
            open: String::new(),
            close: "",
            instead: String::new(),
            bullet: "- ",
            noun,
            total,
            items: Vec::new(),
            shown: 0,
        }
    }

    /// The line that says how many are missing, if `shown` are shown.
    fn more(&self, shown: usize) -> String {
        let missing = self.total.saturating_sub(shown as u64);
        if missing == 0 || self.noun.0.is_empty() {
            return String::new();
        }
        let (one, many) = self.noun;
        let missing = count(missing, &format!("more {one}"), &format!("more {many}"));
        // A line that is no item of a list is a paragraph.
        let end = if self.bullet.is_empty() { "\n\n" } else { "\n" };
        format!("{}… and {missing}{end}", self.bullet)
    }

    /// The size of all but the items.
    fn frame(&self, shown: usize) -> usize {
        if shown == 0 {
            return self.instead.len();
        }
        self.open.len() + self.close.len() + self.more(shown).len()
    }

    fn size(&self) -> usize {
        self.frame(self.shown) + self.items[..self.shown].iter().map(|it| size(it)).sum::<usize>()
    }

    fn write(&self, text: &mut String) {
        if self.shown == 0 {
            return text.push_str(&self.instead);
        }
        text.push_str(&self.open);
        for item in &self.items[..self.shown] {
            write(item, text);
        }
        text.push_str(&self.more(self.shown));
        text.push_str(self.close);
    }
}

/// Makes lists, and stops where no more could be shown anyway: a hundred thousand differences are not made harmless
/// one by one to show twenty.
#[derive(Debug)]
pub(super) struct Making {
    limit: usize,
    made: [usize; Rank::ALL.len()],
}

impl Making {
    /// For a comment of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, made: [0; Rank::ALL.len()] }
    }

    /// Fills a list. `make` writes one item.
    pub(super) fn fill<T>(
        &mut self,
        mut list: List,
        things: impl IntoIterator<Item = T>,
        mut make: impl FnMut(&mut Self, T) -> Block,
    ) -> Part {
        for thing in things {
            if self.limit < self.made[list.rank as usize] {
                break;
            }
            let item = make(self, thing);
            self.made[list.rank as usize] += size(&item);
            list.items.push(item);
        }
        Part::List(list)
    }

    /// The same with items of one text each.
    pub(super) fn lines<T>(
        &mut self,
        list: List,
        things: impl IntoIterator<Item = T>,
        line: impl Fn(T) -> String,
    ) -> Part {
        self.fill(list, things, |_, it| vec![Part::Text(line(it))])
    }
}

fn size(block: &[Part]) -> usize {
    let sizes = block.iter().map(|part| match part {
        Part::Text(text) => text.len(),
        Part::List(list) => list.size(),
    });
    sizes.sum()
}

fn write(block: &[Part], text: &mut String) {
    for part in block {
        match part {
            Part::Text(it) => text.push_str(it),
            Part::List(list) => list.write(text),
        }
    }
}

/// The text, at most `limit` bytes of it; `None` if not even what is always there fits.
pub(super) fn fit(mut block: Block, limit: usize) -> Option<String> {
    let mut total = size(&block);
    if limit < total {
        return None;
    }
    for rank in Rank::ALL {
        grow(&mut block, rank, &mut total, limit * rank.share() / 100);
    }
    // What all of them left over.
    for rank in Rank::ALL {
        grow(&mut block, rank, &mut total, limit);
    }
    let mut text = String::with_capacity(total);
    write(&block, &mut text);
    Some(text)
}

fn grow(block: &mut [Part], rank: Rank, total: &mut usize, ceiling: usize) {
    for part in block {
        let Part::List(list) = part else { continue };
        if list.rank == rank {
            grow_list(list, total, ceiling);
        } else if list.rank < rank {
            let shown = list.shown;
            list.items[..shown].iter_mut().for_each(|it| grow(it, rank, total, ceiling));
        }
    }
}

fn grow_list(list: &mut List, total: &mut usize, ceiling: usize) {
    while let Some(next) = list.items.get(list.shown) {
        let grown = *total + size(next) + list.frame(list.shown + 1) - list.frame(list.shown);
        if ceiling < grown {
            return;
        }
        *total = grown;
        list.shown += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(rank: Rank, up_to: u64, made: &mut Making) -> Part {
        let mut list = List::new(rank, up_to, ("number", "numbers"));
        list.open = "open\n".to_owned();
        list.instead = format!("{up_to} numbers\n");
        made.lines(list, 1..=up_to, |it| format!("- {it}\n"))
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let text = |limit| fit(vec![numbers(Rank::Diffs, 5, &mut Making::new(limit))], limit);
        assert_eq!(text(1000).as_deref(), Some("open\n- 1\n- 2\n- 3\n- 4\n- 5\n"));
        assert_eq!(text(9), None);
        assert_eq!(text(10).as_deref(), Some("5 numbers\n"));
        let some = text(40).expect("it fits");
        assert!(some.len() <= 40 && some.ends_with("more numbers\n") || some.ends_with("- 5\n"), "{some}");
    }

    #[test]
    fn the_important_grows_first_and_leaves_something() {
        let mut made = Making::new(1000);
        let block = vec![numbers(Rank::Diffs, 500, &mut made), numbers(Rank::Groups, 500, &mut made)];
        let text = fit(block, 1000).expect("it fits");
        assert!(text.len() <= 1000 && 990 < text.len(), "{}", text.len());
        let (diffs, groups) = text.split_once("more numbers\nopen").expect("two lists");
        assert!(diffs.len() < groups.len() && 300 < diffs.len(), "{} {}", diffs.len(), groups.len());
    }
}
