//! What a module's author relies on: the derive macros, the three shapes, and what becomes of all that can go wrong.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use driftless_module::prelude::*;
use driftless_module::specification::{Due, Kind, RequiredIf, Specification};
use driftless_module::testing::Task;
use driftless_module::{Bits, Bytes, HIDDEN, Json, Map, Value};
use serde::Serialize;
use serde_json::json;

#[derive(Choices, Clone, Copy, Debug, PartialEq)]
enum State {
    Present,
    #[choice("gone")]
    Absent,
    AlmostThere,
}

/// One rule
#[derive(Arguments, Debug)]
#[arguments(required_one_of("port", "service"))]
struct Rule {
    /// A port.
    port: Option<u16>,
    /// A service.
    service: Option<String>,
    /// How it is let in.
    #[argument(no_log)]
    password: Option<String>,
    /// How often, at most.
    #[argument(default = 3)]
    limit: i32,
}

thread_local! {
    /// What the host is like: the rules that it has.
    static HOST: RefCell<BTreeMap<String, usize>> = const { RefCell::new(BTreeMap::new()) };
}

/// Sets rules
///
/// They are kept in O(path). For the rest see M(ansible.builtin.file).
///
/// Second paragraph.
#[derive(Arguments, Debug)]
#[arguments(
    author("Somebody (@somebody)"),
    notes("Slow."),
    see_also("ansible.builtin.file"),
    mutually_exclusive("owner", "group"),
    required_if("state", "present", "rules"),
    required_by("group", "size"),
    required_together("size", "speed"),
    examples = "- sets_rules:\n    path: /x\n"
)]
struct SetsRules {
    /// Where they are.
    #[argument(aliases("dest"), deprecated_alias(name = "file", removed_in_version = "3.0.0"))]
    path: PathBuf,
    /// What shall be.
    #[argument(default = State::Present)]
    state: State,
    /// The rules.
    rules: Option<Vec<Rule>>,
    /// Whose they are.
    owner: Option<String>,
    /// Whose group.
    #[argument(removed_at_date = "2027-01-31", removed_from_collection = "driftless.core")]
    group: Option<String>,
    /// How much.
    size: Option<Bytes>,
    /// How fast.
    speed: Option<Bits>,
    /// Words.
    #[argument(default = ["a", "b"], choices("a", "b", "c"))]
    words: Vec<String>,
    /// Anything.
    #[argument(default = Value::Null)]
    anything: Value,
    /// Sizes by name.
    #[argument(default = BTreeMap::new())]
    sizes: BTreeMap<String, i64>,
    /// A document.
    document: Option<Json>,
    /// A ratio.
    #[argument(default = 0.5)]
    ratio: f64,
    /// Whether.
    #[argument(default = false, name = "force")]
    forced: bool,
    /// A secret.
    #[argument(no_log)]
    token: Option<String>,
    /// More secrets.
    #[argument(no_log)]
    keys: Option<Vec<String>>,
    /// What shall go wrong.
    trouble: Option<String>,
}

/// What came of it.
#[derive(Serialize, Returned)]
struct Report {
    /// How many rules there will be.
    #[returned(when = "always", sample = 2)]
    count: usize,
    /// What was set.
    set: Vec<Entry>,
}

/// A rule that was set.
#[derive(Serialize, Returned)]
struct Entry {
    /// Its port.
    port: Option<u16>,
}

impl Module for SetsRules {
    const NAME: &'static str = "sets_rules";
    type Observed = usize;
    type Change = usize;
    type Returned = Report;

    fn observe(&self, context: &Context) -> Result<usize, Failure> {
        match self.trouble.as_deref() {
            Some("failure") => {
                return Err(
                    Failure::new(format!("no rules, {}", self.token.as_deref().unwrap_or("-"))).with("rc", 3)
                );
            }
            Some("panic") => panic!("lost {}", self.token.as_deref().unwrap_or("-")),
            Some(warning) => context.warn(warning),
            None => {}
        }
        Ok(HOST.with_borrow(|host| host.get(&self.path.display().to_string()).copied().unwrap_or(0)))
    }

    fn plan(&self, observed: &usize) -> Result<Vec<usize>, Failure> {
        let wanted = self.rules.as_ref().map_or(0, Vec::len);
        Ok(if wanted == *observed { vec![] } else { vec![wanted] })
    }

    fn apply(&self, changes: Vec<usize>, _: &Context) -> Result<(), Failure> {
        let path = self.path.display().to_string();
        HOST.with_borrow_mut(|host| host.extend(changes.into_iter().map(|it| (path.clone(), it))));
        Ok(())
    }

    fn diff(&self, observed: &usize, changes: &[usize]) -> Vec<Diff> {
        vec![Diff::texts(
            "rules",
            format!("{observed}\n"),
            format!("{}\n", changes.last().unwrap_or(observed)),
        )]
    }

    fn returned(&self, observed: &usize, changes: &[usize]) -> Report {
        let set = self.rules.iter().flatten().map(|it| Entry { port: it.port }).collect();
        Report { count: *changes.last().unwrap_or(observed), set }
    }
}

