//! The examples of `docs/api.md`, carried out: each command line of `curl`, and the JSON behind it compared by shape.

use std::process::Command;

use driftless::domain::{Role, Scope};
use driftless::web::{bind_tcp, serve_tcp};
use serde_json::Value;

use super::Server;

/// A command of the page with what stands behind it.
struct Example {
    /// Its words, without `curl`.
    words: Vec<String>,
    /// The kind and text of the block that follows, if it is an answer.
    answer: Option<(String, String)>,
}

/// All commands that begin with `curl`: on the unix socket, and those with a token on the other listener.
fn examples(page: &str) -> Vec<Example> {
    let blocks: Vec<(&str, &str)> = page
        .split("\n```")
        .skip(1)
        .step_by(2)
        .map(|it| it.split_once('\n').expect("a block has lines"))
        .collect();
    let mut examples = Vec::new();
    for (at, (kind, text)) in blocks.iter().enumerate() {
        if *kind != "console" {
            continue;
        }
        let text = text.replace("\\\n", " ");
        let commands: Vec<&str> = text.lines().filter_map(|it| it.strip_prefix("$ curl ")).collect();
        for (index, command) in commands.iter().enumerate() {
            let last = index + 1 == commands.len();
            let next = blocks.get(at + 1).filter(|(kind, _)| last && *kind != "console");
            let answer = next.map(|(kind, text)| ((*kind).to_owned(), (*text).to_owned()));
            examples.push(Example { words: words(command), answer });
        }
    }
    examples
}

/// Words as a shell would part them, without anything else that a shell does.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = None;
    for letter in command.chars() {
        match letter {
            '\'' | '"' if quoted.is_none() => quoted = Some(letter),
            _ if quoted == Some(letter) => quoted = None,
            ' ' if quoted.is_none() => words.push(String::new()),
            other => words.last_mut().expect("there is one").push(other),
        }
    }
    words.retain(|it| !it.is_empty());
    words
}

/// Whether an answer has at least what the example has, each of the same type. An empty list says nothing of what
/// would be in it.
fn fits(example: &Value, answer: &Value, place: &str) {
    match (example, answer) {
        (Value::Object(wanted), Value::Object(there)) => {
            for (key, value) in wanted {
                let found = there.get(key).unwrap_or_else(|| panic!("{place}.{key} is not in {answer}"));
                fits(value, found, &format!("{place}.{key}"));
            }
        }
        (Value::Array(wanted), Value::Array(there)) => {
            if let (Some(wanted), Some(found)) = (wanted.first(), there.first()) {
                fits(wanted, found, &format!("{place}[0]"));
            }
        }
        (wanted, found) => {
            let same = std::mem::discriminant(wanted) == std::mem::discriminant(found);
            assert!(same, "{place} is {found}, and {wanted} on the page");
        }
    }
}

/// Where the examples of the page are carried out, in place of what it names.
struct Place<'a> {
    socket: &'a str,
    tcp: String,
    token: String,
}

fn curl(place: &Place<'_>, words: &[String]) -> (u16, String) {
    let words = words.iter().map(|it| {
        it.replace("/run/driftless/driftless.sock", place.socket)
            .replace("127.0.0.1:9847", &place.tcp)
            .replace("$TOKEN", &place.token)
    });
    let arguments = ["--silent", "--show-error", "--max-time", "10", "--write-out", "\n%{http_code}"];
    let output = Command::new("curl").args(arguments).args(words).output();
    let output = output.expect("curl is there: scripts/setup installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let (body, status) = text.rsplit_once('\n').expect("a status");
    (status.parse().expect("a number"), body.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_example_of_the_page_does_what_the_page_says() {
    let page = include_str!("../../../docs/api.md");
    let examples = examples(page);
    assert!(5 <= examples.len(), "the page has commands: {}", examples.len());
    let server = Server::start();
    server.backend.tell(2);
    server.backend.end();
    let listener = bind_tcp("127.0.0.1:0".parse().expect("an address"), false).await.expect("a listener");
    let place = Place {
        socket: server.socket.to_str().expect("text"),
        tcp: listener.local_addr().expect("an address").to_string(),
        token: server.backend.token("ci", Role::Viewer, Scope::All),
    };
    let tcp = tokio::spawn(serve_tcp(listener, server.backend.clone(), std::future::pending()));
    let with_token = |it: &&Example| it.words.iter().any(|word| word.contains("$TOKEN"));
    let tokens: Vec<&Example> = examples.iter().filter(with_token).collect();
    assert!(!tokens.is_empty(), "the page says how a token is sent");
    for example in tokens {
        let stranger = Place { token: "dlt_aaaaaaaa_x".to_owned(), tcp: place.tcp.clone(), ..place };
        assert_eq!(curl(&stranger, &example.words).0, 401, "the token is what lets it in");
    }
    let mut compared = 0;
    for Example { words, answer } in examples {
        let (status, body) = curl(&place, &words);
        let wrong = answer.as_ref().is_some_and(|(_, text)| text.contains("\"code\""));
        assert_eq!(status < 300, !wrong, "{words:?}: {status} {body}");
        let Some((kind, text)) = answer else { continue };
        compared += 1;
        if kind == "json" {
            let example: Value = serde_json::from_str(&text).unwrap_or_else(|it| panic!("{it}: {text}"));
            let answer: Value = serde_json::from_str(&body).unwrap_or_else(|it| panic!("{it}: {body}"));
            fits(&example, &answer, "");
        } else {
            for line in text.lines().filter(|it| !it.is_empty()) {
                let example: Value = serde_json::from_str(line).unwrap_or_else(|it| panic!("{it}: {line}"));
                let lines = body.lines().map(|it| serde_json::from_str::<Value>(it).expect("JSON"));
                let same: Vec<Value> = lines.filter(|it| it["line"] == example["line"]).collect();
                let answer = same.first().unwrap_or_else(|| panic!("no {line} in {body}"));
                // Of events only that there is one: which, a run decides.
                let mut example = example;
                if example["line"] == "event" {
                    example["event"] = serde_json::json!({ "at": 0, "event": "" });
                }
                fits(&example, answer, "");
            }
        }
    }
    assert!(4 <= compared, "answers stand behind commands: {compared}");
    tcp.abort();
    server.stop().await;
}

#[test]
fn every_example_in_json_is_behind_a_command() {
    let page = include_str!("../../../docs/api.md");
    let parts: Vec<&str> = page.split("\n```").collect();
    for (at, part) in parts.iter().enumerate().filter(|(_, it)| it.starts_with("json\n")) {
        let before = at.checked_sub(2).map(|it| parts[it]).unwrap_or_default();
        assert!(before.starts_with("console\n"), "no command leads to{part}");
        assert!(parts[at - 1].trim().is_empty(), "something stands between a command and{part}");
    }
}

#[test]
fn words_are_parted_as_a_shell_would() {
    assert_eq!(words("-H \"a: it's\" 'say \"x\"'"), ["-H", "a: it's", "say \"x\""]);
    assert_eq!(words("-d '{\"a\": 1}' x  'y z'"), ["-d", "{\"a\": 1}", "x", "y z"]);
}
