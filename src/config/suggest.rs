//! "Did you mean …?"

/// The known word that a person most probably meant, if one is near enough.
pub(super) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase().replace('-', "_");
    known
        .map(|word| {
            let plain = word.to_lowercase().replace('-', "_");
            // A typing error is one of a few letters; `dependencies` for `depends_on` shares the beginning.
            let begins = plain.chars().count() > 3 && given.starts_with(&plain)
                || plain.starts_with(&given) && given.len() > 2;
            let likeness = strsim::jaro_winkler(&given, &plain);
            let letters = strsim::damerau_levenshtein(&given, &plain);
            (word, likeness, begins || letters <= 1 || 0.82 < likeness && letters <= 2.max(plain.len() / 2))
        })
        .filter(|(_, _, near)| *near)
        .max_by(|(_, one, _), (_, other, _)| one.total_cmp(other))
        .map(|(word, ..)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_suggested_and_nothing_else() {
        let keys =
            ["playbook", "inventory", "limit", "tags", "skip_tags", "extra_vars", "depends_on", "timeout"];
        let near = |given| nearest(given, keys.into_iter());
        assert_eq!(near("playbok"), Some("playbook"));
        assert_eq!(near("inventroy"), Some("inventory"));
        assert_eq!(near("extra-vars"), Some("extra_vars"));
        assert_eq!(near("tag"), Some("tags"));
        assert_eq!(near("Timeout"), Some("timeout"));
        assert_eq!(near("become"), None);
        assert_eq!(near("x"), None);
    }
}
