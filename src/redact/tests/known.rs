//! Known secrets, in whatever way they are written.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::secrets::weakness;
use super::super::variants::variants;
use super::*;

/// What must be gone when this secret is known. Encodings are made here by other means than the redactor's.
fn written(secret: &str) -> Vec<String> {
    let json = |text: &str| serde_json::to_string(text).unwrap().trim_matches('"').to_owned();
    let hex = secret.bytes().map(|it| format!("{it:02x}")).collect::<Vec<_>>().concat();
    let percent = |upper: bool| -> String {
        let encoded = |it: u8| if upper { format!("%{it:02X}") } else { format!("%{it:02x}") };
        let one = |it: u8| if it.is_ascii_alphanumeric() { char::from(it).to_string() } else { encoded(it) };
        secret.bytes().map(one).collect()
    };
    let mut all = vec![secret.to_owned(), hex.to_uppercase(), hex];
    if !secret.contains(['-', '_', '.', '~', '/']) {
        all.extend([percent(true), percent(false)]);
    }
    if !json(secret).starts_with('\\') && !json(secret).ends_with('\\') {
        all.extend([json(secret), json(&json(secret))]);
    }
    all
}

/// Base 64 of a message, and what of it only the secret within decides.
fn encoded(message: &[u8], secret: Range<usize>, alphabet: &str) -> (String, Range<usize>) {
    let digits: Vec<char> = alphabet.chars().collect();
    let bits = message.iter().map(|it| format!("{it:08b}")).collect::<Vec<_>>().concat();
    let mut text = String::new();
    for start in (0..bits.len()).step_by(6) {
        let group = format!("{:0<6}", &bits[start..bits.len().min(start + 6)]);
        text.push(digits[usize::from_str_radix(&group, 2).unwrap()]);
    }
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    (text, (secret.start * 8).div_ceil(6)..secret.end * 8 / 6)
}

const ALPHABETS: [&str; 2] = [
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

#[test]
fn a_secret_is_found_however_it_is_written() {
    let secret = r#"pa"s's\w $0&<é"#;
    let redactor = redactor(&[secret]);
    for text in [
        r#"pa"s's\w $0&<é"#,                 // as it is
        r#"pa\"s's\\w $0&<é"#,               // JSON
        r#"pa\"s's\\w $0&<\u00e9"#,          // JSON in ASCII
        r#"pa\"s's\\w $0&<\u00E9"#,          // the same, another library
        r#"pa\"s's\\w $0\u0026\u003cé"#,     // JSON of Go
        r#"pa\\\"s's\\\\w $0&<é"#,           // JSON in JSON
        r#"pa"s\'s\\w $0&<é"#,               // repr
        r#"pa"s's\\w $0&<\xc3\xa9"#,         // repr of bytes
        r#"pa"s'"'"'s\w $0&<é"#,             // shlex.quote
        r#"pa"s'\''s\w $0&<é"#,              // set -x
        r#"pa\"s's\\w \$0&<é"#,              // within double quotes
        r#"pa\"s\'s\\w\ \$0\&\<é"#,          // printf %q
        r#"pa\"s'\"'\"'s\\w $0&<é"#,         // shlex.quote in JSON
        "pa%22s%27s%5Cw%20%240%26%3C%C3%A9", // URL
        "pa%22s%27s%5cw+%240%26%3c%c3%a9",   // a form
        "pa%22s's%5Cw%20%240%26%3C%C3%A9",   // encodeURIComponent
        "pa&quot;s&#x27;s\\w $0&amp;&lt;é",  // HTML
        "pa&#34;s&#39;s\\w $0&amp;&lt;é",    // HTML of Go and Jinja
        "cGEicydzXHcgJDAmPMOp",              // base 64
        "7061227327735c77202430263cc3a9",    // hex
        "7061227327735C77202430263CC3A9",
    ] {
        assert_eq!(redactor.text(&format!("x={text}=")), "x=[redacted]=", "{text}");
    }
}

#[test]
fn base_64_is_found_at_each_alignment() {
    let redactor = redactor(&["hunter2?>~"]);
    for alphabet in ALPHABETS {
        for before in ["", "u", "us", "use", "user:"] {
            for after in ["", "\n", "@x", "@xy"] {
                let message = format!("{before}hunter2?>~{after}");
                let (text, decided) = encoded(message.as_bytes(), before.len()..before.len() + 10, alphabet);
                let shown = redactor.text(&text);
                // What the secret decides in part may go with it.
                let rests = [&text[decided.end..], text.get(decided.end + 1..).unwrap_or_default(), ""];
                let is_rest = |rest: &&str| shown == format!("{}[redacted]{rest}", &text[..decided.start]);
                assert!(
                    rests[..if after.is_empty() { 3 } else { 2 }].iter().any(is_rest),
                    "{message:?} {text} {shown}"
                );
            }
        }
    }
}

#[test]
fn lines_of_a_key_are_found_one_by_one() {
    let redactor =
        redactor(&["first line of it\n  second-line\nshort\nheading_only:\nproduction\nlast & line\n"]);
    let text = "1 first line of it 2 second-line 3 short 4 heading_only: 5 production 6 last &amp; line";
    let shown = "1 [redacted] 2 [redacted] 3 short 4 heading_only: 5 production 6 [redacted]";
    assert_eq!(redactor.text(text), shown);
}

#[test]
fn secrets_that_overlap_or_contain_each_other_are_all_gone() {
    let redactor = redactor(&["abcdefgh", "efghijkl", "bcdefg", "abcdefghijklmnop"]);
    assert_eq!(redactor.text("x abcdefghijkl y"), "x [redacted] y");
    assert_eq!(redactor.text("abcdefghijklmnop"), REDACTED);
    assert_eq!(redactor.text("abcdefghabcdefgh"), REDACTED);
    assert_eq!(redactor.text("abcdefgijkl"), "a[redacted]ijkl");
}

#[test]
fn a_secret_of_a_file_is_found_in_parts_as_well() {
    let secret = (0..3000).map(|it| format!("{:x}", it * 7919)).collect::<Vec<_>>().concat();
    let redactor = redactor(&[&secret]);
    assert_eq!(redactor.text(&format!("<{secret}>")), "<[redacted]>");
    let shown = redactor.text(&secret[..5000]);
    assert!(shown.len() < 1100 && shown.starts_with(REDACTED), "{}", shown.len());
    let mut stream = Stream::new(redactor);
    let mut out = stream.push(secret.as_bytes());
    out.extend(stream.finish());
    assert_eq!(out, REDACTED.as_bytes());
}

#[test]
fn a_redactor_knows_what_was_known_when_it_was_made() {
    let mut secrets = secrets(&["hunter2"]);
    let before = secrets.redactor();
    assert_eq!(secrets.add("hunter3"), Added::New);
    assert_eq!(before.text("hunter2 hunter3"), "[redacted] hunter3");
    assert_eq!(secrets.redactor().text("hunter2 hunter3"), "[redacted] [redacted]");
}

#[test]
fn what_stands_for_a_secret_does_not_grow_together_with_its_surroundings() {
    let redactor = redactor(&["hunter2", "d]xabcdefg", "gfedcba["]);
    assert_eq!(redactor.text("hunter2xabcdefg"), REDACTED);
    assert_eq!(redactor.text("gfedcbahunter2"), REDACTED);
}

fn secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9]{6,40}",
        "[ -~]{6,40}",
        "[$'\"\\\\&<> a-f]{6,20}",
        "\\PC{6,20}",
        "([ -~]{8,20}\n){2,4}",
    ]
    .prop_map(|it| it.trim().to_owned())
    .prop_filter("can be redacted", |it| Secrets::new().add(it) == Added::New)
}

