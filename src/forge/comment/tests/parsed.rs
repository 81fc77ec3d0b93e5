//! Reads a comment as a forge would, and says whether anything is in it that only we may write.

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options, parse_document};

/// The standard, what GitHub adds, and all that any forge adds.
fn dialects() -> [Options<'static>; 3] {
    let plain = Options::default();
    let mut github = Options::default();
    for on in [
        &mut github.extension.strikethrough,
        &mut github.extension.table,
        &mut github.extension.autolink,
        &mut github.extension.tasklist,
        &mut github.extension.footnotes,
        &mut github.extension.alerts,
        &mut github.extension.math_dollars,
        &mut github.extension.math_code,
        &mut github.extension.shortcodes,
    ] {
        *on = true;
    }
    let mut all = github.clone();
    for on in [
        &mut all.extension.superscript,
        &mut all.extension.inline_footnotes,
        &mut all.extension.description_lists,
        &mut all.extension.multiline_block_quotes,
        &mut all.extension.math_latex,
        &mut all.extension.wikilinks_title_after_pipe,
        &mut all.extension.underline,
        &mut all.extension.subscript,
        &mut all.extension.spoiler,
        &mut all.extension.highlight,
        &mut all.extension.insert,
        &mut all.parse.relaxed_tasklist_matching,
        &mut all.parse.relaxed_autolinks,
    ] {
        *on = true;
    }
    [plain, github, all]
}

/// Fails where a comment is more than words of ours, and code.
#[track_caller]
pub(super) fn assert_harmless(body: &str) {
    if let Err(found) = harmless(body) {
        panic!("{found} in\n{body}");
    }
}

/// What a comment has that only we may write.
pub(super) fn harmless(body: &str) -> Result<(), String> {
    for line in body.lines() {
        if line.starts_with(['/', '@']) && !line.starts_with("@@ ") {
            return Err(format!("a line that a bot could take for an order: {line:?}"));
        }
    }
    let hidden =
        |it: &char| (it.is_control() && !"\n\t".contains(*it)) || "\u{200b}\u{202e}\u{2066}".contains(*it);
    if let Some(found) = body.chars().find(hidden) {
        return Err(format!("{found:?}"));
    }
    for options in dialects() {
        let arena = Arena::new();
        let root = parse_document(&arena, body, &options);
        let mut links = 0;
        for node in root.descendants() {
            node_is_ours(node, &mut links)?;
        }
        if 1 < links {
            return Err(format!("{links} links"));
        }
    }
    Ok(())
}

fn node_is_ours(node: &AstNode<'_>, links: &mut usize) -> Result<(), String> {
    let good = match &node.data.borrow().value {
        NodeValue::Document
        | NodeValue::Paragraph
        | NodeValue::List(_)
        | NodeValue::Item(_)
        | NodeValue::SoftBreak
        | NodeValue::Strong => true,
        NodeValue::Code(it) => !it.literal.contains('\n'),
        NodeValue::Heading(it) => matches!(it.level, 3 | 4) && !it.setext,
        NodeValue::CodeBlock(it) => it.fenced && it.closed && ["diff", "text"].contains(&it.info.as_str()),
        NodeValue::HtmlBlock(it) => it.literal.lines().all(html_is_ours),
        NodeValue::Text(it) => text_is_ours(it),
        NodeValue::Link(it) => {
            *links += 1;
            it.url.starts_with("https://driftless.example.com/") && it.title.is_empty()
        }
        _ => false,
    };
    if good { Ok(()) } else { Err(format!("{:?}", node.data.borrow().value)) }
}

fn html_is_ours(line: &str) -> bool {
    let summary = line.strip_prefix("<details><summary>").and_then(|it| it.strip_suffix("</summary>"));
    match summary {
        Some(text) => text.chars().all(|it| it.is_ascii_alphanumeric() || " ,".contains(it)),
        None => ["", "<!-- driftless:infra -->", "</details>"].contains(&line),
    }
}

/// Words of ours have no character that any forge makes something of.
fn text_is_ours(text: &str) -> bool {
    let plain = |it: char| it.is_ascii_alphanumeric() || " ,.;:()…—'-".contains(it);
    let shortcode = text.split(':').skip(1).any(|it| it.starts_with(|it: char| it.is_ascii_alphanumeric()));
    text.chars().all(plain) && !shortcode && !text.contains("EVIL") && !text.contains("GH-")
}

/// The rule itself: each of these is seen.
#[test]
fn what_only_we_may_write_is_seen() {
    assert_eq!(harmless("### Would change 3 tasks\n\n- `@all <b> https://x.example` on `a`\n"), Ok(()));
    for bad in [
        "hello @all",
        "see #12",
        "see GH-12",
        "![x](https://evil.example/x.png)",
        "[x](https://evil.example)",
        "https://evil.example",
        "www.evil.example",
        "mail@evil.example",
        "<b>x</b>",
        "<img src=x>",
        "<!-- x -->",
        "<details open><summary>Show 3 changes</summary>",
        "# x",
        "x\n===",
        "- [ ] x",
        "[^1]\n\n[^1]: x",
        "| a | b |\n|---|---|\n| c | d |",
        "> x",
        "---",
        "    x",
        "```mermaid\nx\n```",
        "```text\nx",
        "$x$",
        "~~x~~",
        ":tada:",
        "*x*",
        "/merge",
        "```text\n/merge\n```",
        "`a\nb`\n\n`a\u{202e}b`",
        "[a](https://driftless.example.com/a) [a](https://driftless.example.com/a)",
        "EVIL",
    ] {
        assert!(harmless(bad).is_err(), "{bad}");
    }
}
