//! The readers of Jinja and YAML by themselves.

use super::super::jinja::{Word, expression, expressions};
use super::super::yaml::parse;

#[test]
fn expressions_end_where_they_end() {
    let names = |text: &str| -> Vec<String> {
        let all = expressions(text);
        let words = all.iter().flat_map(|it| &it.words);
        words
            .filter_map(|it| if let Word::Name(name) = it.0 { Some(name.to_owned()) } else { None })
            .collect()
    };
    for (text, expected) in [
        ("a {{ b }} c {{- d -}} e", "b d"),
        ("{{ '}}' ~ a }} b", "a"),
        ("{{ \"\\\"}}\" ~ a }} b", "a"),
        ("{# {{ a }} #}{{ b }}", "b"),
        ("{% raw %}{{ a }}{% endraw %}{{ b }}", "raw endraw b"),
        ("{%- raw -%}{{ a }}{%- endraw -%}{{ b }}", "raw endraw b"),
        ("{% raw %}{{ a }}", "raw"),
        ("{{ {'x': {'y': a}}}} b", "a"),
        ("{{ a", "a"),
        ("{{", ""),
        ("{ { a } }", ""),
        ("{{ a1.b_2 + 3c }}", "a1 b_2"),
    ] {
        let names: Vec<String> = names(text).into_iter().filter(|it| !it.starts_with("endraw")).collect();
        assert_eq!(names.join(" "), expected.replace("endraw ", ""), "{text}");
    }
    assert_eq!(expression("a in b['c']").len(), 6);
}

#[test]
fn texts_know_their_lines() {
    let source = "a: |\n  x\n  x y\nb: >-\n\n  x\n\n  y x\nc:\n  - 'x\n\n    x'\n  - \"\\x78 x\"\n";
    let yaml = parse(source).unwrap();
    let lines: Vec<Vec<usize>> = yaml
        .texts
        .iter()
        .filter(|it| it.text().is_some_and(|it| it.contains('x')))
        .map(|it| it.text().unwrap().match_indices('x').map(|(at, _)| it.line_of(source, "x", at)).collect())
        .collect();
    assert_eq!(lines, [vec![2, 3], vec![6, 8], vec![10, 12], vec![13, 13]]);
}

#[test]
fn aliases_cost_nothing() {
    let mut bomb = vec!["a0: &a0 [x, x]".to_owned()];
    bomb.extend((1..60).map(|it| format!("a{it}: &a{it} [*a{0}, *a{0}]", it - 1)));
    let bomb = bomb.join("\n");
    assert_eq!(parse(&bomb).unwrap().texts.len(), 62);
    let mut merged = vec!["a0: &a0 {x: 1}".to_owned()];
    merged.extend((1..60).map(|it| format!("a{it}: &a{it} {{<<: [*a{0}, *a{0}], y{it}: 1}}", it - 1)));
    assert!(parse(&merged.join("\n")).is_ok());
    assert_eq!(parse("a: &a [*a]\n").err(), Some(1));
    assert_eq!(parse("x: 1\na: [\n").err(), Some(2));
}
