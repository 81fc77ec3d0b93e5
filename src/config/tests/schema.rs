//! The schemas, the parser, the examples and the docs say the same.

use serde_json::{Map, Value, json};

use super::super::yaml::{self, Content, Kind, Node};
use super::super::{operator_reference, operator_schema, repository_reference, repository_schema};
use super::judge::accepts;
use super::{declare, fixture, operator};

const DOCS: [&str; 4] = ["docs/configuration.md", "docs/source.md", "docs/stack.md", "docs/forges.md"];
const EXAMPLE: &str = "systemd/config.example.yml";

fn read(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What a YAML file says, as JSON.
fn json(node: &Node) -> Value {
    match &node.content {
        Content::Scalar(it) => match it.kind() {
            Kind::Null => Value::Null,
            Kind::Switch(it) => it.into(),
            Kind::Integer(it) => it.into(),
            Kind::Number(it) => it.into(),
            Kind::Text => it.text.clone().into(),
        },
        Content::List(items) => items.iter().map(json).collect(),
        Content::Map(entries) => entries.iter().map(|(name, it)| (name.text.clone(), json(it))).collect(),
    }
}

fn parsed(text: &str) -> Value {
    json(&yaml::parse(text).0.unwrap_or_else(|| panic!("no YAML: {text}")))
}

/// The examples in the docs: blocks of YAML whose first line says which file they are.
fn examples(which: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for doc in DOCS {
        let text = read(doc);
        for block in text.split("```yaml\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            if block.lines().next().is_some_and(|it| it.contains(which)) {
                found.push(block.to_owned());
            }
        }
    }
    found
}

fn operator_examples() -> Vec<String> {
    let mut found = examples("/etc/driftless/config.yml");
    found.push(read(EXAMPLE));
    found
}

#[test]
fn every_example_loads_and_pleases_its_schema() {
    let (operators, repositories) = (operator_examples(), examples("driftless.yml"));
    assert!(3 <= operators.len() && 2 <= repositories.len(), "{} {}", operators.len(), repositories.len());
    for text in operators {
        if let Err(report) = operator(&text) {
            panic!("{text}\n{report}");
        }
        assert!(accepts(&operator_schema(), &parsed(&text)), "{text}");
    }
    for text in repositories {
        if let Err(failure) = declare(&text) {
            panic!("{text}\n{failure}");
        }
        assert!(accepts(&repository_schema(), &parsed(&text)), "{text}");
    }
}

/// `#key: value` is a default that is commented out, `# text` is prose.
fn uncommented(line: &str) -> String {
    let setting = line.strip_prefix('#').filter(|it| line.starts_with("#  ") || !it.starts_with(' '));
    setting.filter(|it| !it.is_empty()).unwrap_or(line).to_owned()
}

#[test]
fn the_example_shows_every_default_as_it_is() {
    // What is commented out in the example is the default: with the comment signs taken away nothing changes.
    let text = read(EXAMPLE);
    let all: String = text.lines().map(|it| uncommented(it) + "\n").collect();
    assert_ne!(text, all);
    let (plain, full) = (operator(&text).expect("valid"), operator(&all).unwrap_or_else(|it| panic!("{it}")));
    assert_eq!(plain.settings, full.settings);
    assert_eq!((plain.limits, plain.retention), (full.limits, full.retention));
    assert_eq!((plain.paths, plain.listen, plain.raw_log), (full.paths, full.listen, full.raw_log));
    assert_eq!(plain.host_metrics, full.host_metrics);
}

/// Values that are valid for some keys and wrong for most.
const OTHERS: &str = r#"[
    null, true, 7, -1, 1.5, "", "-x", "@x", "a b", "ü", "web,db", [], {}, ["a"], [7], {"a": 1}, "1h", "1h 30m", "5 GiB",
    "never", "30%", "101%", "* * * * *", "0 0 30 2 *", "*.ini", "dsn", {"every": "1h", "cron": "0 0 * * *"},
    "/abs", "../x", "2.19.14", "x\ny", "{{ x }}", {"file": "/x"}, {"credential": "x"}, {"file": "x"}, {"a": {}},
    {"a": null}, "Web", "web", "manual", "a\\b", "[::1]:1", "system", "a@b"
]"#;

