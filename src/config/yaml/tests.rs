use super::*;

fn json(node: &Node) -> String {
    match &node.content {
        Content::Scalar(it) => format!("{:?}", it.text),
        Content::List(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(", ")),
        Content::Map(entries) => {
            let entries = entries.iter().map(|(name, it)| format!("{}: {}", name.text, json(it)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

fn read(text: &str) -> String {
    let (tree, found) = parse(text);
    assert_eq!(found, [], "{text:?}");
    json(&tree.expect("a tree"))
}

#[test]
fn scalars_keep_the_text_that_was_written() {
    assert_eq!(
        read("a: 1.10\nb: yes\nc: '0644'\nd:\ne: ~\n"),
        r#"{a: "1.10", b: "yes", c: "0644", d: "", e: "~"}"#
    );
    assert_eq!(read("a: |\n  x\n  y\nb: >\n  x\n  y\n"), r#"{a: "x\ny\n", b: "x y\n"}"#);
    assert_eq!(read(""), "{}");
    assert_eq!(read("# nothing\n---\n"), r#""""#);
}

#[test]
fn merges_are_outranked_by_what_is_written() {
    assert_eq!(
        read("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n"),
        r#"{a: {x: "1", y: "2"}, b: {y: "3", x: "1"}}"#
    );
    assert_eq!(
        read("a: &a {x: 1}\nb: &b {x: 2, z: 3}\nc: {<<: [*a, *b]}\n"),
        r#"{a: {x: "1"}, b: {x: "2", z: "3"}, c: {x: "1", z: "3"}}"#
    );
    assert!(parse("a: {<<: 1}\n").0.is_none());
}

#[test]
fn scalars_have_the_kinds_of_yaml_1_2() {
    let kind = |text: &str| Scalar { text: text.to_owned(), plain: true }.kind();
    assert_eq!(kind(""), Kind::Null);
    assert_eq!(kind("True"), Kind::Switch(true));
    assert_eq!(kind("-12"), Kind::Integer(-12));
    assert_eq!(kind("0x1F"), Kind::Integer(31));
    assert_eq!(kind("1.5e3"), Kind::Number(1500.0));
    for text in ["yes", "1.2.3", "e5", ".", "1e999", "nan", "inf", "--1", "0o9", "1 2"] {
        assert_eq!(kind(text), Kind::Text, "{text}");
    }
    assert_eq!(Scalar { text: "1".to_owned(), plain: false }.kind(), Kind::Text);
}

#[test]
fn what_ansible_reads_in_another_way_is_known() {
    let ambiguous = |text: &str| Scalar { text: text.to_owned(), plain: true }.is_ambiguous();
    for text in ["yes", "No", "ON", "off", "y", "0644", "-010", "1_000", "12:30", "2026-01-31", "0o17"] {
        assert!(ambiguous(text), "{text}");
    }
    for text in
        ["true", "0", "10", "-5", "0.5", "1.5", "web", "10.0.0.1", "2.19.14", "a:b", "yes please", "0x1F"]
    {
        assert!(!ambiguous(text), "{text}");
    }
}

#[test]
fn a_bomb_ends_within_its_budget() {
    let level = |level: usize| {
        let before = format!("*a{}", level - 1);
        format!("a{level}: &a{level} [{}]\n", vec![before; 9].join(", "))
    };
    let levels: String = (1..30).map(level).collect();
    let text = format!("a0: &a0 [x, x, x, x, x, x, x, x, x]\n{levels}");
    let (tree, found) = parse(&text);
    assert!(tree.is_none() && found[0].message.starts_with("more than 50000 values"), "{found:?}");
    let (tree, found) = parse(&"[".repeat(100_000));
    assert!(tree.is_none() && !found.is_empty());
}

proptest::proptest! {
    /// Whatever bytes come: no panic, and each place is a place in the text.
    #[test]
    fn any_text_is_survived(text in "[a-c:\\-\\[\\]{}&*#|>'\"!%@ \n\tü0-9~<,?]{0,60}") {
        let (_, found) = parse(&text);
        for it in &found {
            let place = it.place.clone().unwrap_or(0..0);
            proptest::prop_assert!(place.start <= place.end);
        }
        let report = super::super::report::Report::new("x", &text, &[], found);
        proptest::prop_assert_eq!(report.render(false).is_empty(), report.is_empty());
    }
}
