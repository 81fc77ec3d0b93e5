//! Host limits: what a person asks for is narrowed by what the stack declares, never widened.

use std::net::Ipv6Addr;

use crate::domain::Failure;

/// One Ansible limit that reaches exactly the hosts which both limits reach.
///
/// Ansible's patterns know union, `&` and `!`, but no parentheses: two limits that are both unions cannot be
/// intersected in one pattern, and are refused rather than widened.
pub fn intersect_limits(declared: Option<&str>, asked: Option<&str>) -> Result<Option<String>, Failure> {
    let (Some(declared), Some(asked)) = (declared, asked) else {
        return Ok(declared.or(asked).map(str::to_owned));
    };
    let (ours, theirs) = (Terms::of(declared), Terms::of(asked));
    let (many, few) = if ours.union.len() < theirs.union.len() {
        (&theirs.union, &ours.union)
    } else {
        (&ours.union, &theirs.union)
    };
    if 1 < few.len() {
        let message =
            format!("the limit `{asked}` cannot be combined with the limit `{declared}` of the stack");
        return Err(Failure::until_changed(message).remedy("ask for one host or group at a time"));
    }
    let mut terms: Vec<String> = many.iter().map(ToString::to_string).collect();
    terms.extend(few.iter().map(|it| format!("&{it}")));
    terms.extend(ours.rest.iter().chain(&theirs.rest).map(ToString::to_string));
    Ok(Some(terms.join(",")))
}

/// A pattern, taken apart: terms that add hosts, and terms that take some away.
struct Terms<'a> {
    union: Vec<&'a str>,
    rest: Vec<&'a str>,
}

impl<'a> Terms<'a> {
    fn of(pattern: &'a str) -> Self {
        let terms = split(pattern).into_iter().map(str::trim).filter(|it| !it.is_empty());
        let (rest, union) = terms.partition(|it| it.starts_with(['&', '!']));
        Self { union, rest }
    }
}

/// As Ansible does it: at commas if there are any, else at colons outside brackets, but not within an address.
fn split(pattern: &str) -> Vec<&str> {
    if pattern.contains(',') {
        return pattern.split(',').collect();
    }
    if pattern.trim().parse::<Ipv6Addr>().is_ok() {
        return vec![pattern];
    }
    let mut depth = 0_i32;
    pattern
        .split(|it: char| {
            depth += i32::from(it == '[') - i32::from(it == ']');
            it == ':' && depth <= 0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(declared: &str, asked: &str, want: Option<&str>) {
        let some = |it: &'static str| Some(it).filter(|it| !it.is_empty());
        let leak = |it: &str| -> &'static str { it.to_owned().leak() };
        let got = intersect_limits(some(leak(declared)), some(leak(asked)));
        assert_eq!(got.ok(), want.map(|it| some(leak(it)).map(str::to_owned)), "{declared} and {asked}");
    }

    #[test]
    fn a_limit_that_a_person_gives_only_narrows() {
        check("", "", Some(""));
        check("web", "", Some("web"));
        check("", "h1:h2", Some("h1:h2"));
        check("web", "h1", Some("web,&h1"));
        check("web", "h1:h2", Some("h1,h2,&web"));
        check("web:db", "h1", Some("web,db,&h1"));
        check("web,!old", "h1,h2,!h3", Some("h1,h2,&web,!old,!h3"));
        check("!old", "h1", Some("h1,!old"));
        check("web:&stage", "h[1:3]", Some("web,&h[1:3],&stage"));
        check("web", "fe80::1", Some("web,&fe80::1"));
        check("web", "!h1", Some("web,!h1"));
        check("!a", "!b", Some("!a,!b"));
    }

    #[test]
    fn what_cannot_be_said_in_one_pattern_is_refused() {
        check("web:db", "h1:h2", None);
        check("web,db,!old", "h1,h2", None);
    }
}