proptest! {
    #![proptest_config(at_most(2_000))]

    #[test]
    fn no_variant_stays(secret in secret(), before in "\\PC{0,12}", after in "\\PC{0,12}", cuts: [prop::sample::Index; 3]) {
        let redactor = redactor(&[&secret]);
        let ours = variants(secret.as_bytes());
        let ours = ours.iter().filter(|it| weakness(it).is_none());
        let ours = ours.map(|it| String::from_utf8(it.to_vec()).unwrap());
        for variant in written(&secret).into_iter().chain(ours).collect::<BTreeSet<_>>() {
            let text = format!("{before}{variant}{after}");
            let shown = redactor.text(&text);
            prop_assert!(!shown.contains(&variant), "{text:?} became {shown:?}");
            let shown = streams::in_chunks(&redactor, text.as_bytes(), &cuts);
            prop_assert!(!String::from_utf8_lossy(&shown).contains(&variant), "{text:?} became {shown:?}");
        }
    }

    #[test]
    fn no_base_64_stays(secret in secret(), before in "[ -~]{0,5}", after in "[ -~]{0,5}") {
        let redactor = redactor(&[&secret]);
        let message = format!("{before}{secret}{after}");
        for alphabet in ALPHABETS {
            let place = before.len()..before.len() + secret.len();
            let (text, decided) = encoded(message.as_bytes(), place, alphabet);
            let shown = redactor.text(&text);
            prop_assert!(!shown.contains(&text[decided]), "{text:?} became {shown:?}");
        }
    }

    /// Without the signs that make a name or a shape, only known secrets go.
    #[test]
    fn text_without_secrets_stays(secret in "[A-Z]{8,12}", text in "[a-z0-9äß()!? \n]{0,80}", at: prop::sample::Index) {
        prop_assume!(weakness(secret.as_bytes()).is_none());
        let redactor = redactor(&[&secret]);
        prop_assert!(matches!(redactor.text(&text), Cow::Borrowed(it) if it == text));
        let places: Vec<usize> = text.char_indices().map(|it| it.0).chain([text.len()]).collect();
        let at = places[at.index(places.len())];
        let with = format!("{}{secret}{}", &text[..at], &text[at..]);
        prop_assert_eq!(redactor.text(&with), format!("{}{REDACTED}{}", &text[..at], &text[at..]));
    }
}
