use proptest::prelude::*;

use super::*;

fn paint(text: &str) -> Vec<(String, String)> {
    let line = Painter::default().line(text.as_bytes());
    line.spans.into_iter().map(|it| (it.class, it.text)).collect()
}

fn plain(text: &str) -> String {
    Painter::default().line(text.as_bytes()).text()
}

#[test]
fn colours_become_classes() {
    let of = |text: &str| paint(text)[0].clone();
    for (text, class) in [
        ("\u{1b}[31mx", "ansi-fg-1"),
        ("\u{1b}[1;92mx", "ansi-fg-10 ansi-bold"),
        ("\u{1b}[44mx", "ansi-bg-4"),
        ("\u{1b}[38;5;196mx", "ansi-fg-9"),
        ("\u{1b}[38;5;240mx", "ansi-fg-8"),
        ("\u{1b}[38;2;0;0;200mx", "ansi-fg-4"),
        ("\u{1b}[38:2::0:0:200mx", "ansi-fg-4"),
        ("\u{1b}[38:2:255:0:0;4mx", "ansi-fg-9 ansi-underline"),
        ("\u{1b}[48;5;2;3mx", "ansi-bg-2 ansi-italic"),
        ("\u{1b}[7mx", "ansi-inverse"),
        ("\u{1b}[31;7mx", "ansi-bg-1"),
        ("\u{1b}[31m\u{1b}[mx", ""),
        ("\u{1b}[31m\u{1b}[39mx", ""),
        ("\u{1b}[38;5mx", ""),
        ("\u{1b}[99999mx", ""),
    ] {
        assert_eq!(of(text), (class.to_owned(), "x".to_owned()), "{text:?}");
    }
}

#[test]
fn text_of_the_colour_of_its_ground_is_not_hidden() {
    assert_eq!(paint("\u{1b}[31;41mx"), [("ansi-bg-1".to_owned(), "x".to_owned())]);
    assert_eq!(paint("\u{1b}[8mx"), [(String::new(), "x".to_owned())]);
}

#[test]
fn colours_last_over_lines() {
    let (lines, more) = Painter::default().text("\u{1b}[32ma\nb\u{1b}[0m\nc\nd\n", 3);
    let classes: Vec<&str> = lines.iter().map(|it| it.spans[0].class.as_str()).collect();
    assert_eq!((classes, more), (vec!["ansi-fg-2", "ansi-fg-2", ""], 1));
    assert_eq!(Painter::default().text("", 3), (Vec::new(), 0));
}

#[test]
fn nothing_that_a_terminal_obeys_comes_through() {
    for (text, shown) in [
        ("\u{1b}]8;;https://evil.example\u{1b}\\click\u{1b}]8;;\u{1b}\\", "click"),
        ("\u{1b}]0;title\u{7}after", "after"),
        ("\u{1b}]52;c;cm0gLXJmIC8=\u{7}after", "after"),
        ("\u{1b}]1337;File=inline=1:AAAA\u{7}after", "after"),
        ("\u{1b}P1$tx\u{1b}\\after", "after"),
        ("\u{1b}_payload\u{1b}\\after", "after"),
        ("\u{1b}^payload\u{1b}\\after", "after"),
        ("\u{1b}Xpayload\u{1b}\\after", "after"),
        ("a\u{1b}[2J\u{1b}[Hb", "ab"),
        ("a\u{1b}[10;10Hb\u{1b}[5Ac\u{1b}[?1049hd", "abcd"),
        ("\u{1b}ca\u{1b}(0b\u{1b}#8c", "abc"),
        ("a\u{7}b\u{0}c\u{c}d\u{b}e\u{7f}", "abcde"),
        ("a\u{9b}31mb", "a31mb"),
        ("a\u{90}b\u{9d}c\u{85}d", "abcd"),
        ("unfinished \u{1b}]0;rest of the line", "unfinished "),
        ("\u{1b}[31", ""),
    ] {
        let line = plain(text).replace('\u{7f}', "").replace("\u{27e8}U+007F\u{27e9}", "");
        assert_eq!(line, shown, "{text:?}");
    }
}

#[test]
fn an_open_sequence_ends_with_its_line() {
    let (lines, _) = Painter::default().text("\u{1b}]0;open\nnext\n\u{1b}P1;2q\nlast", 9);
    let texts: Vec<String> = lines.iter().map(Line::text).collect();
    assert_eq!(texts, ["", "next", "", "last"]);
}

#[test]
fn a_line_that_is_written_over_shows_its_last_state() {
    for (text, shown) in [
        ("10 %\r 20 %\r100 %", "100 %"),
        ("downloading\r\u{1b}[Kdone", "done"),
        ("downloading\u{1b}[2K\rdone", "done"),
        ("abc\rX", "Xbc"),
        ("windows\r", "windows"),
        ("abc\u{8}\u{8}X", "aXc"),
        ("a\tb", "a       b"),
        ("\u{8}a", "a"),
    ] {
        assert_eq!(plain(text), shown, "{text:?}");
    }
}

#[test]
fn what_turns_text_around_is_shown() {
    assert_eq!(plain("admin\u{202e}gpj.exe"), "admin\u{27e8}U+202E\u{27e9}gpj.exe");
    assert_eq!(visible("we\u{200b}b\u{1b}[0m"), "we\u{27e8}U+200B\u{27e9}b\u{27e8}U+001B\u{27e9}[0m");
    assert!(matches!(visible("Größe 文字 🦀\n\t"), Cow::Borrowed(_)));
}

#[test]
fn long_lines_are_cut_and_say_so() {
    let line = Painter::default().line("x".repeat(LINE_MAX + 7).as_bytes());
    assert_eq!((line.text().len(), line.cut), (LINE_MAX, 7));
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    assert_eq!(Painter::default().line(b"a\xff\xfeb\xc3").text().matches('b').count(), 1);
}

proptest! {
    #[test]
    fn whatever_comes_nothing_hidden_and_no_foreign_class_gets_out(
        bytes in proptest::collection::vec(prop_oneof![
            any::<u8>(),
            Just(0x1b), Just(b'['), Just(b']'), Just(b';'), Just(b'm'), Just(b'\r'), Just(b'8'), Just(b'3'),
        ], 0..400)
    ) {
        let line = Painter::default().line(&bytes);
        for span in &line.spans {
            prop_assert!(!span.text.chars().any(|it| is_hidden(it) || it == '\n' || it == '\t'));
            for class in span.class.split(' ').filter(|it| !it.is_empty()) {
                let ours = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
                prop_assert!(class.starts_with("ansi-") && class.bytes().all(ours));
            }
        }
        prop_assert!(line.spans.windows(2).all(|it| !it[0].text.is_empty()));
    }

    #[test]
    fn plain_text_stays_as_it_is(text in "[ -~äöü文字🦀]{0,200}") {
        prop_assert_eq!(plain(&text), text.as_str());
        let shown = visible(&text);
        prop_assert_eq!(shown.as_ref(), text.as_str());
    }
}
