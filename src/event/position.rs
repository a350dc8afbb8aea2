//! Where events stand.

use std::fmt;

/// One run of offsets: where they begin anew, nothing can be said of what came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(u64);

impl Epoch {
    /// That of positions that nobody is told.
    pub const NONE: Self = Self(0);

    /// One by its number, which is chosen by chance.
    pub const fn new(number: u64) -> Self {
        Self(if number == 0 { 1 } else { number })
    }

    /// That of this [number](Self::number).
    pub const fn read(number: u64) -> Self {
        Self(number)
    }

    /// Its number; 0 is that of [`NONE`](Self::NONE).
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Where an event stands in the stream of all events: in one epoch the offset only grows, so two events of one
/// topic compare as they were delivered.
///
/// As a text it is sixteen hexadecimal digits, a full stop, and the offset: `00c0ffee00c0ffee.42`. To clients it is a
/// word that they give back as they got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The run that it is of.
    pub epoch: Epoch,
    /// From 1.
    pub offset: u64,
}

impl Position {
    /// One that nobody is told.
    pub const fn untold(offset: u64) -> Self {
        Self { epoch: Epoch::NONE, offset }
    }

    /// What a client says that it has got. A text that is no position is one of no epoch that there is.
    pub fn read(text: &str) -> Self {
        Self::parse(text).unwrap_or(Self::untold(0))
    }

    fn parse(text: &str) -> Option<Self> {
        let (epoch, offset) = text.split_once('.')?;
        let is_hexadecimal = epoch.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
        let is_decimal = offset.bytes().all(|byte| byte.is_ascii_digit());
        if epoch.len() != 16 || !is_hexadecimal || !is_decimal {
            return None;
        }
        let epoch = Epoch(u64::from_str_radix(epoch, 16).ok()?);
        Some(Self { epoch, offset: offset.parse().ok()? })
    }

    /// Clients are told of it.
    pub fn is_told(self) -> bool {
        self.epoch != Epoch::NONE
    }

    /// As a further member of a JSON object, with the comma before it; empty where nobody is told.
    pub fn member(self) -> String {
        if self.is_told() { format!(r#","position":"{self}""#) } else { String::new() }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.{}", self.epoch.0, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_told() {
        let position = Position { epoch: Epoch::new(0x00c0_ffee), offset: 42 };
        assert_eq!(position.to_string(), "0000000000c0ffee.42");
        assert_eq!(position.member(), r#","position":"0000000000c0ffee.42""#);
        assert_eq!(Position::read("0000000000c0ffee.42"), position);
        assert_eq!(Position::untold(7).member(), "");
    }

    #[test]
    fn what_is_no_position_is_of_no_epoch() {
        let texts = [
            "",
            "42",
            "c0ffee.42",
            "0000000000C0FFEE.42",
            "0000000000c0ffee.",
            "0000000000c0ffee.-1",
            "0000000000c0ffee.+1",
            "0000000000c0ffee.4 2",
            "0000000000c0ffee.99999999999999999999",
            "+000000000c0ffee.42",
        ];
        for text in texts {
            assert!(!Position::read(text).is_told(), "{text}");
        }
    }
}
