//! JSON values, and the two ways in which filters compare them, without allocation.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::number::Number;

/// A value that stands in a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    /// As it is written.
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    List(Box<[Self]>),
    Object(Members<'a>),
    /// Deeper than was asked for, or text that is none (`"\ud800"`): equal to nothing.
    Opaque,
}

/// The members of an object, sorted by name; where one stood twice, the last, as in most JSON readers.
pub(super) type Members<'a> = Box<[(Cow<'a, str>, Value<'a>)]>;

impl Value<'_> {
    /// The member of that name.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        let place = members.binary_search_by(|(member, _)| (**member).cmp(name)).ok()?;
        members.get(place).map(|(_, value)| value)
    }

    /// Python's `==`: `true` is 1, `1` is `1.0`, text is only text.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Text(text), Self::Text(other)) => text == other,
            (Self::List(list), Self::List(other)) => {
                list.len() == other.len() && list.iter().zip(other).all(|(one, other)| one.same(other))
            }
            (Self::Object(members), Self::Object(other)) => {
                let same = |((name, value), (other, its)): (&(_, Self), &(_, Self))| {
                    name == other && value.same(its)
                };
                members.len() == other.len() && members.iter().zip(other).all(same)
            }
            _ => match (self.python_number(), other.python_number()) {
                (Some(number), Some(other)) => number.order(other).is_eq(),
                _ => false,
            },
        }
    }

    /// `eq` of `protocols.md`, section 5.4: as [`order`](Self::order), and lists and objects by what is in them.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(_), Self::List(_)) | (Self::Object(_), Self::Object(_)) => self.same(other),
            _ => self.order(other).is_some_and(Ordering::is_eq),
        }
    }

    /// Which comes first: numbers by size, text by its bytes. Text beside a number or a truth value is taken
    /// for one if it is written like one; everything else has no order.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(text), Self::Text(other)) => Some(text.cmp(other)),
            (Self::Bool(_), _) | (_, Self::Bool(_)) => Some(self.truth()?.cmp(&other.truth()?)),
            _ => Some(self.number()?.order(other.number()?)),
        }
    }

    /// What patterns are held against.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(text),
            Self::Bool(value) => Some(if *value { "true" } else { "false" }),
            Self::Null | Self::List(_) | Self::Object(_) | Self::Opaque => None,
        }
    }

    fn truth(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Text(text) => text.parse().ok(),
            Self::Null | Self::Number(_) | Self::List(_) | Self::Object(_) | Self::Opaque => None,
        }
    }

    fn number(&self) -> Option<Number<'_>> {
        match self {
            Self::Number(token) => Some(Number::of(token)),
            Self::Text(text) => Number::read(text),
            Self::Null | Self::Bool(_) | Self::List(_) | Self::Object(_) | Self::Opaque => None,
        }
    }

    fn python_number(&self) -> Option<Number<'_>> {
        match self {
            Self::Number(token) => Some(Number::of(token)),
            Self::Bool(value) => Some(Number::of_bool(*value)),
            Self::Null | Self::Text(_) | Self::List(_) | Self::Object(_) | Self::Opaque => None,
        }
    }

    /// What every value that may count as equal to this one has too, in either way of comparing: numbers,
    /// what is written like one, and truth values are one number.
    pub(super) fn key(&self) -> Option<Scalar<'_>> {
        match self {
            Self::Null | Self::List(_) | Self::Object(_) | Self::Opaque => None,
            Self::Bool(value) => Some(Scalar::Number(Number::of_bool(*value))),
            Self::Number(token) => Some(Scalar::Number(Number::of(token))),
            Self::Text(text) => match (self.truth(), Number::read(text)) {
                (Some(truth), _) => Some(Scalar::Number(Number::of_bool(truth))),
                (None, Some(number)) => Some(Scalar::Number(number)),
                (None, None) => Some(Scalar::Text(text)),
            },
        }
    }

    /// Nothing in it is [opaque](Self::Opaque).
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Opaque => false,
            Self::List(list) => list.iter().all(Self::is_whole),
            Self::Object(members) => members.iter().all(|(_, value)| value.is_whole()),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => true,
        }
    }

    pub(super) fn into_owned(self) -> Value<'static> {
        let text = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Number(token) => Value::Number(text(token)),
            Self::Text(value) => Value::Text(text(value)),
            Self::List(list) => Value::List(list.into_iter().map(Value::into_owned).collect()),
            Self::Object(members) => Value::Object(
                members.into_iter().map(|(name, value)| (text(name), value.into_owned())).collect(),
            ),
            Self::Opaque => Value::Opaque,
        }
    }
}

/// A value that can be looked up.
#[derive(Debug)]
pub(super) enum Scalar<'a> {
    Number(Number<'a>),
    Text(&'a str),
}