/// Runs something
#[derive(Arguments)]
struct Runs {
    /// What to say.
    #[argument(default = "hello")]
    say: String,
}

impl Action for Runs {
    const NAME: &'static str = "runs";
    type Returned = ();

    fn act(&self, context: &Context) -> Result<(), Failure> {
        context.changed();
        context.add("stdout", &self.say);
        context.fact("said", &self.say);
        context.deprecate("old", Due::Version("2.0.0".to_owned()), "driftless.core");
        Ok(())
    }
}

fn task() -> Task {
    Task::of(module::<SetsRules>())
}

fn rules() -> serde_json::Value {
    json!([{"port": "22", "password": "hunter2"}, {"service": "dns", "limit": "7"}])
}

#[test]
fn the_types_make_the_specification() {
    let specification = <SetsRules as Arguments>::specification();
    let get = |name: &str| specification.get(name).unwrap();
    assert!(get("path").required && !get("state").required && !get("rules").required);
    assert_eq!(get("path").aliases, ["dest", "file"]);
    assert_eq!(get("path").deprecated_aliases[0].due, Due::Version("3.0.0".to_owned()));
    assert_eq!(get("state").default, Some("present".into()));
    let choices = get("state").choices.clone().unwrap();
    assert_eq!(choices, ["present", "gone", "almost_there"].map(Value::from));
    assert_eq!(get("words").choices.as_ref().unwrap().len(), 3);
    assert_eq!(get("words").kind, Kind::List(Some(Box::new(Kind::Str))));
    assert_eq!((get("size").kind.name(), get("document").kind.name()), ("bytes", "jsonarg"));
    assert_eq!(get("force").default, Some(Value::Bool(false)));
    let options: &Specification = get("rules").kind.options().unwrap();
    assert!(options.get("password").unwrap().no_log);
    assert_eq!(options.rules.required_one_of, [["port", "service"]]);
    let required = vec!["rules".to_owned()];
    let rule = RequiredIf { parameter: "state".to_owned(), value: "present".into(), required, any: false };
    assert_eq!(specification.rules.required_if, [rule]);
}

