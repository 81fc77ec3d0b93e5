use proptest::prelude::*;
use serde_json::json;

use super::*;

fn mistake(item: &Value) -> String {
    parse(vec![json!({"absent": "/x"}), item.clone()]).unwrap_err()[0].to_string()
}

fn only(item: Value) -> Wanted {
    parse(vec![item]).unwrap().remove(0).wanted
}

#[test]
fn mistakes_name_the_item_and_the_key() {
    for (item, expected) in [
        (json!("x"), "items[1]: must be a dictionary, not a text"),
        (json!({"name": "n"}), "items[1]: says nothing to verify; it needs one of file, "),
        (json!({"file": "/a", "link": "/b"}), "items[1]: is both file and link; make it two items"),
        (json!({"fiel": "/a"}), "items[1].fiel: there is no such key; an item has a name and one of file, "),
        (json!({"file": "a"}), "items[1].file.path: must be an absolute path, not \"a\""),
        (
            json!({"file": {"path": "/a", "mode": "u=rw"}}),
            "items[1].file.mode: must be an octal number in quotes",
        ),
        (
            json!({"file": {"path": "/a", "md5": "x"}}),
            "items[1].file.md5: there is no such key; known are path, mode",
        ),
        (
            json!({"file": {"path": "/a", "sha256": "ab"}}),
            "items[1].file.sha256: must be 64 hexadecimal digits",
        ),
        (json!({"file": ["/a"]}), "items[1].file: must be a dictionary or the path, not a list"),
        (json!({"line": {"path": "/a"}}), "items[1].line.line: exactly one of line and regexp is required"),
        (json!({"line": {"path": "/a", "regexp": "("}}), "items[1].line.regexp: is not valid: "),
        (json!({"package": {"name": "--root=/x"}}), "items[1].package.name: may have letters"),
        (
            json!({"package": {"name": "a", "state": "latest"}}),
            "items[1].package.state: must be one of installed, ",
        ),
        (json!({"service": "ssh"}), "items[1].service.state: state, enabled or both are required"),
        (json!({"service": {"name": "a*", "enabled": true}}), "items[1].service.name: may have letters"),
        (
            json!({"service": {"name": "a", "enabled": "perhaps"}}),
            "items[1].service.enabled: must be true or false",
        ),
        (json!({"sysctl": {"name": "net..x", "value": 1}}), "items[1].sysctl.name: must be like net.ipv4"),
        (json!({"sysctl": {"name": "../x", "value": 1}}), "items[1].sysctl.name: must be like net.ipv4"),
        (
            json!({"listen": {"port": 70000}}),
            "items[1].listen.port: must be a whole number from 0 to 65535, not 70000",
        ),
        (json!({"listen": {"port": 22, "address": "x"}}), "items[1].listen.address: must be an IP address"),
        (
            json!({"certificate": {"host": "a", "path": "/x"}}),
            "items[1].certificate.path: a certificate is in a file",
        ),
        (json!({"http": "https://a/"}), "items[1].http.url: https is not spoken"),
        (json!({"tcp": {"host": "a"}}), "items[1].tcp.port: is required"),
    ] {
        let found = mistake(&item);
        assert!(found.starts_with(expected), "{item}: {found}");
    }
}

#[test]
fn several_mistakes_are_told_at_once() {
    let found = parse(vec![json!({"file": "a"}), json!({"file": "/a"}), json!({"tcp": {}})]).unwrap_err();
    assert_eq!(found.len(), 2);
    assert_eq!(parse(vec![json!(1); 50]).unwrap_err().len(), MISTAKES_LIMIT);
}

#[test]
fn values_are_taken_as_ansible_gives_them() {
    let Wanted::File(file) =
        only(json!({"file": {"path": "/a", "mode": 420, "owner": 0, "size": "12", "follow": "yes"}}))
    else {
        panic!("not a file")
    };
    assert_eq!((file.place.mode, file.place.owner.as_deref(), file.size), (Some(0o644), Some("0"), Some(12)));
    assert!(file.place.follow);
    let Wanted::Service(service) =
        only(json!({"service": {"name": "ssh", "state": "started", "enabled": null}}))
    else {
        panic!("not a service")
    };
    assert_eq!((service.unit.as_str(), service.active, service.enabled), ("ssh.service", Some(true), None));
    let Wanted::User(user) = only(json!({"user": {"name": "a", "groups": "x, y"}})) else {
        panic!("not a user")
    };
    assert_eq!(user.groups.unwrap(), ["x", "y"]);
    assert_eq!(only(json!({"listen": 22})).subject(), "22/tcp");
}

/// Any value, with keys and texts that the manifest knows more often than by chance.
fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("/a".to_owned()),
        Just("present".to_owned()),
        Just("http://[::1]:8/x".to_owned()),
        Just("0644".to_owned()),
        "\\PC{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let keys = || {
        let known = [
            "path", "name", "mode", "state", "port", "host", "url", "line", "regexp", "value", "days",
            "size", "opts",
        ];
        prop_oneof![
            proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
            proptest::sample::select(KINDS.to_vec()).prop_map(str::to_owned),
            "\\PC{0,4}"
        ]
    };
    leaf.prop_recursive(3, 20, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(keys(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_manifest_panics(items in prop::collection::vec(any_value(), 0..4)) {
        let _either = parse(items);
    }
}
