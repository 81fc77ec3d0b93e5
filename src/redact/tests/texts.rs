//! Names and shapes in texts.

use super::*;

/// Each pair: what is there, and what is shown.
fn shown_as(pairs: &[(&str, &str)]) {
    for (text, expected) in pairs {
        let redactor = Redactor::default();
        assert_eq!(redactor.text(text), *expected, "of {text}");
        assert_eq!(redactor.text(expected), *expected, "again, of {text}");
    }
}

#[test]
fn values_of_names_that_are_secret() {
    shown_as(&[
        // Assignments and options.
        ("password=abc user=bob", "password=[redacted] user=bob"),
        ("export DB_TOKEN=abc", "export DB_TOKEN=[redacted]"),
        ("PGPASSWORD='a b' psql", "PGPASSWORD='[redacted]' psql"),
        (r#"password="a \" b" x=1"#, r#"password="[redacted]" x=1"#),
        ("mysql --password abc -h db", "mysql --password [redacted] -h db"),
        ("mysql --password=abc -h db", "mysql --password=[redacted] -h db"),
        ("x --token 'a b' --y", "x --token '[redacted]' --y"),
        ("java -password abc", "java -password [redacted]"),
        ("['mysql', '--password', 'abc', 'x']", "['mysql', '--password', '[redacted]', 'x']"),
        (r#""cmd": "x --password=abc", "rc": 0"#, r#""cmd": "x --password=[redacted]", "rc": 0"#),
        (r#"--password='it'"'"'s me' x"#, "--password='[redacted]' x"),
        (r"--password='it'\''s me' x", "--password='[redacted]' x"),
        ("password=it's_me x", "password=[redacted] x"),
        ("if password == \"abc\":", "if password == \"[redacted]\":"),
        ("\"password\" => \"abc\"", "\"password\" => \"[redacted]\""),
        ("$cfg['password'] = 'abc';", "$cfg['password'] = '[redacted]';"),
        ("password = a b c\nx = 1", "password = [redacted]\nx = 1"),
        // YAML, JSON, repr.
        ("  db_password: a b # c\nuser: bob\n", "  db_password: [redacted]\nuser: bob\n"),
        ("- password: abc\r\n  user: bob\r\n", "- password: [redacted]\r\n  user: bob\r\n"),
        ("+password: abc\n-password: abd\n", "+password: [redacted]\n-password: [redacted]\n"),
        ("password: \"a b\" # c", "password: \"[redacted]\" # c"),
        ("password: 'a''b' # c", "password: '[redacted]' # c"),
        (r#"{"password": "abc", "user": "bob"}"#, r#"{"password": "[redacted]", "user": "bob"}"#),
        (r#"{"apiKey":"abc","n":1}"#, r#"{"apiKey":"[redacted]","n":1}"#),
        (r#""{\"password\": \"a\\\"b\", \"n\": 1}""#, r#""{\"password\": \"[redacted]\", \"n\": 1}""#),
        ("{'password': 'abc', 'user': 'bob'}", "{'password': '[redacted]', 'user': 'bob'}"),
        (r#""tokens": ["abc", "def"], "n": 1"#, r#""tokens": [redacted] "n": 1"#),
        ("credentials: {user: a, pass: b}\nn: 1", "credentials: [redacted]\nn: 1"),
        ("\\npassword=abc", "\\npassword=[redacted]"),
        ("\\npass=abc", "\\npass=[redacted]"),
        ("the token: abc was used", "the token: [redacted] was used"),
        ("private_key: |\n  abc\n\n  def\nn: 1\n", "private_key: [redacted]\nn: 1\n"),
        ("  secret: >-\n    abc\n  n: 1\n", "  secret: [redacted]\n  n: 1\n"),
        ("+  secret: !unsafe |\n+    abc\n+  n: 1\n", "+  secret: [redacted]\n+  n: 1\n"),
        ("<password>abc</password>", "<password>[redacted]</password>"),
        ("<user password=\"abc\" name=\"x\"/>", "<user password=\"[redacted]\" name=\"x\"/>"),
        // URLs and headers.
        ("https://bob:abc@host/x", "https://bob:[redacted]@host/x"),
        ("at 'https://bob:a/b?c@host/x'", "at 'https://bob:[redacted]@host/x'"),
        ("postgres://bob:a:b@c@host/x", "postgres://bob:[redacted]@host/x"),
        ("https://abc@host/x", "https://[redacted]@host/x"),
        ("Authorization: Bearer abc def", "Authorization: [redacted]"),
        ("curl -H 'Authorization: Basic abc' x", "curl -H 'Authorization: [redacted]' x"),
        ("'Cookie': 'a=b; c=d'", "'Cookie': '[redacted]'"),
        ("set Cookie: a=b; c=d", "set Cookie: [redacted]"),
    ]);
}

#[test]
fn what_only_reads_like_a_name_stays() {
    for text in [
        "TASK [token : create] ***",
        "fatal: [web1]: FAILED! => {\"msg\": \"Missing sudo password\"}",
        "Permission denied (publickey,password).",
        "password: ",
        "password=",
        "password: \"\"\nuser: bob",
        "update_password: always",
        "password_lock: false",
        "private_key_path: /etc/ssl/x.key",
        "--become-password-file /run/x",
        "--ask-become-password --check",
        "std::token::Token",
        "the password is wrong",
        "ssh://git@host/x",
        "see https://host/x?y=a@b",
        "see https://host:8080/@scope/package",
        "ok=3 changed=1 unreachable=0 failed=0",
        "passed: 3",
        "key: value",
    ] {
        assert_eq!(Redactor::default().text(text), text);
    }
}

#[test]
fn shapes_of_tokens() {
    for token in [
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "github_pat_11ABCDEFG0abcdefghijkl_0123456789",
        "glpat-abcdefghij_0123-xyz",
        "AKIAIOSFODNN7EXAMPLE",
        "xoxb-1234567890-abcdefghij",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
        "hvs.CAESIJ0123456789abcdef",
        "$6$rounds=5000$saltsalt$abcdefghijklmnop./",
        "$2b$12$abcdefghijklmnopqrstuv",
        "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQ",
        "dlt_aaaaaaaa_bcdefghijklmnopqrstuvwxyz234567bcdefghijklmnopqrstuvwxyz2",
    ] {
        shown_as(&[
            (&format!("a {token} b"), "a [redacted] b"),
            (&format!("a\\n{token}\\nb"), "a\\n[redacted]\\nb"),
            (token, REDACTED),
        ]);
    }
    for text in [
        "ghp_short",
        "dlt_a_name_of_a_pipeline_that_is_long",
        "AKIAlower",
        "fooAKIAIOSFODNN7EXAMPLE",
        "eyJ short",
        "GHP_0123456789ABCDEFGHIJ",
        "costs $1$2",
    ] {
        assert_eq!(Redactor::default().text(text), text);
    }
    shown_as(&[("x bearer abcdefghijklmnop0 y", "x bearer [redacted] y")]);
}

#[test]
fn private_keys() {
    let body = "MIIEpAIBAAKCAQEAq83vEjRWeJq8\n+/83vEjRWeJq8=\n";
    let key = format!("-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----");
    let indented = key.replace('\n', "\n    ");
    let listed = format!("  \"{}\"", key.replace('\n', "\",\n  \""));
    let escaped = key.replace('\n', "\\n");
    shown_as(&[
        (&key, "[redacted]\n"),
        (&format!("a\n{key}\nb"), "a\n[redacted]\nb"),
        (&format!("x: |\n    {indented}\ny: 1"), "x: |\n    [redacted]\ny: 1"),
        (&format!("[\n{listed}\n]"), "[\n  \"[redacted]\",\n]"),
        (&format!("\"msg\": \"{escaped}\\n\", \"rc\": 0"), "\"msg\": \"[redacted]\\n\", \"rc\": 0"),
        ("a -----BEGIN PRIVATE KEY-----\nb c\n", "a [redacted]\nb c\n"),
        (
            "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\nb",
            "[redacted]\nb",
        ),
        // Cut off at the end, and at the beginning.
        ("-----BEGIN PRIVATE KEY-----\nMIIEpAIBAA\n… cut …\nb", "[redacted]\n… cut …\nb"),
        ("… cut …\nMIIEpAIBAA\n83vEjRWe\n-----END PRIVATE KEY-----\nb", "… cut …\n[redacted]\nb"),
        ("\"… cut … KCAQEA\\n83vEj\\n-----END PRIVATE KEY-----\\n\", b", "\"… cut … [redacted]\\n\", b"),
    ]);
    let certificate = key.replace("RSA PRIVATE KEY", "CERTIFICATE");
    assert_eq!(Redactor::default().text(&certificate), certificate);
    let mention = "no PRIVATE KEY in -----BEGIN x";
    assert_eq!(Redactor::default().text(mention), mention);
}

#[test]
fn vaults() {
    shown_as(&[
        ("$ANSIBLE_VAULT;1.1;AES256\n31323334\n35\n\nb\n", "[redacted]\n\nb\n"),
        ("\"$ANSIBLE_VAULT;1.2;AES256;id\\n3132\\n33\\n\", b", "\"[redacted]\", b"),
    ]);
}
