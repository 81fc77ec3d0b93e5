//! Values that have ever been a surprise.

use driftless_module::specification::Kind;
use driftless_module::{Map, Value};

use crate::generate::Chance;

#[rustfmt::skip]
const TEXTS: [&str; 30] = [
    "", " ", "web", "a,b", "a, b ,", ",", "True", "False", "yes", "None", "null", "it's", "say \"x\"",
    "both ' and \"", "line\nbreak", "tab\there", "back\\slash", "ünïcode", "日本", "emoji 😀", "del\u{7f}",
    "nbsp\u{a0}x", " strip me \t", "k=v", "{", "}", "{}", "[1, 2]", "secret", "a=b,c",
];
#[rustfmt::skip]
const BOOLEANS: [&str; 16] = [
    "yes", "No", "on", "OFF", "true", "True", "FALSE", "1", "0", "t", "F", "y", " n ", "2", "ja", "enabled",
];
#[rustfmt::skip]
const NUMBERS: [&str; 36] = [
    "0", "1", "-1", "+5", " 7 ", "007", "1_000", "1__0", "_1", "1_", "1.0", "1.50", "1e3", "1E-2", "100e-2",
    "0x10", "0b1", "nan", "inf", "-Infinity", ".5", "5.", ".", "1.2.3", "- 1", "--1", "1e", "e1", "12abc",
    "85070591730234615865843651857942052864", "9223372036854775808", "1_0.5", "1._5", "1e1_0", "0e5",
    "\u{1f}3",
];
#[rustfmt::skip]
const SIZES: [&str; 30] = [
    "1k", "10M", "10MB", "10Mb", "1.5 GB", "3 bytes", "3 byte", "2 kilobytes", "2 kilobyte", "2kilobit",
    "7b", "7B", "8 KiB", "1Y", "1Yb", "12q", "10 M extra", " 4K", "4K ", "1.", "1..2", "", "K", "0.5B",
    "2.5B", "3.5 b", "5 bits", "5 bit", "1kbit", "6 mb",
];
#[rustfmt::skip]
const PATHS: [&str; 22] = [
    "/etc/motd", "~", "~/x", "~root", "~root/x", "~nosuchuser/x", "$HOME/x", "${HOME}x", "$NOSUCH/x", "$",
    "a$b$", "${}", "${HOME", "$$HOME", "relative", "a/~/b", "/x//y", "$HOMEX", "~~", "$1",
    "${HOME}${NOSUCH}", "$HOME$HOME",
];
#[rustfmt::skip]
const DICTIONARIES: [&str; 31] = [
    "k=v", "k=v, b=c", "k='a b' c=d", "k=\"x,y\",z=", "k=v junk", "junk k=v", "k\\=v=w", "k=v=w", "=",
    " k=v ", "k=v,,b=c", "k=v k=w", "k='open", "{\"a\": 1}", "{\"a\": 1, \"a\": 2}",
    "{\"a\": [1, 2.5, null, true]} ", "{'a': 1}", "{'a': [1, 2.5, None, True], 'b': ['x']}",
    "{'a': {'b': -1,},}", "{'it\\'s': \"x\\n\"}", "{'a' 'b': 'c' 'd'}", "{}", "{ }", "{a: b}",
    "{\"a\": 1} x", "{'a': 1", "{'a': foo.bar(1)}", "{'import x': 1}", "{'a': 010}", "{'a': 0}",
    "no equals",
];
#[rustfmt::skip]
const JSON: [&str; 5] = [
    "{\"a\": 1}", "  [1, 2] ", "\"text\"", "", "not json",
];

/// A value that mostly converts to the type.
pub(crate) fn near(chance: &mut Chance, kind: &Kind) -> Value {
    if chance.percent(8) {
        return any(chance);
    }
    match kind {
        Kind::Str => text(chance),
        Kind::Int | Kind::Float => mixed(chance, &NUMBERS, number),
        Kind::Bool => {
            mixed(chance, &BOOLEANS, |chance| chance.one_of(&[true.into(), false.into(), 1.into()]))
        }
        Kind::Path => chance.one_of(&PATHS).into(),
        Kind::Raw => any(chance),
        Kind::Json => mixed(chance, &JSON, any),
        Kind::Bytes | Kind::Bits => mixed(chance, &SIZES, number),
        Kind::List(element) => {
            let element = element.as_deref().unwrap_or(&Kind::Str);
            if chance.percent(30) {
                return chance.one_of(&TEXTS).into();
            }
            Value::List((0..chance.below(4)).map(|_| near(chance, element)).collect())
        }
        Kind::Dict(_) => mixed(chance, &DICTIONARIES, dictionary),
    }
}

/// Any value.
pub(crate) fn any(chance: &mut Chance) -> Value {
    match chance.below(9) {
        0 => Value::Null,
        1 => chance.percent(50).into(),
        2 => number(chance),
        3 => Value::List((0..chance.below(3)).map(|_| any(chance)).collect()),
        4 => dictionary(chance),
        5 => chance.one_of(&NUMBERS).into(),
        6 => chance.one_of(&DICTIONARIES).into(),
        _ => text(chance),
    }
}

fn mixed(chance: &mut Chance, texts: &[&str], other: fn(&mut Chance) -> Value) -> Value {
    if chance.percent(65) { chance.one_of(texts).into() } else { other(chance) }
}

fn text(chance: &mut Chance) -> Value {
    if chance.percent(80) { chance.one_of(&TEXTS).into() } else { number(chance) }
}

fn number(chance: &mut Chance) -> Value {
    let whole = [0, 1, -1, 2, 42, 1 << 31, -(1 << 40), i64::MAX];
    let fractions = [0.0, -0.0, 1.0, 1.5, -2.5, 0.5, 1e16, 1e15, 1e-4, 1e-5, 1e22, 123_456_789.123, 1e30];
    if chance.percent(60) { chance.one_of(&whole).into() } else { chance.one_of(&fractions).into() }
}

fn dictionary(chance: &mut Chance) -> Value {
    let keys = ["zeta", "alpha", "it's", "ü", "path"];
    let mut map = Map::new();
    for _ in 0..chance.below(4) {
        let value = if chance.percent(70) { text(chance) } else { any(chance) };
        map.insert(chance.one_of(&keys), value);
    }
    Value::Map(map)
}

/// What a parameter of the type may be.
pub(crate) fn choices(chance: &mut Chance, kind: &Kind) -> Vec<Value> {
    let element = match kind {
        Kind::List(Some(element)) => element.as_ref(),
        kind => kind,
    };
    match element {
        Kind::Int | Kind::Bytes | Kind::Bits => [0, 1, 2, 42, 1024].map(Value::from).to_vec(),
        Kind::Float => [0.0, 1.0, 1.5].map(Value::from).to_vec(),
        Kind::Bool => vec![true.into()],
        _ => {
            let sets: [&[&str]; 4] =
                [&["present", "absent"], &["yes", "no"], &["on", "off", "no"], &["secret", "web", "a"]];
            chance.one_of(&sets).iter().map(|it| (*it).into()).collect()
        }
    }
}
