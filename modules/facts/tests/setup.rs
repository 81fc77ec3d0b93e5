//! The facts are those of `ansible.builtin.setup`, on this machine and on each installed version of ansible-core.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use driftless_facts::{Host, Request, gather};
use driftless_module::Core;
use serde_json::{Map, Value, json};

type Facts = Map<String, Value>;

/// What `setup` says and this module does not offer.
const NOT_OFFERED: [&str; 3] = ["ansible_python", "ansible_python_version", "ansible_selinux_python_present"];

#[expect(
    clippy::disallowed_methods,
    reason = "the test is told by a variable which versions of Ansible there are"
)]
fn installed() -> Vec<PathBuf> {
    let listed = std::env::var("DRIFTLESS_TEST_ANSIBLE").unwrap_or_default();
    let found: Vec<PathBuf> = listed.split(':').filter(|it| !it.is_empty()).map(PathBuf::from).collect();
    assert!(!found.is_empty(), "no Ansible to test with: run `scripts/test`, or set DRIFTLESS_TEST_ANSIBLE");
    found
}

/// The environment that both see.
fn environment() -> BTreeMap<String, String> {
    [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("LC_ALL", "C.UTF-8"),
        ("HOME", "/root"),
        ("TZ", "Australia/Lord_Howe"),
        ("ANSIBLE_LOCALHOST_WARNING", "0"),
        ("ANSIBLE_INVENTORY_UNPARSED_WARNING", "0"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// What `setup` of one version says.
fn setup(ansible: &Path, arguments: &Value) -> Result<Facts, String> {
    let python = ansible.join("bin/python");
    let interpreter = json!({"ansible_python_interpreter": python}).to_string();
    let output = Command::new(ansible.join("bin/ansible"))
        .args(["localhost", "-c", "local", "-m", "ansible.builtin.setup", "-e", &interpreter, "-a"])
        .arg(if *arguments == json!({}) { String::new() } else { arguments.to_string() })
        .env_clear()
        .envs(environment())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let Some((head, _)) = text.split_once("=> {") else {
        return Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    };
    let mut result: Value = serde_json::from_str(&text[head.len() + 3..]).unwrap();
    match result["ansible_facts"].take() {
        Value::Object(facts) => Ok(facts),
        _ => Err(result.to_string()),
    }
}

fn version(ansible: &Path) -> Core {
    let code = "import ansible.release; print(ansible.release.__version__)";
    let output = Command::new(ansible.join("bin/python")).args(["-c", code]).output().unwrap();
    Core::parse(&String::from_utf8(output.stdout).unwrap())
}

fn ours(core: Core, arguments: &Value) -> Result<Facts, String> {
    let texts = |key: &str| -> Vec<String> {
        serde_json::from_value(arguments.get(key).cloned().unwrap_or_else(|| json!([]))).unwrap()
    };
    #[expect(clippy::disallowed_methods, reason = "the time is a fact")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let request = Request {
        gather_subset: texts("gather_subset"),
        filter: texts("filter"),
        fact_path: "/etc/ansible/facts.d".into(),
        core,
        now,
    };
    let host = Host::new(environment(), Duration::from_secs(10));
    gather(&host, &request).map(|gathered| gathered.facts)
}

/// Takes what moves between two calls out of a fact, and puts lists without an order into one.
fn still(name: &str, mut fact: Value) -> Value {
    match name {
        "ansible_mounts" => {
            let mounts = fact.as_array_mut().unwrap();
            for mount in mounts.iter_mut().filter_map(Value::as_object_mut) {
                mount.retain(|key, _| !key.contains("available") && !key.contains("used"));
            }
            mounts.sort_by_key(|mount| mount["mount"].to_string());
        }
        "ansible_virtualization_tech_guest" | "ansible_virtualization_tech_host" | "ansible_interfaces" => {
            fact.as_array_mut().unwrap().sort_by_key(Value::to_string);
        }
        "ansible_env" => {
            // What the shells in between set.
            fact.as_object_mut().unwrap().retain(|key, _| environment().contains_key(key));
        }
        "ansible_uptime_seconds" | "ansible_memfree_mb" | "ansible_swapfree_mb" | "ansible_loadavg" => {
            fact = Value::Null;
        }
        "ansible_memory_mb" => {
            for key in [
                "/real/free",
                "/real/used",
                "/nocache/free",
                "/nocache/used",
                "/swap/free",
                "/swap/used",
                "/swap/cached",
            ] {
                *fact.pointer_mut(key).unwrap() = Value::Null;
            }
        }
        "ansible_date_time" => {
            for key in [
                "epoch",
                "epoch_int",
                "iso8601",
                "iso8601_basic",
                "iso8601_basic_short",
                "iso8601_micro",
                "time",
                "second",
                "minute",
            ] {
                fact[key] = Value::Null;
            }
        }
        _ => {}
    }
    fact
}

/// Whether a number that moves is near the other one.
fn near(name: &str, theirs: &Value, ours: &Value, pointer: &str, distance: f64) -> Option<String> {
    let of = |fact: &Value| {
        let value = fact.pointer(pointer)?;
        value.as_f64().or_else(|| value.as_str()?.parse().ok())
    };
    match (of(theirs), of(ours)) {
        (Some(one), Some(other)) if (one - other).abs() <= distance => None,
        (one, other) => Some(format!("{name}{pointer}: {one:?} and {other:?} are too far apart")),
    }
}

fn differences(theirs: &Facts, ours: &Facts) -> Vec<String> {
    let mut found = Vec::new();
    for name in
        theirs.keys().filter(|name| !ours.contains_key(*name) && !NOT_OFFERED.contains(&name.as_str()))
    {
        found.push(format!("{name} is missing"));
    }
    for (name, fact) in ours {
        let Some(their) = theirs.get(name) else {
            found.push(format!("{name} is not a fact of setup: {fact}"));
            continue;
        };
        let (one, other) = (still(name, their.clone()), still(name, fact.clone()));
        if one != other {
            found.push(format!("{name}:\n  setup {one}\n  ours  {other}"));
        }
        let apart = |pointer: &str, distance| near(name, their, fact, pointer, distance);
        found.extend(match name.as_str() {
            "ansible_uptime_seconds" => apart("", 60.0),
            "ansible_memfree_mb" => apart("", 8192.0),
            "ansible_memory_mb" => apart("/real/free", 8192.0).or(apart("/nocache/free", 8192.0)),
            "ansible_loadavg" => apart("/15m", 4.0),
            "ansible_date_time" => apart("/epoch", 60.0).or(apart("/epoch_int", 60.0)),
            _ => None,
        });
    }
    found
}

#[test]
fn facts_are_those_of_setup() {
    for (index, ansible) in installed().into_iter().enumerate() {
        let core = version(&ansible);
        let arguments = [
            json!({}),
            json!({"gather_subset": ["!all"]}),
            json!({"gather_subset": ["!all", "!min", "network"]}),
            json!({"gather_subset": ["!all", "!min", "hardware", "os_family"]}),
            json!({"gather_subset": ["!network", "!virtual"]}),
            json!({"filter": ["ansible_distribution*", "mem*_mb", "[k-n]o*"]}),
        ];
        // How arguments select is the same in all versions.
        for arguments in arguments.iter().take(if index == 0 { arguments.len() } else { 1 }) {
            let (theirs, ours) = (setup(&ansible, arguments).unwrap(), ours(core, arguments).unwrap());
            let found = differences(&theirs, &ours);
            assert!(found.is_empty(), "{core:?} {arguments}\n{}", found.join("\n"));
            assert!(!ours.is_empty(), "{arguments}");
        }
    }
}

#[test]
fn an_unknown_subset_is_refused_by_both() {
    for ansible in installed() {
        let arguments = json!({"gather_subset": ["hardwear"]});
        assert!(setup(&ansible, &arguments).unwrap_err().contains("Bad subset 'hardwear'"));
        assert!(ours(Core::NEWEST, &arguments).unwrap_err().contains("Bad subset 'hardwear'"));
    }
}

/// Compares answers that `scripts/test-facts` recorded on other systems.
#[test]
#[ignore = "needs recordings: run scripts/test-facts"]
#[expect(clippy::disallowed_methods, reason = "the script says where its recordings are")]
fn recorded_facts_are_those_of_setup() {
    let directory = PathBuf::from(std::env::var("DRIFTLESS_TEST_FACTS_RECORDED").unwrap());
    let names =
        std::fs::read_dir(&directory).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> =
        names.filter_map(|it| it.strip_suffix(".setup.json").map(str::to_owned)).collect();
    assert!(!names.is_empty(), "nothing was recorded");
    let mut found = Vec::new();
    for name in &names {
        let facts = |kind: &str| -> Facts {
            let text = std::fs::read_to_string(directory.join(format!("{name}.{kind}.json"))).unwrap();
            let mut result: Value = serde_json::from_str(text.trim())
                .unwrap_or_else(|error| panic!("{name} {kind}: {error}: {text}"));
            match result["ansible_facts"].take() {
                Value::Object(facts) => facts,
                other => panic!("{name} {kind}: {other} {result}"),
            }
        };
        found.extend(
            differences(&facts("setup"), &facts("ours")).into_iter().map(|it| format!("{name}: {it}")),
        );
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
