use serde_json::json;

use super::*;

mod known;
mod speed;
mod streams;
mod texts;

fn secrets(all: &[&str]) -> Secrets {
    let mut secrets = Secrets::new();
    for secret in all {
        assert_eq!(secrets.add(secret), Added::New, "{secret}");
    }
    secrets
}

fn redactor(all: &[&str]) -> Redactor {
    secrets(all).redactor()
}

/// As many cases as asked for, but not more than these: the texts are long.
fn at_most(cases: u32) -> proptest::test_runner::Config {
    let asked = proptest::test_runner::Config::default();
    proptest::test_runner::Config { cases: asked.cases.min(cases), ..asked }
}

#[test]
fn nothing_known_changes_nothing() {
    let text = "TASK [base : install] ***\nok: [web1]\nchanged: [web2] => (item=nginx)\n";
    assert!(matches!(Redactor::default().text(text), Cow::Borrowed(it) if it == text));
    assert!(matches!(redactor(&["hunter2"]).text(text), Cow::Borrowed(it) if it == text));
    assert_eq!(redactor(&["hunter2"]).text(""), "");
}

#[test]
fn a_redactor_prints_no_secret() {
    let secrets = secrets(&["hunter2"]);
    for shown in [format!("{secrets:?}"), format!("{:?}", secrets.redactor())] {
        assert!(!shown.contains("hunter"), "{shown}");
    }
    let stream = format!("{:?}", Stream::new(secrets.redactor()));
    assert!(!stream.contains("hunter"), "{stream}");
}

#[test]
fn structures_lose_what_their_keys_name() {
    let redactor = redactor(&["hunter2", "98765432", "app_hunter"]);
    let mut value = json!({
        "msg": "used hunter2",
        "password": "abc",
        "rc": 0,
        "pin": 98_765_432,
        "token": 12,
        "secret": {"a": ["b"]},
        "credentials": ["x", "y"],
        "app_hunter": {"nested": ["a hunter2", 1.5, null, true]},
        "update_password": "always",
        "password_lock": false,
        "private_key_path": "/etc/ssl/x",
        "env": [{"name": "DB_PASSWORD", "value": "abc"}, {"name": "HOME", "value": "/root"}],
        "cmd": ["mysql", "--password", "abc", "--host", "db", "-p", "x"],
        "diff": [{"after": "password: abc\nuser: bob\n", "before": ""}],
    });
    redactor.json(&mut value);
    assert_eq!(
        value,
        json!({
            "msg": "used [redacted]",
            "password": "[redacted]",
            "rc": 0,
            "pin": "[redacted]",
            "token": "[redacted]",
            "secret": "[redacted]",
            "credentials": "[redacted]",
            "[redacted]": {"nested": ["a [redacted]", 1.5, null, true]},
            "update_password": "always",
            "password_lock": false,
            "private_key_path": "/etc/ssl/x",
            "env": [{"name": "DB_PASSWORD", "value": "[redacted]"}, {"name": "HOME", "value": "/root"}],
            "cmd": ["mysql", "--password", "[redacted]", "--host", "db", "-p", "x"],
            "diff": [{"after": "password: [redacted]\nuser: bob\n", "before": ""}],
        })
    );
    let again = value.clone();
    redactor.json(&mut value);
    assert_eq!(value, again);
}

#[test]
fn a_structure_that_is_too_deep_ends() {
    let mut value = json!("hunter2");
    for _ in 0..1000 {
        value = json!([value]);
    }
    redactor(&["hunter2"]).json(&mut value);
    let shown = value.to_string();
    assert!(shown.contains(REDACTED) && !shown.contains("hunter2"), "{shown}");
}

/// Whatever goes wrong inside, no text comes out.
#[test]
fn it_fails_closed() {
    let mut redactor = redactor(&["hunter2"]);
    redactor.poison = Some("boom");
    assert_eq!(redactor.text("a hunter2"), "a [redacted]");
    assert_eq!(redactor.text("a boom hunter2"), FAILED);
    let mut value = json!({"a": ["fine", "boom"], "b": "hunter2"});
    redactor.json(&mut value);
    assert_eq!(value, json!(FAILED));

    let mut stream = Stream::new(redactor.clone());
    assert_eq!(stream.push(b"fine\nhunter2\n"), b"fine\n[redacted]\n");
    assert_eq!(stream.push(b"hunter2 boom\n"), FAILED.as_bytes());
    assert_eq!(stream.push(b"hunter2 fine\n"), b"");
    assert_eq!(stream.finish(), b"");

    let mut stream = Stream::new(redactor);
    assert_eq!(stream.push(b"hunter2 boom"), b"");
    assert_eq!(stream.finish(), FAILED.as_bytes());
}

mod properties {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn structure() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,6}(hunter2)?".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let key = "(password|msg|name|value|hunter2|[a-z]{1,3})";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(key, inner, 0..4).prop_map(|it| it.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #![proptest_config(at_most(100_000))]

        #[test]
        fn no_structure_keeps_a_secret(mut value in structure()) {
            let redactor = redactor(&["hunter2"]);
            redactor.json(&mut value);
            prop_assert!(!value.to_string().contains("hunter2"));
            let again = value.clone();
            redactor.json(&mut value);
            prop_assert_eq!(value, again);
        }
    }
}
