//! Whether HTML is well-formed, and where its links lead. Knows what our templates write, and nothing else.

use crate::api::ROUTES;

const VOID: [&str; 6] = ["input", "link", "meta", "br", "hr", "img"];

/// One tag as it stands: its name, its attributes, and whether it closes.
struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
    closes: bool,
    /// Whether it ends in `/>`.
    empty: bool,
}

/// The tags of a text, which may hold no `<` and no `>` besides.
fn tags(text: &str) -> Vec<Tag<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "a lone > in {:?}", &rest[..start]);
        rest = &rest[start + 1..];
        let end = end_of(rest);
        let (inside, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        if inside.starts_with('!') {
            continue;
        }
        let (closes, empty) = (inside.starts_with('/'), inside.ends_with('/'));
        let inside = inside.trim_start_matches('/').trim_end_matches('/');
        let name = inside.split_whitespace().next().unwrap_or_default();
        found.push(Tag { name, attributes: attributes(&inside[name.len()..]), closes, empty });
    }
    found
}

/// Where a tag ends: a `>` outside of quotes.
fn end_of(text: &str) -> usize {
    let mut quoted = false;
    let end = text.char_indices().find(|(_, it)| {
        quoted ^= *it == '"';
        *it == '>' && !quoted
    });
    end.unwrap_or_else(|| panic!("a tag does not end: {:?}", &text[..text.len().min(80)])).0
}

fn attributes(mut text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return found;
        }
        let end = text.find(['=', ' ', '\n']).unwrap_or(text.len());
        let name = &text[..end];
        assert!(!name.is_empty() && !name.contains('"'), "not an attribute: {text:?}");
        text = &text[end..];
        let Some(value) = text.strip_prefix("=\"") else {
            found.push((name, ""));
            continue;
        };
        let end = value.find('"').unwrap();
        found.push((name, &value[..end]));
        text = &value[end + 1..];
    }
}

/// Fails unless each element that is opened is closed, in order, no id is there twice, and each link leads to a page.
pub(super) fn check(name: &str, text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut ids = std::collections::BTreeSet::new();
    for tag in tags(text) {
        if tag.closes {
            assert_eq!(open.pop(), Some(tag.name), "{name}: </{}> closes the wrong element", tag.name);
            continue;
        }
        for (attribute, value) in &tag.attributes {
            assert!(!attribute.starts_with("on") && *attribute != "style", "{name}: {attribute}");
            match *attribute {
                "id" => assert!(ids.insert(value.to_owned()), "{name}: the id {value} is there twice"),
                "href" | "action" | "src" => assert!(leads(value), "{name}: {value} leads nowhere"),
                "data-act" => assert!(acts(value), "{name}: {value} is no act"),
                _ => {}
            }
        }
        if !VOID.contains(&tag.name) && !tag.empty {
            open.push(tag.name);
        }
    }
    assert_eq!(open, Vec::<&str>::new(), "{name}");
}

/// Pages that others serve.
const ELSEWHERE: [&str; 8] = [
    "/runs",
    "/runs/{run}",
    "/merge-requests",
    "/audit",
    "/sign-in",
    "/sign-out",
    "/sources/{source}/commits/{commit}",
    "/sources/{source}/merge-requests/{number}",
];

fn leads(href: &str) -> bool {
    let path = href.split(['?', '#']).next().unwrap_or_default();
    let pages = ROUTES.iter().filter(|it| it.is_page()).map(|it| it.path).chain(ELSEWHERE);
    href.starts_with('#') || pages.into_iter().any(|it| fits(it, path))
}

fn acts(call: &str) -> bool {
    let posts = ROUTES.iter().filter(|it| it.method == crate::api::Method::Post);
    call.strip_prefix("POST ").is_some_and(|path| posts.into_iter().any(|it| fits(it.path, path)))
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return false,
        }
    }
}
