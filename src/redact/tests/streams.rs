//! Streams that come in pieces.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// What comes out if the bytes are cut at these places.
pub(super) fn in_chunks(redactor: &Redactor, bytes: &[u8], cuts: &[Index]) -> Vec<u8> {
    let mut places: Vec<usize> = cuts.iter().map(|it| it.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    let mut stream = Stream::new(redactor.clone());
    let mut out = Vec::new();
    let mut from = 0;
    for place in places.into_iter().chain([bytes.len()]) {
        out.extend(stream.push(&bytes[from..place]));
        from = place;
    }
    out.extend(stream.finish());
    out
}

fn all_of(redactor: &Redactor, text: &str, step: usize) -> String {
    let mut stream = Stream::new(redactor.clone());
    let mut out = Vec::new();
    for chunk in text.as_bytes().chunks(step) {
        out.extend(stream.push(chunk));
    }
    out.extend(stream.finish());
    String::from_utf8(out).unwrap()
}

#[test]
fn complete_lines_come_at_once() {
    let mut stream = Stream::new(redactor(&["hunter2", "first line\nxy\nthird line"]));
    assert_eq!(stream.push(b"ok: [web1]\nok: "), b"ok: [web1]\n");
    assert_eq!(stream.push(b"[hun"), b"");
    assert_eq!(stream.push(b"ter2]\n"), b"ok: [[redacted]]\n");
    // This may be the beginning of the second secret.
    assert_eq!(stream.push(b"a\nb first line\n"), b"a\n");
    assert_eq!(stream.push(b"xy\n"), b"");
    assert_eq!(stream.push(b"third line c\nd"), b"b [redacted] c\n");
    assert_eq!(stream.push(b"\nfirst line\n"), b"d\n");
    assert_eq!(stream.push(b"other\n"), b"[redacted]\nother\n");
    assert_eq!(stream.push(b"hunter2"), b"");
    assert_eq!(stream.finish(), b"[redacted]");
}

#[test]
fn a_secret_that_becomes_known_is_found_in_what_is_kept() {
    let mut secrets = secrets(&["hunter2"]);
    let mut stream = Stream::new(secrets.redactor());
    assert_eq!(stream.push(b"a\nhunter3"), b"a\n");
    secrets.add("hunter3");
    stream.renew(secrets.redactor());
    assert_eq!(stream.push(b" hunter2\n"), b"[redacted] [redacted]\n");
}

const KEY: &str = "a\n-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIEpAIBAAKCAQEA\nq83vEjRWeJq8\n\
                   -----END RSA PRIVATE KEY-----\nb\n";

#[test]
fn a_private_key_is_gone_at_any_cut() {
    for step in 1..KEY.len() {
        assert_eq!(all_of(&Redactor::default(), KEY, step), "a\n[redacted]\nb\n", "{step}");
    }
    let vault = "x: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3132333435\n  3637\ny: 1\n";
    for step in 1..vault.len() {
        assert_eq!(all_of(&Redactor::default(), vault, step), "x: !vault |\n  [redacted]\ny: 1\n", "{step}");
    }
}

#[test]
fn long_lines_cost_no_memory_and_keep_no_secret() {
    let mut secrets = secrets(&["hunter2secret"]);
    let long = (0..40_000).map(|it| format!("{:x}", it * 7919)).collect::<Vec<_>>().concat();
    secrets.add(&long);
    let redactor = secrets.redactor();
    let words = "lorem ipsum hunter2secret dolor \"password\": \"abcdefg\", ".repeat(20_000);
    let blob =
        "x".repeat(50_000) + "hunter2secret" + &"y".repeat(400_000) + "hunter2secret" + &"z".repeat(131_060);
    let value = format!("password={} and", "p".repeat(700_000));
    let quoted = format!("{{\"token\": \"{}\", \"x\": \"hunter2secret\"}}", "p q ".repeat(100_000));
    for (text, expected) in [
        (words.clone(), words.replace("hunter2secret", REDACTED).replace("abcdefg", REDACTED)),
        (blob.clone(), blob.replace("hunter2secret", REDACTED)),
        (format!("a {long} b"), format!("a {REDACTED} b")),
        (format!("a\nb {long}\nc"), format!("a\nb {REDACTED}\nc")),
    ] {
        for step in [1000, 65_536, 1_000_000] {
            let shown = bounded(&redactor, &format!("{text}\nend\n"), step);
            let same = shown.bytes().zip(expected.bytes()).take_while(|it| it.0 == it.1).count();
            let rest = &shown[same.saturating_sub(20)..];
            assert!(shown == format!("{expected}\nend\n"), "{step}: {rest:.80?}");
        }
    }
    for text in [value, quoted] {
        for step in [1000, 65_536, 1_000_000] {
            let shown = bounded(&redactor, &format!("{text}\nend\n"), step);
            assert!(
                !shown.contains("pp") && !shown.contains("p q") && !shown.contains("hunter2"),
                "{shown:.200}"
            );
            assert!(shown.contains(REDACTED) && shown.ends_with("\nend\n"), "{shown:.200}");
        }
    }
}

fn bounded(redactor: &Redactor, text: &str, step: usize) -> String {
    let mut stream = Stream::new(redactor.clone());
    let mut out = Vec::new();
    for chunk in text.as_bytes().chunks(step) {
        out.extend(stream.push(chunk));
        assert!(stream.pending.len() <= 200 * 1024, "{} bytes are kept", stream.pending.len());
    }
    out.extend(stream.finish());
    String::from_utf8(out).unwrap()
}

/// Pieces of what logs consist of, those that the layers look for among them.
pub(super) fn log() -> impl Strategy<Value = String> {
    let pieces = [
        "password",
        "token",
        "api_key",
        "=",
        ": ",
        ":",
        "\"",
        "'",
        "\\",
        "\\\"",
        " ",
        "\n",
        "\n",
        "\r\n",
        "hunter2xyz",
        "hunter2",
        "xyz",
        "[redacted]",
        "--",
        "|",
        ">",
        "|\n",
        "-----BEGIN RSA PRIVATE KEY-----",
        "MIIEabcd0123",
        "-----END RSA PRIVATE KEY-----",
        "$ANSIBLE_VAULT;1.1;AES256",
        "31323334",
        "https://",
        "u:p@",
        "/",
        "ghp_abcdefghijklmnop1234",
        "{",
        "}",
        "[",
        "]",
        ",",
        "<",
        "  ",
        "\t",
        "ok",
        "Authorization: Bearer x",
        "first line\nxy\nlast line",
        "first line\n",
        "xy\n",
        "last line",
        "é",
        "-",
        "+",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..24).prop_map(|it| it.concat())
}

proptest! {
    #![proptest_config(at_most(100_000))]

    #[test]
    fn chunks_change_nothing(text in log(), cuts: Vec<Index>) {
        let redactor = redactor(&["hunter2xyz", "first line\nxy\nlast line"]);
        let whole = in_chunks(&redactor, text.as_bytes(), &[]);
        prop_assert_eq!(in_chunks(&redactor, text.as_bytes(), &cuts), whole.clone());
        if !text.contains("-----END") {
            prop_assert_eq!(String::from_utf8(whole).unwrap(), redactor.text(&text));
        }
    }

    /// A name's value ends at white space: if that is part of what is replaced, the next look finds a longer value.
    #[test]
    fn again_changes_nothing(text in log()) {
        let text = text.replace("-----BEGIN", "\n-----BEGIN").replace("-----END", "\n-----END");
        let redactor = redactor(&["hunter2xyz"]);
        let once = redactor.text(&text).into_owned();
        prop_assert!(!once.contains("hunter2xyz"));
        prop_assert_eq!(redactor.text(&once), once.clone(), "from {:?}", text);
    }

    #[test]
    fn any_bytes_are_taken(bytes: Vec<u8>, secret in prop::collection::vec(any::<u8>(), 6..12), cuts: [Index; 2]) {
        let mut secrets = Secrets::new();
        let is_new = secrets.add(&secret) == Added::New;
        let redactor = secrets.redactor();
        prop_assert_ne!(in_chunks(&redactor, &bytes, &cuts), FAILED.as_bytes());
        let with = [&bytes[..], &secret, &bytes].concat();
        let shown = in_chunks(&redactor, &with, &cuts);
        prop_assert!(!is_new || memchr::memmem::find(&shown, secret.trim_ascii()).is_none());
    }

    #[test]
    fn any_text_is_taken(text in any::<String>()) {
        prop_assert_ne!(redactor(&["hunter2"]).text(&text), FAILED);
    }
}
