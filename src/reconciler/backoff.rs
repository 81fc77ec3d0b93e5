//! Pauses: doubled after each failure, capped, and spread a little so that many things do not happen at once.

use crate::domain::Span;

/// No pause is shorter, whatever the operator configures: nothing may spin.
const SHORTEST: Span = Span::from_millis(10);

/// The pause after `times` failures in a row: `base`, twice `base`, four times `base`, at most `longest`.
pub(super) fn doubled(base: Span, longest: Span, times: u32) -> Span {
    let factor = 1_i32 << times.saturating_sub(1).min(30);
    let pause = base.max(SHORTEST).checked_mul(factor).unwrap_or(longest);
    pause.min(longest).max(SHORTEST)
}

/// Where the spread of pauses comes from. The same seed, name and number always give the same pause.
#[derive(Debug, Clone, Copy)]
pub(super) struct Jitter {
    pub(super) seed: u64,
}

impl Jitter {
    /// `span` plus 0 to 10 % of it.
    pub(super) fn at_least(self, span: Span, name: &str, number: u64) -> Span {
        stretched(span, self.thousandths(name, number) / 10)
    }

    /// Some of `span`: nothing to all of it.
    pub(super) fn within(self, span: Span, name: &str, number: u64) -> Span {
        (span / 1000).checked_mul(self.thousandths(name, number)).unwrap_or(span)
    }

    /// `span` plus or minus up to 10 % of it, and never nothing.
    pub(super) fn around(self, span: Span, name: &str, number: u64) -> Span {
        let span = span.max(SHORTEST);
        stretched(span, self.thousandths(name, number) / 5 - 100)
    }

    /// A number from 0 to 1000 that looks random: FNV-1a over what is given, finished as in `SplitMix64`.
    fn thousandths(self, name: &str, number: u64) -> i32 {
        let bytes = name.bytes().chain(number.to_le_bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325 ^ self.seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        i32::try_from((mixed ^ (mixed >> 31)) % 1001).unwrap_or(0)
    }
}

fn stretched(span: Span, thousandths: i32) -> Span {
    (span / 1000).checked_mul(thousandths).and_then(|more| span.checked_add(more)).unwrap_or(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses = [0, 1, 2, 3, 4, 5, 100, u32::MAX]
            .map(|times| doubled(Span::from_secs(30), Span::from_secs(300), times).as_secs());
        assert_eq!(pauses, [30, 30, 60, 120, 240, 300, 300, 300]);
    }

    #[test]
    fn absurd_settings_neither_spin_nor_overflow() {
        assert_eq!(doubled(Span::ZERO, Span::ZERO, 3), SHORTEST);
        assert_eq!(doubled(Span::from_secs(-5), Span::from_secs(-1), 3), SHORTEST);
        assert_eq!(doubled(Span::MAX, Span::MAX, 9), Span::MAX);
        let jitter = Jitter { seed: 7 };
        assert!(SHORTEST / 2 < jitter.around(Span::ZERO, "infra", 1));
        assert!(Span::from_hours(1) < jitter.at_least(Span::MAX, "infra", 1));
    }

    #[test]
    fn the_spread_stays_within_a_tenth_and_uses_it() {
        let span = Span::from_secs(1000);
        let around = |number| Jitter { seed: 1 }.around(span, "infra", number).as_secs();
        let more = |number| Jitter { seed: 1 }.at_least(span, "infra", number).as_secs();
        for number in 0..1000 {
            assert!((900..=1100).contains(&around(number)));
            assert!((1000..=1100).contains(&more(number)));
        }
        assert!(
            (0..1000).any(|number| around(number) < 920) && (0..1000).any(|number| 1080 < around(number))
        );
        assert!((0..1000).any(|number| more(number) < 1010) && (0..1000).any(|number| 1090 < more(number)));
    }

    #[test]
    fn the_spread_depends_on_seed_name_and_number_alone() {
        let draw = |seed, name, number| Jitter { seed }.at_least(Span::from_hours(1), name, number);
        assert_eq!(draw(1, "web", 1), draw(1, "web", 1));
        assert_ne!(draw(1, "web", 1), draw(2, "web", 1));
        assert_ne!(draw(1, "web", 1), draw(1, "db", 1));
        assert_ne!(draw(1, "web", 1), draw(1, "web", 2));
    }
}