/// All files that differ from this one in one place: another value, a key less, a key more.
fn variants(of: &Value) -> Vec<Value> {
    let mut found: Vec<Value> = serde_json::from_str(OTHERS).expect("a list");
    match of {
        Value::Object(entries) => {
            let with = |name: &str, value: Value| {
                let mut entries = entries.clone();
                entries.insert(name.to_owned(), value);
                Value::Object(entries)
            };
            for (name, value) in entries {
                let mut less = entries.clone();
                less.remove(name);
                found.push(less.into());
                found.extend(variants(value).into_iter().map(|it| with(name, it)));
            }
            for name in ["zz", "Zz", "", "a b", "A_B", "-x", "9"] {
                found.extend([with(name, json!({})), with(name, json!("x"))]);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                for variant in variants(item) {
                    let mut items = items.clone();
                    items[at] = variant;
                    found.push(items.into());
                }
            }
        }
        _ => {}
    }
    found
}

/// Small files with every key, so that every key is varied.
fn full_operator() -> Value {
    let access = json!({
        "ssh_key": {"file": "/k"}, "ssh_agent": "/a", "known_hosts": "/h", "ssh_config": "/c", "remote_user": "u",
        "become_password": {"credential": "b"}, "vault": {"default": {"file": "/v"}},
        "environment": {"A_B": {"file": "/e"}}, "python": "/p",
    });
    json!({
        "sources": {"infra": {
            "url": "https://git.example/x", "reference": "main", "poll": "60s", "rewinds": "ask", "run_as": "u",
            "credentials": {
                "ssh_key": {"file": "/k"}, "ssh_agent": "/a", "known_hosts": "/h", "ssh_config": "/c",
                "https_user": "git", "https_token": {"credential": "t"}, "git_credentials": "/g", "ca_bundle": "/b",
            },
            "access": access, "webhook": {"provider": "github", "secret": {"credential": "w"}},
            "stacks": {"web": {
                "apply": "manual", "heal": "never", "check": {"every": "1h"}, "timeout": "1h", "forks": 5,
                "daily_heals": 1, "airbag": {"fewer": "5%", "max_hosts": 9, "more_changes": 9},
                "max_task_time": "1h", "access": {"remote_user": "u"},
            }, "db": {"check": {"cron": "0 0 * * *"}}},
        }},
        "aliases": {"10.0.0.5:2222": "web1", "[fd00::5]": "web1"},
        "redact": {"paths": ["/srv/*.ini", "private/"], "names": ["dsn"]}, "metrics": {"hosts": 0},
        "webhooks": {"body_limit": "2MiB"},
        "public_url": "https://fleet.example", "sign_in": {"oidc": {
            "issuer": "https://id.example", "client_id": "c", "client_secret": {"file": "/o"}, "name": "ID",
            "name_claim": "email", "scopes": ["groups"], "hosts": ["keys.example"], "ca_bundle": "/b",
            "roles": [{"claim": "groups", "value": "web", "role": "viewer", "stacks": ["infra", "lab/web"]}],
        }},
        "tls": {"certificate": "/t", "key": {"file": "/k"}},
        "listen": "127.0.0.1:1", "listen_publicly": false, "admin_group": "g", "raw_log": true,
        "limits": {
            "runs": 1, "timeout": "1h", "silence": "1h", "output": "1GiB", "drain": "1m", "free_disk": "1GiB",
            "daily_heals": 0, "airbag": {"fewer": "5%", "max_hosts": 9, "more_changes": 9}, "max_task_time": "1h",
            "retry": {"base": "1s", "max": "1h"}, "fetch": {"connect": "1s", "stall": "1s", "total": "1h"},
            "checkout": {"files": 5, "size": "1GiB"},
            "run": {"memory": "1GiB", "processes": 500, "open_files": 900, "file_size": "1GiB"},
        },
        "retention": {"age": "30d", "size": "1GiB", "journal": "7d", "events": "2d", "raw_log": "1d"},
        "state_dir": "/s", "run_dir": "/r", "cache_dir": "/c", "system_ansible": "/a", "python": "/p",
    })
}

