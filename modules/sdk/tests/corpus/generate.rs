//! Specifications and arguments from a seed: near enough to each other to be valid about half of the time.

use driftless_module::specification::{
    Deprecated, Due, Kind, Parameter, Removal, RequiredIf, Rules, Specification,
};
use driftless_module::{Map, Value};

use crate::values;

/// Numbers from a seed, the same everywhere (`SplitMix64`).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }

    /// From 0 to one less than `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("it is below a usize")
    }

    /// True in so many of a hundred.
    pub(crate) fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    pub(crate) fn one_of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }
}

const NAMES: [&str; 8] = ["path", "state", "mode", "owner", "size", "rules", "force", "token"];

/// A specification; dictionaries are so many levels deep.
pub(crate) fn specification(chance: &mut Chance, depth: usize) -> Specification {
    let count = 1 + chance.below(if depth == 2 { 6 } else { 4 });
    let start = chance.below(NAMES.len());
    let parameters: Vec<_> =
        (0..count).map(|at| parameter(chance, NAMES[(start + at) % NAMES.len()], depth)).collect();
    let rules = if chance.percent(50) { rules(chance, &parameters) } else { Rules::default() };
    Specification { parameters, rules }
}

fn parameter(chance: &mut Chance, name: &str, depth: usize) -> Parameter {
    let mut parameter = Parameter::new(name, kind(chance, depth));
    parameter.required = chance.percent(20);
    if !parameter.required && chance.percent(35) {
        // A dictionary with options would be changed in place in Python, for all that share it.
        let wanted = if parameter.kind.options().is_some() { &Kind::Dict(None) } else { &parameter.kind };
        parameter.default = Some(values::near(chance, wanted))
            .filter(|it| parameter.kind.options().is_none() || it.as_str().is_some());
    }
    if chance.percent(25) {
        parameter.aliases.push(format!("{name}_alias"));
        if chance.percent(40) {
            parameter.aliases.push(format!("{name}_other"));
        }
        if chance.percent(30) {
            let name = parameter.aliases[0].clone();
            let (due, collection) = due(chance);
            parameter.deprecated_aliases.push(Deprecated { name, due, collection });
        }
    }
    if chance.percent(15) {
        let (due, collection) = due(chance);
        parameter.removal = Some(Removal { due, collection });
    }
    parameter.no_log = chance.percent(15);
    parameter.apply_defaults = parameter.kind.options().is_some() && chance.percent(30);
    if chance.percent(25) && parameter.kind.options().is_none() {
        parameter.choices = Some(values::choices(chance, &parameter.kind));
    }
    parameter
}

fn due(chance: &mut Chance) -> (Due, Option<String>) {
    let due = if chance.percent(50) {
        Due::Version("3.0.0".to_owned())
    } else {
        Due::Date("2027-01-31".to_owned())
    };
    (due, chance.percent(50).then(|| "driftless.core".to_owned()))
}

fn kind(chance: &mut Chance, depth: usize) -> Kind {
    match chance.below(if depth == 0 { 12 } else { 16 }) {
        0 | 1 => Kind::Str,
        2 => Kind::Int,
        3 => Kind::Float,
        4 => Kind::Bool,
        5 => Kind::Path,
        6 => Kind::Raw,
        7 => Kind::Json,
        8 => Kind::Bytes,
        9 => Kind::Bits,
        10 => Kind::List(chance.percent(70).then(|| Box::new(kind(chance, 0)))),
        11 => Kind::Dict(None),
        12 | 13 => Kind::Dict(Some(specification(chance, depth - 1))),
        _ => Kind::List(Some(Box::new(Kind::Dict(Some(specification(chance, depth - 1)))))),
    }
}

fn rules(chance: &mut Chance, parameters: &[Parameter]) -> Rules {
    let mut rules = Rules::default();
    for _ in 0..=chance.below(2) {
        let parameter = chance.one_of(parameters);
        match chance.below(6) {
            0 => rules.mutually_exclusive.push(group(chance, parameters)),
            1 => rules.required_together.push(group(chance, parameters)),
            2 => rules.required_one_of.push(group(chance, parameters)),
            // Python has a dictionary of these.
            3 if rules.required_by.is_empty() => {
                rules.required_by.push((parameter.name, group(chance, parameters)));
            }
            _ => {
                let value = match &parameter.choices {
                    Some(choices) => chance.one_of(choices),
                    None => values::near(chance, &parameter.kind),
                };
                let (required, any) = (group(chance, parameters), chance.percent(40));
                rules.required_if.push(RequiredIf { parameter: parameter.name, value, required, any });
            }
        }
    }
    rules
}

fn group(chance: &mut Chance, parameters: &[Parameter]) -> Vec<String> {
    let mut names = Vec::new();
    for _ in 0..=chance.below(3) {
        let name = chance.one_of(parameters).name;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Arguments for a specification, some of them wrong.
pub(crate) fn arguments(chance: &mut Chance, specification: &Specification) -> Map {
    let mut map = Map::new();
    for parameter in &specification.parameters {
        if chance.percent(if parameter.required { 90 } else { 65 }) {
            let mut name = &parameter.name;
            if !parameter.aliases.is_empty() && chance.percent(50) {
                name = &parameter.aliases[chance.below(parameter.aliases.len())];
            }
            map.insert(name.clone(), argument(chance, parameter));
            if name != &parameter.name && chance.percent(15) {
                map.insert(parameter.name.clone(), argument(chance, parameter));
            }
        }
    }
    if chance.percent(7) {
        map.insert(chance.one_of(&["pth", "stat", "zeal", "Mode"]), values::any(chance));
    }
    map
}

fn argument(chance: &mut Chance, parameter: &Parameter) -> Value {
    if let Some(choices) = &parameter.choices
        && chance.percent(70)
    {
        let choice = chance.one_of(choices);
        return match &parameter.kind {
            Kind::List(_) => Value::List(vec![choice, chance.one_of(choices)]),
            Kind::Str if chance.percent(20) => chance.one_of(&[Value::from(true), Value::from(false)]),
            _ => choice,
        };
    }
    match (&parameter.kind, chance.below(10)) {
        (_, 0) => values::any(chance),
        (Kind::Dict(Some(options)), 1..=8) => Value::Map(arguments(chance, options)),
        (Kind::List(Some(element)), 1..=8) => match element.as_ref() {
            Kind::Dict(Some(options)) => {
                Value::List((0..chance.below(4)).map(|_| Value::Map(arguments(chance, options))).collect())
            }
            element => Value::List((0..chance.below(4)).map(|_| values::near(chance, element)).collect()),
        },
        (kind, _) => values::near(chance, kind),
    }
}
