//! Conversion and validation against Ansible's own: generated specifications and arguments, judged by the real Python of
//! each environment in `DRIFTLESS_TEST_ANSIBLE`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use driftless_module::specification::Specification;
use driftless_module::{Core, Map, Validation, Value, validate};
use serde_json::{Value as Json, json};

#[path = "corpus/generate.rs"]
mod generate;
#[path = "corpus/spoken.rs"]
mod spoken;
#[path = "corpus/values.rs"]
mod values;

use generate::Chance;

const SEED: u64 = 20_261_128;
const PAIRS: usize = 6_000;

#[test]
fn every_pair_ends_as_in_ansible() {
    let cases = cases();
    let mut disagreements = String::new();
    for environment in environments() {
        let (core, version) = core(&environment);
        let answers = ask(&environment, &cases);
        assert_eq!(answers.len(), cases.len(), "ansible-core {version} did not answer each line");
        let mut tally = Tally::default();
        for (case, theirs) in cases.iter().zip(&answers) {
            let ours = validate(&case.specification, case.arguments.clone(), core);
            if let Err(difference) = tally.compare(&case.specification, &ours, theirs) {
                write!(disagreements, "\n--- ansible-core {version}: {difference}\n{}\n", case.line())
                    .unwrap();
            }
        }
        println!("ansible-core {version}: {tally:?}");
        // A corpus that is nearly all valid or nearly all refused shows little.
        assert!(PAIRS / 5 < tally.accepted && PAIRS / 5 < tally.refused, "{tally:?}");
    }
    let count = disagreements.matches("\n---").count();
    let shown: String = disagreements.chars().take(8_000).collect();
    assert!(disagreements.is_empty(), "{count} disagreements{shown}");
}

struct Case {
    specification: Specification,
    arguments: Map,
}

impl Case {
    /// As the Python reads it.
    fn line(&self) -> String {
        let specification = spoken::specification(&self.specification);
        let rules = Value::Map(spoken::rules(&self.specification.rules));
        let mut line = Map::new();
        line.insert("specification", specification);
        line.insert("rules", rules);
        line.insert("arguments", self.arguments.clone());
        serde_json::to_string(&line).expect("values are JSON")
    }
}

fn cases() -> Vec<Case> {
    let mut chance = Chance::new(SEED);
    let mut cases = Vec::with_capacity(PAIRS);
    while cases.len() < PAIRS {
        let specification = generate::specification(&mut chance, 2);
        for _ in 0..3 {
            let arguments = generate::arguments(&mut chance, &specification);
            cases.push(Case { specification: specification.clone(), arguments });
        }
    }
    cases
}

fn environments() -> Vec<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the test's own input, given by scripts/test")]
    let given = std::env::var("DRIFTLESS_TEST_ANSIBLE").unwrap_or_default();
    let found: Vec<_> = given.split(':').filter(|it| !it.is_empty()).map(PathBuf::from).collect();
    assert!(!found.is_empty(), "no Ansible to test with: run `scripts/test`, or set DRIFTLESS_TEST_ANSIBLE");
    found
}

fn python(environment: &Path) -> Command {
    let mut command = Command::new(environment.join("bin/python"));
    // The order of Python's sets depends on the hashes of texts.
    command.env("PYTHONHASHSEED", "0");
    command
}

fn core(environment: &Path) -> (Core, String) {
    let code = "import ansible.release; print(ansible.release.__version__)";
    let output = python(environment).args(["-c", code]).output().expect("the environment has a Python");
    assert!(output.status.success(), "no ansible-core in {}", environment.display());
    let version = String::from_utf8(output.stdout).expect("Python writes UTF-8").trim().to_owned();
    (Core::parse(&version), version)
}

fn ask(environment: &Path, cases: &[Case]) -> Vec<Json> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/judge.py");
    let mut child = python(environment)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the environment has a Python");
    let mut input = child.stdin.take().expect("it is piped");
    let lines: String = cases.iter().map(|it| it.line() + "\n").collect();
    let writer = thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("a child can be waited for");
    writer.join().expect("it does not panic").expect("the script reads each line");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("Python writes UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("the script answers in JSON")).collect()
}

#[derive(Debug, Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    /// Where a Python module would end with a traceback: ours has to refuse.
    crashed: usize,
}

