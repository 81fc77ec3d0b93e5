//! Broken files and what is said of them: `tests/fixtures/config/*.txt`. After a change that is meant, write them anew
//! with `cargo test --lib config::tests::corpus -- --ignored` and read the difference.

use super::{declare, fixture, operator};

/// One broken file: what it shows, its text, what is said of it.
struct Case {
    title: String,
    text: String,
    said: String,
}

const FILES: [&str; 2] = ["tests/fixtures/config/operator.txt", "tests/fixtures/config/repository.txt"];

fn cases(file: &str) -> Vec<Case> {
    let all = std::fs::read_to_string(fixture(file)).expect("the corpus");
    let case = |block: &str| {
        let (title, rest) = block.split_once('\n').expect("a title and a text");
        let (text, said) = rest.split_once("~~~~~\n").unwrap_or((rest, ""));
        let unescape = |it: &str| it.replace("<ESC>", "\u{1b}").replace("<TAB>", "\t");
        Case { title: title.to_owned(), text: unescape(text), said: said.trim_end().to_owned() }
    };
    all.split("##### ").skip(1).map(case).collect()
}

fn said(file: &str, text: &str) -> String {
    let said = if file.contains("operator") {
        operator(text).map(|_| ()).map_err(|report| report.render(false))
    } else {
        declare(text).map(|_| ()).map_err(|failure| failure.details.join("\n"))
    };
    said.expect_err("a broken file").lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn broken_files_are_refused_with_all_that_is_wrong_and_what_to_do() {
    for file in FILES {
        let cases = cases(file);
        assert!(25 < cases.len(), "{file} has only {} cases", cases.len());
        for case in cases {
            let said = said(file, &case.text);
            assert_eq!(said, case.said, "{file}: {}\n{said}", case.title);
            assert!(said.contains("help: "), "{}: no word on what to do", case.title);
            assert!(!said.contains("hunter2"), "{}: a secret is shown", case.title);
            assert!(!said.contains('\u{1b}'), "{}: a control character is shown", case.title);
        }
    }
}

#[test]
#[ignore = "writes the corpus anew"]
fn write_the_corpus_anew() {
    for file in FILES {
        let all = std::fs::read_to_string(fixture(file)).expect("the corpus");
        let head = all.split("##### ").next().unwrap_or_default().to_owned();
        let blocks = cases(file).into_iter().map(|case| {
            let said = said(file, &case.text);
            let text = case.text.replace('\u{1b}', "<ESC>").replace('\t', "<TAB>");
            format!("##### {}\n{text}~~~~~\n{said}\n\n", case.title)
        });
        let anew = head + blocks.collect::<String>().trim_end() + "\n";
        std::fs::write(fixture(file), anew).expect("written");
    }
}
