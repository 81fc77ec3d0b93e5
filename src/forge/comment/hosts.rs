//! Names of many hosts in few words: `web[1-40,42].example.com`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::harmless::code;
use super::words::count;
use crate::domain::HostName;

/// The most pieces of which hosts are named.
const PIECES_MAX: usize = 8;

/// The most ranges within the brackets of one piece.
const RANGES_MAX: usize = 16;

/// Hosts in one phrase: pieces as code, and how many are not named.
pub(super) fn named<'a>(hosts: impl IntoIterator<Item = &'a HostName>) -> String {
    let pieces = compact(hosts.into_iter().map(HostName::as_str));
    let shown: Vec<String> = pieces.iter().take(PIECES_MAX).map(|(piece, _)| code(piece)).collect();
    let missing: usize = pieces.iter().skip(PIECES_MAX).map(|(_, hosts)| hosts).sum();
    match missing {
        0 => shown.join(", "),
        _ => format!("{} and {}", shown.join(", "), count(missing as u64, "more host", "more hosts")),
    }
}

/// A name around its number, with the number of digits where they have leading zeros.
type Shape<'a> = (&'a str, &'a str, Option<usize>);

/// Pieces with how many hosts each stands for. Only names that differ in one number, written in one way, share one.
fn compact<'a>(names: impl Iterator<Item = &'a str>) -> Vec<(String, usize)> {
    let mut shapes: BTreeMap<(&str, &str), Vec<(u64, &str)>> = BTreeMap::new();
    let mut plain = Vec::new();
    for name in names {
        match numbered(name) {
            Some((before, digits, number, after)) => {
                shapes.entry((before, after)).or_default().push((number, digits));
            }
            None => plain.push(name),
        }
    }
    plain.sort_unstable();
    plain.dedup();
    let mut pieces: Vec<(String, usize)> = plain.into_iter().map(|it| (it.to_owned(), 1)).collect();
    for ((before, after), numbers) in shapes {
        let padded = numbers.iter().any(|(_, digits)| 1 < digits.len() && digits.starts_with('0'));
        let mut widths: BTreeMap<Shape<'_>, Vec<(u64, &str)>> = BTreeMap::new();
        for (number, digits) in numbers {
            let shape = (before, after, padded.then_some(digits.len()));
            widths.entry(shape).or_default().push((number, digits));
        }
        for ((before, after, _), mut numbers) in widths {
            numbers.sort_unstable();
            numbers.dedup();
            pieces.extend(ranges(before, after, &numbers));
        }
    }
    pieces
}

/// The parts of a name around its last number. That of the first label, if it has one: the rest is the domain.
fn numbered(name: &str) -> Option<(&str, &str, u64, &str)> {
    let label = match name.find('.') {
        Some(dot)
            if name.parse::<Ipv4Addr>().is_err() && name[..dot].contains(|it: char| it.is_ascii_digit()) =>
        {
            dot
        }
        _ => name.len(),
    };
    let end = name[..label].rfind(|it: char| it.is_ascii_digit())? + 1;
    let start = name[..end]
        .rfind(|it: char| !it.is_ascii_digit())
        .map_or(0, |at| at + name[at..].chars().next().map_or(1, char::len_utf8));
    let digits = &name[start..end];
    let number = (digits.len() <= 18).then(|| digits.parse().ok()).flatten()?;
    Some((&name[..start], digits, number, &name[end..]))
}

fn ranges(before: &str, after: &str, numbers: &[(u64, &str)]) -> Vec<(String, usize)> {
    let mut runs: Vec<&[(u64, &str)]> = Vec::new();
    let mut start = 0;
    for at in 1..=numbers.len() {
        if numbers.get(at).is_none_or(|next| numbers[at - 1].0 + 1 < next.0) {
            runs.push(&numbers[start..at]);
            start = at;
        }
    }
    let written = runs.chunks(RANGES_MAX).map(|runs| {
        let hosts = runs.iter().map(|it| it.len()).sum();
        let parts: Vec<String> = runs.iter().flat_map(|it| run(it)).collect();
        let piece = match parts.as_slice() {
            [one] if hosts == 1 => format!("{before}{one}{after}"),
            parts => format!("{before}[{}]{after}", parts.join(",")),
        };
        (piece, hosts)
    });
    written.collect()
}

/// `7`, `7,8`, `7-9`.
fn run(numbers: &[(u64, &str)]) -> Vec<String> {
    match numbers {
        [first, .., last] if 2 < numbers.len() => vec![format!("{}-{}", first.1, last.1)],
        few => few.iter().map(|it| it.1.to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> String {
        let pieces = compact(names.iter().copied());
        pieces.into_iter().map(|it| it.0).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_that_differ_in_one_number_share_a_piece() {
        assert_eq!(of(&["web2", "web1", "web3", "web5"]), "web[1-3,5]");
        assert_eq!(of(&["web9", "web10"]), "web[9,10]");
        assert_eq!(
            of(&["web1.a.example", "web2.a.example", "web1.b.example"]),
            "web[1,2].a.example web1.b.example"
        );
        assert_eq!(of(&["web01", "web02", "web03", "web1"]), "web1 web[01-03]");
        assert_eq!(of(&["10.0.0.1", "10.0.0.2", "10.0.1.1"]), "10.0.0.[1,2] 10.0.1.1");
        assert_eq!(of(&["db", "db", "ü7ü", "ü8ü"]), "db ü[7,8]ü");
        assert_eq!(of(&["a.dc1", "a.dc2", "a99999999999999999999"]), "a99999999999999999999 a.dc[1,2]");
    }

    #[test]
    fn many_that_do_not_fold_are_counted() {
        let hosts: Vec<HostName> = (0..50).map(|it| HostName::new(format!("h{}", "x".repeat(it)))).collect();
        let text = named(&hosts);
        assert!(text.ends_with(" and 42 more hosts"), "{text}");
        let odd: Vec<HostName> = (0..50).map(|it| HostName::new(format!("h{}", it * 2))).collect();
        let pieces = compact(odd.iter().map(HostName::as_str));
        assert_eq!(pieces.iter().map(|it| it.1).collect::<Vec<_>>(), [16, 16, 16, 2]);
    }
}
