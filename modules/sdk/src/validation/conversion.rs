//! What becomes of a value that is to be of a type.

use super::types::{FALSE, TRUE};
use super::{WIDEST, literal, path, size};
use crate::core::Core;
use crate::python;
use crate::specification::Kind;
use crate::value::{Map, Value};

/// Converts as Ansible does; the error is its reason.
pub(super) fn convert(kind: &Kind, value: Value, core: Core) -> Result<Value, String> {
    match kind {
        Kind::Str => text(value, core).map(Value::String),
        Kind::Path => text(value, core).map(|it| Value::String(path::expand(&it))),
        Kind::Int => integer(value, core),
        Kind::Float => float(value),
        Kind::Bool => boolean(value, core),
        Kind::Raw => Ok(value),
        Kind::Json => json(value),
        Kind::Bytes => amount(&value, false, core),
        Kind::Bits => amount(&value, true, core),
        Kind::List(_) => list(value),
        Kind::Dict(_) => match value {
            Value::Map(_) => Ok(value),
            Value::String(text) => dictionary(&text, core),
            other => Err(format!("{} cannot be converted to a dict", python::class(&other))),
        },
    }
}

fn text(value: Value, core: Core) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null if core.has_data_tagging() => Ok(String::new()),
        Value::Null => Err("'None' is not a string and conversion is not allowed".to_owned()),
        other => Ok(python::text(&other)),
    }
}

fn integer(value: Value, core: Core) -> Result<Value, String> {
    if !core.reads_strictly() {
        return match value {
            Value::Bool(_) | Value::Int(_) => Ok(value),
            Value::String(text) => whole(&text)
                .map(Value::Int)
                .ok_or_else(|| "<class 'str'> cannot be converted to an int".to_owned()),
            other => Err(format!("{} cannot be converted to an int", python::class(&other))),
        };
    }
    let number = match &value {
        // In Python a boolean is an integer.
        Value::Bool(_) | Value::Int(_) => return Ok(value),
        Value::String(text) => decimal(text),
        Value::Float(number) => exact(*number),
        _ => None,
    };
    number
        .map(Value::Int)
        .ok_or_else(|| format!("\"{}\" cannot be converted to an int", python::representation(&value)))
}

/// `int` and `float` know less white space than `strip`, unless the text has characters beyond ASCII.
fn strip_number(text: &str) -> &str {
    if text.is_ascii() {
        text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}'])
    } else {
        python::strip(text)
    }
}

/// Python's `int(text)`.
fn whole(text: &str) -> Option<i128> {
    let text = strip_number(text);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let parts: Vec<_> = digits.split('_').collect();
    if !parts.iter().all(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit())) {
        return None;
    }
    text.replace('_', "").parse().ok()
}

/// Python's `Decimal(text)`, if it is a whole number.
fn decimal(text: &str) -> Option<i128> {
    let text = python::strip(text).replace('_', "");
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text.as_str(), 0),
    };
    let unsigned = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let (before, after) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = format!("{before}{after}");
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_end_matches('0');
    if significant.trim_start_matches('0').is_empty() {
        return Some(0);
    }
    let dropped = i64::try_from(digits.len() - significant.len()).ok()?;
    let exponent = exponent.checked_sub(i64::try_from(after.len()).ok()?)?.checked_add(dropped)?;
    let scale = 10_i128.checked_pow(u32::try_from(exponent).ok()?)?;
    let number = significant.parse::<i128>().ok()?.checked_mul(scale)?;
    Some(if mantissa.starts_with('-') { -number } else { number })
}

#[expect(clippy::cast_possible_truncation, reason = "what does not fit or has a fraction is refused first")]
fn exact(number: f64) -> Option<i128> {
    (number.fract() == 0.0 && number.abs() < WIDEST).then_some(number as i128)
}

#[expect(clippy::cast_precision_loss, reason = "Python rounds here too")]
fn float(value: Value) -> Result<Value, String> {
    let number = match &value {
        Value::Float(_) => return Ok(value),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::Int(number) => Some(*number as f64),
        Value::String(text) => read_float(text),
        _ => None,
    };
    number
        .map(Value::Float)
        .ok_or_else(|| format!("{} cannot be converted to a float", python::class(&value)))
}

