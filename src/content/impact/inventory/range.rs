//! Names with ranges: `web[01:10]`, `db[a:c].example.org`, `web[0:9:3]`.

/// All names, at most `most`; `None` if there are more or a range is none.
pub(super) fn expand(pattern: &str, most: usize) -> Option<Vec<String>> {
    let mut names = vec![String::new()];
    let mut rest = without_port(pattern);
    while let Some((before, after)) = rest.split_once('[') {
        let Some((inside, after)) = after.split_once(']') else { break };
        let values = values(inside, most)?;
        if most < names.len().checked_mul(values.len())? {
            return None;
        }
        names = names
            .iter()
            .flat_map(|it| values.iter().map(move |value| format!("{it}{before}{value}")))
            .collect();
        rest = after;
    }
    for name in &mut names {
        name.push_str(rest);
    }
    (names.len() <= most).then_some(names)
}

/// `host:22` without its port. More than one colon outside of brackets is an address of its own.
fn without_port(pattern: &str) -> &str {
    if let Some((address, port)) = pattern.strip_prefix('[').and_then(|it| it.split_once("]:"))
        && address.contains("::")
        && is_number(port)
    {
        return address;
    }
    match pattern.rsplit_once(':') {
        Some((name, port)) if is_number(port) && !outside(name).contains(':') => name,
        _ => pattern,
    }
}

/// What is not in brackets.
fn outside(text: &str) -> String {
    let mut depth = 0_usize;
    text.chars()
        .filter(|it| {
            match it {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                _ => return depth == 0,
            }
            false
        })
        .collect()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|it| it.is_ascii_digit())
}

fn values(inside: &str, most: usize) -> Option<Vec<String>> {
    let parts: Vec<&str> = inside.split(':').collect();
    let (from, to, step) = match parts.as_slice() {
        [from, to] => (*from, *to, 1),
        [from, to, step] => (*from, *to, step.parse::<usize>().ok().filter(|it| 0 < *it)?),
        _ => return None,
    };
    let from = if from.is_empty() { "0" } else { from };
    if is_number(from) && is_number(to) {
        let is_padded = 1 < from.len() && from.starts_with('0');
        if is_padded && from.len() != to.len() {
            return None;
        }
        let (first, last) = (from.parse::<usize>().ok()?, to.parse::<usize>().ok()?);
        if last < first || most <= (last - first) / step {
            return None;
        }
        let width = if is_padded { from.len() } else { 0 };
        return Some((first..=last).step_by(step).map(|it| format!("{it:0width$}")).collect());
    }
    let letter = |it: &str| it.chars().next().filter(|one| it.len() == 1 && one.is_ascii_alphabetic());
    let (first, last) = (letter(from)?, letter(to)?);
    let letters = ('a'..='z').chain('A'..='Z');
    let found: Vec<String> = letters
        .skip_while(|it| *it != first)
        .take_while(|it| *it != last)
        .chain(std::iter::once(last))
        .step_by(step)
        .map(String::from)
        .collect();
    Some(found)
}