impl Tally {
    fn compare(
        &mut self,
        specification: &Specification,
        ours: &Validation,
        theirs: &Json,
    ) -> Result<(), String> {
        if let Some(reason) = theirs.get("crashed") {
            self.crashed += 1;
            // Before 2.22 a secret default that is a list or a dictionary stops a Python module. Not ours.
            let defect = reason.as_str().is_some_and(|it| it.starts_with("TypeError: unhashable type"));
            return if ours.problems.is_empty() && !defect {
                Err(format!("Ansible stops ({reason}), we accept {:?}", ours.parameters))
            } else {
                Ok(())
            };
        }
        let refused = !ours.problems.is_empty();
        if refused {
            self.refused += 1;
        } else {
            self.accepted += 1;
        }
        let mut warnings = ours.warnings.clone();
        warnings.sort();
        same("warnings", &json!(warnings), &theirs["warnings"])?;
        same("deprecations", &json!(ours.deprecations), &theirs["deprecations"])?;
        let problems: Vec<_> = ours.problems.iter().map(|it| comparable(it.message())).collect();
        let their_problems: Vec<_> = texts(&theirs["problems"]).map(comparable).collect();
        same("problems", &json!(problems), &json!(their_problems))?;
        let mut parameters = plain(&Value::Map(ours.parameters.clone()));
        let mut their_parameters = theirs["parameters"].clone();
        without_aliases(specification, &mut parameters);
        without_aliases(specification, &mut their_parameters);
        same("parameters", &parameters, &their_parameters)?;
        let their_secrets: BTreeSet<String> = texts(&theirs["secrets"]).map(str::to_owned).collect();
        // An error on the way makes Ansible forget secrets that it had found; we keep them.
        if if refused { ours.secrets.is_superset(&their_secrets) } else { ours.secrets == their_secrets } {
            Ok(())
        } else {
            Err(format!("secrets\n  ours   {:?}\n  theirs {their_secrets:?}", ours.secrets))
        }
    }
}

fn texts(list: &Json) -> impl Iterator<Item = &str> {
    list.as_array().expect("the script gives a list").iter().filter_map(Json::as_str)
}

/// What differs, down to the smallest part.
fn same(what: &str, ours: &Json, theirs: &Json) -> Result<(), String> {
    if ours == theirs {
        return Ok(());
    }
    match (ours, theirs) {
        (Json::Array(ours), Json::Array(theirs)) if ours.len() == theirs.len() => {
            let mut pairs = ours.iter().zip(theirs).enumerate();
            pairs.try_for_each(|(at, (ours, theirs))| same(&format!("{what}[{at}]"), ours, theirs))
        }
        (Json::Object(ours), Json::Object(theirs)) if ours.keys().eq(theirs.keys()) => {
            ours.iter().try_for_each(|(key, ours)| same(&format!("{what}.{key}"), ours, &theirs[key]))
        }
        _ => Err(format!("{what}\n  ours   {ours}\n  theirs {theirs}")),
    }
}

/// Drops what was given under an alias: there Ansible leaves what became of it on the way, here it stays as it was given.
fn without_aliases(specification: &Specification, parameters: &mut Json) {
    let Json::Object(map) = parameters else { return };
    for parameter in &specification.parameters {
        for alias in &parameter.aliases {
            map.remove(alias);
        }
        let Some(options) = parameter.kind.options() else { continue };
        match map.get_mut(&parameter.name) {
            Some(Json::Array(items)) => items.iter_mut().for_each(|it| without_aliases(options, it)),
            Some(one) => without_aliases(options, one),
            None => {}
        }
    }
}

/// Without what depends on the order of a set in Python.
fn comparable(message: &str) -> String {
    if let Some((before, words)) = message.split_once("Valid booleans include: ") {
        let words: BTreeSet<&str> = words.split(", ").collect();
        return format!("{before}{words:?}");
    }
    if let Some((names, _)) = message.split_once(". Supported parameters include: ")
        && names.contains(", ")
        && names.contains('.')
    {
        return names.to_owned();
    }
    message.to_owned()
}

/// As `judge.py` writes what JSON cannot say.
fn plain(value: &Value) -> Json {
    match value {
        Value::Float(number) if !number.is_finite() => {
            let name = if number.is_nan() {
                "nan"
            } else if *number < 0.0 {
                "-inf"
            } else {
                "inf"
            };
            json!(format!("float {name}"))
        }
        Value::Int(number) if i64::try_from(*number).is_err() => json!(format!("int {number}")),
        Value::List(items) => items.iter().map(plain).collect(),
        Value::Map(map) => {
            Json::Object(map.iter().map(|(key, value)| (key.to_owned(), plain(value))).collect())
        }
        other => other.clone().into(),
    }
}