/// Python's `float(text)`.
fn read_float(text: &str) -> Option<f64> {
    let text = strip_number(text);
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let underscores_fit = bytes
        .iter()
        .enumerate()
        .filter(|(_, it)| **it == b'_')
        .all(|(at, _)| at.checked_sub(1).is_some_and(digit) && digit(at + 1));
    if underscores_fit { text.replace('_', "").parse().ok() } else { None }
}

fn boolean(value: Value, core: Core) -> Result<Value, String> {
    let word = match &value {
        Value::Bool(_) => return Ok(value),
        Value::String(text) => python::strip(&text.to_lowercase()).to_owned(),
        Value::Int(0) => "0".to_owned(),
        Value::Int(1) => "1".to_owned(),
        Value::Float(number) if number.abs() < f64::MIN_POSITIVE => "0".to_owned(),
        Value::Float(number) if number.to_bits() == 1_f64.to_bits() => "1".to_owned(),
        Value::Int(_) | Value::Float(_) => String::new(),
        other => return Err(format!("{} cannot be converted to a bool", python::class(other))),
    };
    if TRUE.contains(&word.as_str()) {
        return Ok(Value::Bool(true));
    }
    if FALSE.contains(&word.as_str()) {
        return Ok(Value::Bool(false));
    }
    let gap = if core.has_data_tagging() { " " } else { "  " };
    let quoted = |words: [&str; 6]| words.map(|it| format!("'{it}'")).join(", ");
    Err(format!(
        "The value '{}' is not a valid boolean.{gap}Valid booleans include: {}, 1, {}, 0",
        python::text(&value),
        quoted(TRUE),
        quoted(FALSE)
    ))
}

fn json(value: Value) -> Result<Value, String> {
    match value {
        Value::String(text) => Ok(python::strip(&text).into()),
        Value::List(_) | Value::Map(_) => Ok(python::json(&value).into()),
        other => Err(format!("{} cannot be converted to a json string", python::class(&other))),
    }
}

fn amount(value: &Value, bits: bool, core: Core) -> Result<Value, String> {
    let unit = if bits { "Bit" } else { "Byte" };
    size::amount(&python::text(value), bits, core)
        .map(Value::Int)
        .ok_or_else(|| format!("{} cannot be converted to a {unit} value", python::class(value)))
}

fn list(value: Value) -> Result<Value, String> {
    match value {
        Value::List(_) => Ok(value),
        Value::String(text) => Ok(Value::List(text.split(',').map(Value::from).collect())),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
            Ok(Value::List(vec![python::text(&value).into()]))
        }
        other => Err(format!("{} cannot be converted to a list", python::class(&other))),
    }
}

/// A dictionary from JSON, from Python's own notation, or from `key=value`.
pub(super) fn dictionary(text: &str, core: Core) -> Result<Value, String> {
    if text.starts_with('{') {
        if let Ok(map) = serde_json::from_str::<Map>(text) {
            return Ok(Value::Map(map));
        }
        if !core.reads_strictly() && literal::was_not_evaluated(text) {
            return Ok(Value::from(text));
        }
        return literal::dictionary(text)
            .map(Value::Map)
            .ok_or_else(|| "unable to evaluate string as dictionary".to_owned());
    }
    if !text.contains('=') {
        return Err("dictionary requested, could not parse JSON or key=value".to_owned());
    }
    let fields = fields(python::strip(text));
    let mut map = Map::new();
    for (at, field) in fields.iter().enumerate() {
        let Some((key, value)) = field.split_once('=') else {
            return Err(if core.reads_strictly() {
                "unable to evaluate string in the \"key=value\" format as dictionary".to_owned()
            } else {
                format!("dictionary update sequence element #{at} has length 1; 2 is required")
            });
        };
        map.insert(key, value);
    }
    Ok(Value::Map(map))
}

/// Splits at commas and spaces outside of quotes. Quotes and backslashes are taken away.
fn fields(text: &str) -> Vec<String> {
    let (mut fields, mut field) = (Vec::new(), String::new());
    let (mut quote, mut escaped) = (None, false);
    for character in text.chars() {
        match character {
            it if escaped => {
                field.push(it);
                escaped = false;
            }
            '\\' => escaped = true,
            '\'' | '"' if quote.is_none() => quote = Some(character),
            it if quote == Some(it) => quote = None,
            ',' | ' ' if quote.is_none() => {
                if !field.is_empty() {
                    fields.push(std::mem::take(&mut field));
                }
            }
            it => field.push(it),
        }
    }
    if !field.is_empty() {
        fields.push(field);
    }
    fields
}