#[test]
fn values_arrive_in_their_types() {
    let mut arguments = Map::new();
    arguments.insert("dest", "/x");
    arguments.insert("rules", Value::from(rules()));
    arguments.insert("size", "1K");
    arguments.insert("speed", "2Kb");
    arguments.insert("sizes", "{'a': 1}");
    arguments.insert("document", Value::from(json!({"z": 1})));
    let validation =
        driftless_module::validate(&SetsRules::specification(), arguments, driftless_module::Core::NEWEST);
    assert_eq!(validation.problems, []);
    let args = SetsRules::from_parameters(validation.parameters).unwrap();
    assert_eq!((args.path, args.state), (PathBuf::from("/x"), State::Present));
    assert_eq!((args.size, args.speed), (Some(Bytes(1024)), Some(Bits(2048))));
    assert_eq!(args.sizes, BTreeMap::from([("a".to_owned(), 1)]));
    assert_eq!(args.document, Some(Json(r#"{"z": 1}"#.to_owned())));
    let rules = args.rules.unwrap();
    assert_eq!((rules[0].port, rules[0].limit, rules[1].limit), (Some(22), 3, 7));
    assert_eq!(
        (args.words, args.anything, args.forced),
        (vec!["a".to_owned(), "b".to_owned()], Value::Null, false)
    );
    assert!((args.ratio - 0.5).abs() < f64::EPSILON);
}

#[test]
fn a_module_converges_and_check_mode_predicts_it() {
    let outcome = task().with("path", "/converges").with("rules", rules()).assert_converges();
    assert_eq!(outcome.get("diff").unwrap()["after"], "2\n");
    assert_eq!(outcome.get("count"), Some(&json!(2)));
    assert_eq!(outcome.get("set"), Some(&json!([{"port": 22}, {"port": null}])));
}

#[test]
fn check_mode_changes_nothing() {
    task().with("path", "/checked").with("rules", rules()).check().assert_changed();
    assert!(HOST.with_borrow(|host| !host.contains_key("/checked")));
}

#[test]
fn wrong_arguments_are_refused_in_the_words_of_ansible() {
    let base = || task().with("path", "/x").with("state", "gone");
    task().run().assert_failed("missing required arguments: path");
    task()
        .with("path", "/x")
        .run()
        .assert_failed("state is present but all of the following are missing: rules");
    base()
        .with("pth", 1)
        .run()
        .assert_failed("Unsupported parameters for (sets_rules) module: pth. Supported");
    base()
        .with("state", "x")
        .run()
        .assert_failed("value of state must be one of: present, gone, almost_there, got: x");
    base()
        .with("owner", "a")
        .with("group", "b")
        .run()
        .assert_failed("parameters are mutually exclusive: owner|group");
    base().with("size", "1").run().assert_failed("parameters are required together: size, speed");
    base()
        .with("ratio", "x")
        .run()
        .assert_failed("argument 'ratio' is of type str and we were unable to convert");
    let rules = json!([{"limit": 1}]);
    base()
        .with("rules", rules)
        .run()
        .assert_failed("one of the following is required: port, service found in rules");
    // What only the Rust type says.
    let rules = json!([{"port": 70_000}]);
    base().with("rules", rules).run().assert_failed("value of port must be from 0 to 65535, got: 70000");
    base()
        .with("sizes", json!({"a": "x"}))
        .run()
        .assert_failed("value of sizes at a must be an integer, got: x");
    base().with("pth", 1).with("_ansible_ignore_unknown_opts", true).run().assert_unchanged();
}

#[test]
fn secrets_are_nowhere() {
    let with = task().with("path", "/s").with("state", "gone").with("token", "hunter3");
    let outcome = with.clone().with("trouble", "look: hunter3!").run();
    outcome.assert_unchanged().assert_hides("hunter3");
    assert_eq!(outcome.get("warnings"), Some(&json!(["look: ********!"])));
    assert_eq!(outcome.get("invocation").unwrap()["module_args"]["token"], HIDDEN);
    assert_eq!(outcome.get("_ansible_new_secrets"), Some(&json!(["hunter3"])));
    let old = with.clone().with("_ansible_version", "2.19.1").run();
    assert!(old.get("_ansible_new_secrets").is_none() && old.get("invocation").is_some());
    for trouble in ["failure", "panic"] {
        with.clone().with("trouble", trouble).run().assert_failed("********").assert_hides("hunter3");
    }
    let keys = with.clone().with("keys", "first,second").run();
    assert_eq!(keys.get("invocation").unwrap()["module_args"]["keys"], json!([HIDDEN, HIDDEN]));
    let rules = task().with("path", "/secret").with("rules", rules()).run();
    rules.assert_changed().assert_hides("hunter2");
}

#[test]
fn invocation_is_told_where_it_is_wanted() {
    let task = task().with("path", "/i").with("state", "gone");
    let told = |value: bool| {
        task.clone().with("_ansible_inject_invocation", value).run().get("invocation").is_some()
    };
    assert!(told(true) && !told(false));
    assert!(task.run().get("invocation").is_some(), "before 2.21 nobody asks, and all tell");
}

#[test]
fn what_will_go_is_said() {
    let outcome = task()
        .with("file", "/x")
        .with("state", "gone")
        .with("group", "g")
        .with("size", 1)
        .with("speed", 1)
        .run();
    let said = json!([
        {"msg": "Alias 'file' is deprecated. See the module docs for more information", "version": "3.0.0"},
        {"msg": "Param 'group' is deprecated. See the module docs for more information", "date": "2027-01-31",
         "collection_name": "driftless.core"},
    ]);
    assert_eq!(outcome.assert_unchanged().get("deprecations"), Some(&said));
}

#[test]
fn a_failure_and_a_panic_are_failed_tasks() {
    let task = task().with("path", "/f").with("state", "gone");
    let failure = task.clone().with("trouble", "failure").run();
    assert_eq!(failure.assert_failed("no rules, -").get("rc"), Some(&json!(3)));
    let panic = task.with("trouble", "panic").run();
    assert_eq!(panic.message(), "The module has a defect and stopped: lost -. Please report it.");
    assert!(panic.get("invocation").is_some());
}

#[test]
fn an_action_is_blind_in_check_mode() {
    let task = Task::of(action::<Runs>()).with("_ansible_module_name", "my.own.runs");
    task.check().assert_blind();
    assert_eq!(task.check().message(), "remote module (my.own.runs) does not support check mode");
    let outcome = task.with("_ansible_from_the_future", json!({"a": 1})).run();
    assert_eq!(outcome.assert_changed().get("stdout"), Some(&json!("hello")));
    assert_eq!(outcome.get("ansible_facts"), Some(&json!({"said": "hello"})));
    let said = json!([{"msg": "old", "version": "2.0.0", "collection_name": "driftless.core"}]);
    assert_eq!(outcome.get("deprecations"), Some(&said));
}

#[test]
fn the_documentation_is_made_of_the_types() {
    let text = module::<SetsRules>().documentation();
    for part in [
        "  module: \"sets_rules\"\n  short_description: \"Sets rules\"\n  description:\n    - \"They are kept in O(path).",
        "    - \"Second paragraph.\"\n",
        "  seealso:\n    -\n      module: \"ansible.builtin.file\"\n",
        "    state:\n      description:\n        - \"What shall be.\"\n      type: \"str\"\n      default: \"present\"\n      choices:\n",
        "      suboptions:\n        port:\n",
        "      type: \"list\"\n      elements: \"dict\"\n",
        "          removed_from_collection: \"driftless.core\"\n".trim_start(),
        "EXAMPLES: |\n  - sets_rules:\n      path: /x\n",
        "  count:\n    description:\n      - \"How many rules there will be.\"\n    returned: \"always\"\n    type: \"int\"\n    sample: 2\n",
        "    elements: \"dict\"\n    contains:\n      port:\n",
    ] {
        assert!(text.contains(part), "{part}\n--- is not in\n{text}");
    }
}