fn full_repository() -> Value {
    json!({
        "version": 1,
        "ansible": {"core": "2.19.14", "requirements": "requirements.txt", "galaxy": "requirements.yml"},
        "stacks": {
            "web": {
                "playbook": "site.yml", "inventory": "inventory.ini", "limit": "web", "tags": ["a"],
                "skip_tags": ["b"], "extra_vars": {"a": 1}, "forks": 5, "apply": "manual", "check": {"every": "1h"},
                "heal": "never", "timeout": "1h", "depends_on": ["base"],
            },
            "base": {"playbook": "base.yml", "inventory": "inventory.ini", "check": {"cron": "30 3 * * *"}},
        },
    })
}

#[test]
fn what_a_schema_refuses_the_parser_refuses() {
    let both = [
        (full_operator(), operator_schema(), (|text| operator(text).is_ok()) as fn(&str) -> bool),
        (full_repository(), repository_schema(), |text| declare(text).is_ok()),
    ];
    for (full, schema, parses) in both {
        assert!(parses(&full.to_string()) && accepts(&schema, &full), "{full}");
        let (mut accepted, mut agreed) = (0, 0);
        for variant in variants(&full) {
            let (schema, parser) = (accepts(&schema, &variant), parses(&variant.to_string()));
            assert!(schema || !parser, "the parser accepts what the schema refuses: {variant}");
            accepted += u32::from(parser);
            agreed += u32::from(!parser && !schema);
        }
        assert!(50 < accepted && 500 < agreed, "{accepted} accepted, {agreed} refused by both");
    }
}

/// The paths of all keys of a schema that stand for themselves.
fn keys(schema: &Value, at: &str, found: &mut Vec<String>) {
    let empty = Map::new();
    let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    for (name, schema) in known {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        found.push(path.clone());
        assert!(schema["description"].as_str().is_some_and(|it| it.ends_with('.')), "{path} has no sentence");
        if !is_secret(schema) {
            keys(schema, &path, found);
        }
    }
    if let Some(inner) = schema.get("additionalProperties").filter(|it| it.is_object() && !is_secret(it)) {
        keys(inner, &format!("{at}.<>"), found);
    }
    if let Some(inner) = schema.get("items") {
        keys(inner, &format!("{at}.<>"), found);
    }
}

/// Where a secret is takes exactly one of two keys, which are explained once.
fn is_secret(schema: &Value) -> bool {
    schema.get("minProperties").is_some() && schema.get("maxProperties").is_some()
}

#[test]
fn the_docs_have_every_key_as_it_is() {
    for (doc, table, schema) in [
        ("docs/configuration.md", operator_reference(), operator_schema()),
        ("docs/stack.md", repository_reference(), repository_schema()),
    ] {
        assert!(read(doc).contains(&table), "the table of keys in {doc} is old: write it anew, see below");
        let mut all = Vec::new();
        keys(&schema, "", &mut all);
        let documented = |path: &String| {
            table.lines().any(|row| {
                let shown = row.split('`').nth(1).unwrap_or_default();
                let parts = shown.split('.').map(|it| if it.starts_with('<') { "<>" } else { it });
                parts.collect::<Vec<_>>().join(".") == *path
            })
        };
        let missing: Vec<_> = all.iter().filter(|it| !documented(it)).collect();
        assert!(missing.is_empty() && 15 < all.len(), "{doc} lacks {missing:?}");
    }
}

#[test]
#[ignore = "writes the tables of keys into the docs"]
fn write_the_tables_anew() {
    for (doc, table) in
        [("docs/configuration.md", operator_reference()), ("docs/stack.md", repository_reference())]
    {
        let text = read(doc);
        let start = text.find("| Key | Takes |").expect("the table of keys");
        let end = text[start..].find("\n\n").map_or(text.len(), |it| start + it + 1);
        let anew = format!("{}{table}{}", &text[..start], &text[end..]);
        std::fs::write(fixture(doc), anew).expect("written");
    }
}
