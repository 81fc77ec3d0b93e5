//! Which hosts of an inventory a pattern means.

use std::collections::BTreeSet;

use super::inventory::Inventory;

/// The hosts that a pattern means, or more where that is not known: a subscript of what has no order here, and a
/// regular expression, stand for all hosts that they could mean.
pub(super) fn matching(inventory: &Inventory, pattern: &str) -> BTreeSet<String> {
    let terms = terms(pattern);
    let (excluded, others): (Vec<&str>, Vec<&str>) =
        terms.iter().copied().partition(|it| it.starts_with('!'));
    let (shared, mut regular): (Vec<&str>, Vec<&str>) =
        others.into_iter().partition(|it| it.starts_with('&'));
    if regular.is_empty() {
        regular.push("all");
    }
    let mut hosts: BTreeSet<String> = regular.iter().flat_map(|it| one(inventory, it).hosts).collect();
    for term in shared {
        let found = one(inventory, &term[1..]).hosts;
        hosts.retain(|it| found.contains(it));
    }
    for term in excluded {
        let found = one(inventory, &term[1..]);
        // What is excluded must be known exactly: to exclude too much would hide a host.
        if found.is_exact {
            hosts.retain(|it| !found.hosts.contains(it));
        }
    }
    hosts
}

/// The terms of a pattern: parted by commas, or by colons that are not in brackets.
fn terms(pattern: &str) -> Vec<&str> {
    let parts: Vec<&str> = if pattern.contains(',') {
        pattern.split(',').collect()
    } else if is_address(pattern) {
        vec![pattern]
    } else {
        let mut depth = 0_usize;
        pattern
            .split(|it: char| {
                match it {
                    '[' => depth += 1,
                    ']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                depth == 0 && (it == ':' || it.is_whitespace())
            })
            .collect()
    };
    parts.into_iter().map(str::trim).filter(|it| !it.is_empty()).collect()
}

/// `::1` is one term.
fn is_address(pattern: &str) -> bool {
    2 <= pattern.matches(':').count() && pattern.chars().all(|it| it.is_ascii_hexdigit() || it == ':')
}

/// What one term means.
struct Meant {
    hosts: BTreeSet<String>,
    is_exact: bool,
}

fn one(inventory: &Inventory, term: &str) -> Meant {
    if inventory.has_host(term) {
        return Meant { hosts: BTreeSet::from([term.to_owned()]), is_exact: true };
    }
    if term.starts_with('~') {
        return Meant { hosts: inventory.hosts.iter().cloned().collect(), is_exact: false };
    }
    let (name, subscript) = subscript(term);
    let found = named(inventory, name);
    let Some((first, last)) = subscript else { return found };
    let mut groups = inventory.groups.iter().filter(|it| glob(name, it.0));
    match (groups.next(), groups.next()) {
        // Only a group without children has an order that can be told.
        (Some((_, group)), None) if group.children.is_empty() => {
            Meant { hosts: sliced(&group.hosts, first, last), is_exact: found.is_exact }
        }
        _ => Meant { is_exact: false, ..found },
    }
}

fn named(inventory: &Inventory, name: &str) -> Meant {
    let mut hosts: BTreeSet<String> = BTreeSet::new();
    let mut has_group = false;
    if let Some((group, _)) = inventory.groups.get_key_value(name) {
        has_group = true;
        hosts.extend(inventory.members(group).into_iter().map(str::to_owned));
    } else if name.contains(['*', '?', '[']) {
        for group in inventory.groups.keys().filter(|it| glob(name, it)) {
            has_group = true;
            hosts.extend(inventory.members(group).into_iter().map(str::to_owned));
        }
    }
    if !has_group || name.contains(['.', '?', '*', '[']) {
        hosts.extend(inventory.hosts.iter().filter(|it| glob(name, it)).cloned());
    }
    if hosts.is_empty() && matches!(name, "localhost" | "127.0.0.1" | "::1") {
        hosts.insert(name.to_owned());
    }
    Meant { hosts, is_exact: true }
}

/// `web[0]`, `web[-1]`, `web[0:2]`, `web[1:]`: the name, the first and the last, which is included.
fn subscript(term: &str) -> (&str, Option<(i64, Option<i64>)>) {
    let Some((name, inside)) = term.strip_suffix(']').and_then(|it| it.rsplit_once('[')) else {
        return (term, None);
    };
    let is_number = |it: &str| !it.is_empty() && it.chars().all(|it| it.is_ascii_digit());
    let number = |it: &str| it.parse::<i64>().ok();
    let found = if is_number(inside.strip_prefix('-').unwrap_or(inside)) {
        number(inside).map(|it| (it, Some(it)))
    } else {
        match inside.split_once([':', '-']) {
            Some((first, "")) if is_number(first) => number(first).map(|it| (it, None)),
            Some((first, last)) if is_number(first) && is_number(last) => {
                number(first).zip(number(last)).map(|it| (it.0, Some(it.1)))
            }
            _ => None,
        }
    };
    if found.is_none() || name.is_empty() { (term, None) } else { (name, found) }
}

fn sliced(hosts: &[String], first: i64, last: Option<i64>) -> BTreeSet<String> {
    let length = i64::try_from(hosts.len()).unwrap_or(i64::MAX);
    let from = |it: i64| if it < 0 { it.saturating_add(length) } else { it };
    let (first, last) = (from(first), last.map_or(length - 1, from));
    let indexes = hosts.iter().zip(0_i64..);
    indexes.filter(|it| first <= it.1 && it.1 <= last).map(|it| it.0.clone()).collect()
}

/// Whether a name fits a pattern with `*`, `?` and `[…]`.
pub(super) fn glob(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut in_name) = (0, 0);
    // Where the last `*` was, and how much it took.
    let mut star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        let fits = pattern.get(at).and_then(|_| one_fits(&pattern[at..], name[in_name]));
        if pattern.get(at) == Some(&'*') {
            star = Some((at, in_name));
            at += 1;
        } else if let Some(length) = fits {
            at += length;
            in_name += 1;
        } else if let Some((star_at, taken)) = star {
            star = Some((star_at, taken + 1));
            at = star_at + 1;
            in_name = taken + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|it| *it == '*')
}

/// Whether a character fits the beginning of a pattern, and how long that is.
fn one_fits(pattern: &[char], it: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '[' => {
            let is_negated = pattern.get(1) == Some(&'!');
            let start = if is_negated { 2 } else { 1 };
            // A bracket that comes first stands for itself.
            let end = (start + 1..pattern.len()).find(|at| pattern[*at] == ']');
            let Some(end) = end else { return (it == '[').then_some(1) };
            let set = &pattern[start..end];
            let mut found = false;
            let mut at = 0;
            while at < set.len() {
                if set.get(at + 1) == Some(&'-') && at + 2 < set.len() {
                    found |= set[at] <= it && it <= set[at + 2];
                    at += 3;
                } else {
                    found |= set[at] == it;
                    at += 1;
                }
            }
            (found != is_negated).then_some(end + 1)
        }
        other => (*other == it).then_some(1),
    }
}
