//! How values are written: addresses, durations, sizes, lists.

use std::net::SocketAddr;
use std::time::Duration;

use toml::de::DeValue;

/// A type that a value of the file can have.
pub(super) trait Setting: Sized {
    /// Reads it; the error says what would be right.
    fn read(value: &DeValue<'_>) -> Result<Self, String>;
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) usize);

impl Setting for String {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        value.as_str().map(ToOwned::to_owned).ok_or_else(|| "a string in quotes".to_owned())
    }
}

impl Setting for bool {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| "true or false".to_owned())
    }
}

impl Setting for usize {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let expected = || "a whole number, 0 or more".to_owned();
        let number = value.as_integer().ok_or_else(expected)?;
        Self::from_str_radix(number.as_str(), number.radix()).ok().ok_or_else(expected)
    }
}

impl Setting for SocketAddr {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let text = value.as_str().unwrap_or_default();
        let address = text.parse().ok().filter(|address: &Self| address.port() > 0);
        address.ok_or_else(|| "an address \"IP:port\", such as \"127.0.0.1:8080\"".to_owned())
    }
}

impl Setting for Duration {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let expected =
            || "a duration above zero with a unit, such as \"500ms\", \"30s\", \"5m\" or \"1h\"".to_owned();
        duration(value).filter(|duration| !duration.is_zero()).ok_or_else(expected)
    }
}

/// A duration that may be none at all.
pub(super) fn zero_or_more(value: &DeValue<'_>) -> Result<Duration, String> {
    let expected = "a duration with a unit, such as \"0s\", \"500ms\", \"30s\" or \"5m\"";
    duration(value).ok_or_else(|| expected.to_owned())
}

fn duration(value: &DeValue<'_>) -> Option<Duration> {
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    let millis = with_unit(value.as_str().unwrap_or_default(), &units);
    millis.filter(|millis| *millis <= 366 * 24 * 3_600_000).map(Duration::from_millis)
}

impl Setting for Bytes {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
        let bytes = with_unit(value.as_str().unwrap_or_default(), &units);
        let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok()).filter(|bytes| *bytes > 0);
        let expected =
            || "a size above zero with a unit, such as \"512B\", \"256KiB\" or \"16MiB\"".to_owned();
        bytes.map(Self).ok_or_else(expected)
    }
}

/// A list, or one element that stands for a list of one.
impl<T: Setting> Setting for Vec<T> {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        match value.as_array() {
            Some(array) => {
                let element = |value: &toml::Spanned<DeValue<'_>>| T::read(value.get_ref());
                array.iter().map(element).collect::<Result<_, _>>().map_err(|e| format!("a list, each {e}"))
            }
            None => T::read(value).map(|one| vec![one]),
        }
    }
}

/// `12ms`: digits, then one of the units; `None` for anything else and for what does not fit.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    units.iter().find_map(|(unit, factor)| {
        let digits = text.strip_suffix(unit)?.trim_end();
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse::<u64>().ok()?.checked_mul(*factor)).flatten()
    })
}

/// One of a closed set of words.
pub(super) fn word<T: Copy>(value: &DeValue<'_>, words: &[(&str, T)]) -> Result<T, String> {
    let found = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let quoted: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        format!("one of {}", quoted.join(", "))
    })
}
