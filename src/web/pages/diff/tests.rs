use std::time::Instant;

use proptest::prelude::*;

use super::*;

fn of(before: &str, after: &str) -> Shown {
    shown(&Diff { before: before.to_owned(), after: after.to_owned(), ..Diff::default() })
}

/// Rows in short: what is on the left, a mark, what is on the right.
fn short(shown: &Shown) -> Vec<String> {
    let text = |it: &Cell| {
        let strong = |it: &Part| if it.strong { format!("[{}]", it.text) } else { it.text.clone() };
        let parts: Vec<String> = it.parts.iter().map(strong).collect();
        let end = if it.open_end { "$" } else { "" };
        format!("{} {}{end}", it.number, parts.concat())
    };
    let rows = shown.rows.iter().map(|it| match it {
        Row::Same(cell, new) => format!("{} = {new}", text(cell)),
        Row::Changed(Some(old), Some(new)) => format!("{} | {}", text(old), text(new)),
        Row::Changed(Some(old), None) => format!("{} |", text(old)),
        Row::Changed(None, Some(new)) => format!("| {}", text(new)),
        Row::Changed(None, None) => "?".to_owned(),
        Row::Fold(count) => format!("... {count}"),
        Row::Heading(text) => format!("# {text}"),
    });
    rows.collect()
}

#[test]
fn a_changed_word_is_marked_and_what_is_far_is_folded() {
    let before = (1..=20).flat_map(|it| ["line ".to_owned(), it.to_string(), "\n".to_owned()]);
    let before = before.collect::<String>();
    let after = before.replace("line 10\n", "line ten\n");
    let shown = of(&before, &after);
    assert_eq!(
        short(&shown),
        [
            "... 6",
            "7 line 7 = 7",
            "8 line 8 = 8",
            "9 line 9 = 9",
            "10 line [10] | 10 line [ten]",
            "11 line 11 = 11",
            "12 line 12 = 12",
            "13 line 13 = 13",
            "... 7",
        ]
    );
    assert_eq!((shown.added, shown.removed, shown.more), (1, 1, 0));
}

#[test]
fn lines_that_come_and_go_stand_alone() {
    assert_eq!(short(&of("", "a\nb\n")), ["| 1 a", "| 2 b"]);
    assert_eq!(short(&of("a\n", "")), ["1 a |"]);
    assert_eq!(short(&of("keep\nold stuff here\n", "keep\n")), ["1 keep = 1", "2 old stuff here |"]);
    assert_eq!(short(&of("abc\n", "xyz\n")), ["1 abc | 1 xyz"]);
}

#[test]
fn the_missing_end_of_the_last_line_is_marked() {
    assert_eq!(short(&of("a\n", "a")), ["1 a | 1 a$"]);
    assert_eq!(short(&of("a\r\n", "a\n")), ["1 a\u{240d} | 1 a"]);
    assert_eq!(of("a\n", "a\n"), Shown::default());
}

#[test]
fn a_difference_of_the_module_is_read() {
    let prepared =
        "--- before\n+++ after\n@@ -3,3 +3,3 @@\n same\n-old\n+new\n tail\n\\ No newline at end of file\n";
    let shown = shown(&Diff { prepared: prepared.to_owned(), ..Diff::default() });
    assert_eq!(
        short(&shown),
        ["# --- before", "# +++ after", "# @@ -3,3 +3,3 @@", "3 same = 3", "4 old | 4 new", "5 tail = 5"]
    );
    let parts = "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n\\ No newline at end of file\n+z\n-q\n";
    let shown = super::shown(&Diff { prepared: parts.to_owned(), ..Diff::default() });
    assert_eq!(short(&shown)[3..], ["1 x | 1 y$", "| 2 z", "2 q |"]);
}

#[test]
fn sentences_in_the_place_of_a_difference_are_told() {
    let prepared = "the wanted content is binary\n".to_owned();
    let shown = shown(&Diff { path: "/opt/x".to_owned(), prepared, ..Diff::default() });
    assert_eq!((shown.notes, shown.rows), (vec!["the wanted content is binary".to_owned()], Vec::new()));
    let hidden = super::shown(&Diff { path: "/etc/shadow".to_owned(), hidden: true, ..Diff::default() });
    assert!(hidden.notes[0].contains("not kept"));
}

#[test]
fn what_is_too_much_is_left_out_and_counted() {
    let shown = of("", &"a\n".repeat(ROWS_MAX + 5));
    assert_eq!((shown.rows.len(), shown.more, shown.added), (ROWS_MAX, 5, ROWS_MAX + 5));
    let shown = of("", &format!("{}\n", "x".repeat(LINE_MAX + 9)));
    assert!(short(&shown)[0].ends_with("(9 more characters)"), "{:?}", short(&shown));
}

#[test]
fn texts_without_anything_in_common_are_done_soon() {
    let text = |mark: &str| {
        (0..20_000).flat_map(|it| [mark.to_owned(), it.to_string(), "\n".to_owned()]).collect::<String>()
    };
    let started = Instant::now();
    let shown = of(&text("a"), &text("b"));
    assert_eq!(shown.rows.len(), ROWS_MAX);
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[test]
fn what_hosts_send_is_made_visible() {
    let shown = of("", "\u{1b}]8;;https://evil.example\u{7}x\u{202e}\n");
    assert!(short(&shown)[0].contains("U+001B") && short(&shown)[0].contains("U+202E"));
}

proptest! {
    #[test]
    fn both_sides_come_out_whole(before in "([a-c ]{0,6}\n){0,12}[a-c]{0,2}", after in "([a-c ]{0,6}\n){0,12}[a-c]{0,2}") {
        let shown = of(&before, &after);
        prop_assume!(before != after);
        let side = |left: bool| -> String {
            let old: Vec<&str> = before.split_inclusive('\n').collect();
            let mut text = String::new();
            for row in &shown.rows {
                let cell = match row {
                    Row::Same(cell, _) => Some(cell),
                    Row::Changed(old, new) => if left { old.as_ref() } else { new.as_ref() },
                    // What is folded is the same on both sides; where it stands is counted.
                    Row::Fold(count) => {
                        let at = text.split_inclusive('\n').count();
                        let at = if left { at } else { fold_start(&shown, row) };
                        text.extend(old[at..at + count].iter().copied());
                        None
                    }
                    Row::Heading(_) => None,
                };
                if let Some(cell) = cell {
                    text.extend(cell.parts.iter().map(|it| it.text.as_str()));
                    text.push_str(if cell.open_end { "" } else { "\n" });
                }
            }
            text
        };
        prop_assert_eq!(side(true), before.clone());
        prop_assert_eq!(side(false), after);
    }
}

/// How many lines of the left side come before a fold.
fn fold_start(shown: &Shown, fold: &Row) -> usize {
    let before = shown.rows.iter().take_while(|it| !std::ptr::eq(*it, fold));
    before
        .map(|it| match it {
            Row::Same(..) | Row::Changed(Some(_), _) => 1,
            Row::Fold(count) => *count,
            _ => 0,
        })
        .sum()
}
