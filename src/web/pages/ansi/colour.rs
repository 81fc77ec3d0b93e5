//! Colours: what a program asks for, as one of sixteen that are readable on light and on dark.

use vte::Params;

use super::Style;

/// What terminals show for the sixteen, nearly: for finding the one that is nearest.
const SIXTEEN: [[u8; 3]; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];

/// Changes a style as `SGR` says. Text is never made invisible, nor does it blink.
pub(super) fn sgr(style: &mut Style, params: &Params) {
    if params.is_empty() {
        *style = Style::default();
    }
    let mut rest = params.iter();
    while let Some(param) = rest.next() {
        match param {
            [38 | 48, ..] => {
                let wanted = if let [_, mode, values @ ..] = param {
                    // `38:2::r:g:b` has a colour space before its values, `38:2:r:g:b` has none.
                    let values = if *mode == 2 && 4 <= values.len() { &values[1..] } else { values };
                    colour(*mode, &mut values.iter().copied())
                } else {
                    let mut values = rest.by_ref().map(|it| it.first().copied().unwrap_or(0));
                    values.next().and_then(|mode| colour(mode, &mut values))
                };
                let place = if param[0] == 38 { &mut style.front } else { &mut style.back };
                *place = wanted.or(*place);
            }
            [4, 0] => style.underline = false,
            [code, ..] => plain(style, *code),
            [] => {}
        }
    }
}

fn plain(style: &mut Style, code: u16) {
    match code {
        0 => *style = Style::default(),
        1 => style.bold = true,
        2 => style.faint = true,
        3 => style.italic = true,
        4 | 21 => style.underline = true,
        7 => style.inverse = true,
        9 => style.strike = true,
        22 => (style.bold, style.faint) = (false, false),
        23 => style.italic = false,
        24 => style.underline = false,
        27 => style.inverse = false,
        29 => style.strike = false,
        30..=37 => style.front = Some(small(code - 30)),
        39 => style.front = None,
        40..=47 => style.back = Some(small(code - 40)),
        49 => style.back = None,
        90..=97 => style.front = Some(small(code - 90 + 8)),
        100..=107 => style.back = Some(small(code - 100 + 8)),
        _ => {}
    }
}

/// One of 256 (`5;n`) or a true colour (`2;r;g;b`).
fn colour(mode: u16, values: &mut dyn Iterator<Item = u16>) -> Option<u8> {
    match mode {
        5 => Some(of_256(small(values.next()?))),
        2 => Some(nearest([small(values.next()?), small(values.next()?), small(values.next()?)])),
        _ => None,
    }
}

fn of_256(number: u8) -> u8 {
    match number {
        0..=15 => number,
        16..=231 => {
            let step = |it: u8| if it == 0 { 0 } else { 55 + 40 * it };
            let cube = number - 16;
            nearest([step(cube / 36), step(cube / 6 % 6), step(cube % 6)])
        }
        232..=255 => nearest([8 + 10 * (number - 232); 3]),
    }
}

fn nearest(wanted: [u8; 3]) -> u8 {
    let distance =
        |it: &[u8; 3]| -> u32 { it.iter().zip(wanted).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum() };
    let nearest = (0..).zip(&SIXTEEN).min_by_key(|(_, it)| distance(it));
    nearest.map_or(0, |(place, _)| place)
}

fn small(value: u16) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}
