//! Numbers as JSON writes them, compared without rounding: integers by their digits, however many, and
//! fractions as IEEE doubles, which is what every JSON reader makes of them.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};

/// The longest double has 309 digits and a sign.
const LONGEST: usize = 320;

/// A number, by the text that it has in JSON.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number<'a> {
    text: &'a str,
    /// Of a number with a fraction or an exponent; `None` for an integer. Never NaN.
    float: Option<f64>,
}

impl<'a> Number<'a> {
    /// `token` must be a JSON number.
    pub(super) fn of(token: &'a str) -> Self {
        let is_float = token.contains(['.', 'e', 'E']);
        let float = is_float.then(|| token.parse().unwrap_or(0.0));
        Self { text: if token == "-0" { "0" } else { token }, float }
    }

    /// Text that is a JSON number.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        is_number(text).then(|| Self::of(text))
    }

    /// As Python has it.
    pub(super) fn of_bool(value: bool) -> Self {
        Self::of(if value { "1" } else { "0" })
    }

    pub(super) fn order(self, other: Self) -> Ordering {
        match (self.float, other.float) {
            (None, None) => order_integers(self.text, other.text),
            (Some(float), Some(other)) => float.partial_cmp(&other).unwrap_or(Ordering::Equal),
            (None, Some(other)) => order_mixed(self.text, other),
            (Some(float), None) => order_mixed(other.text, float).reverse(),
        }
    }

    /// Feeds what is alike for numbers that are equal.
    pub(super) fn hash(self, hasher: &mut impl Hasher) {
        match self.float {
            None => self.text.hash(hasher),
            Some(float) if float.is_finite() && float.fract() == 0.0 => Digits::of(float).text().hash(hasher),
            Some(float) => float.to_bits().hash(hasher),
        }
    }
}

/// JSON has no leading zeros, so of two integers the longer one is farther from zero.
fn order_integers(one: &str, other: &str) -> Ordering {
    let farther = |one: &str, other: &str| one.len().cmp(&other.len()).then_with(|| one.cmp(other));
    match (one.strip_prefix('-'), other.strip_prefix('-')) {
        (None, None) => farther(one, other),
        (Some(one), Some(other)) => farther(other, one),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
    }
}

/// Exact, where turning the integer into a double would round it.
fn order_mixed(integer: &str, float: f64) -> Ordering {
    if float.is_infinite() {
        return if float > 0.0 { Ordering::Less } else { Ordering::Greater };
    }
    let below = if float.fract() == 0.0 { Ordering::Equal } else { Ordering::Less };
    order_integers(integer, Digits::of(float.floor()).text()).then(below)
}

/// The digits of a whole double, all of them, without allocation.
struct Digits {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Digits {
    fn of(whole: f64) -> Self {
        let mut digits = Self { bytes: [0; LONGEST], length: 0 };
        // There is room for every double, so this cannot fail.
        if write!(digits, "{whole:.0}").is_err() {
            digits.length = 0;
        }
        digits
    }

    fn text(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        if text == "-0" { "0" } else { text }
    }
}

impl fmt::Write for Digits {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let end = self.length + piece.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(piece.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// The grammar of RFC 8259, section 6.
fn is_number(text: &str) -> bool {
    let (whole, rest) = digits(text.strip_prefix('-').unwrap_or(text));
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
        return false;
    }
    let (fraction, rest) = rest.strip_prefix('.').map_or((None, rest), |rest| {
        let (fraction, rest) = digits(rest);
        (Some(fraction), rest)
    });
    let exponent = rest.strip_prefix(['e', 'E']).map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
    let is_exponent = |text: &str| !text.is_empty() && digits(text).1.is_empty();
    fraction != Some("") && exponent.map_or(rest.is_empty(), is_exponent)
}

/// Splits behind the last of the digits in front.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}
