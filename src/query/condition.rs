//! One condition of a query, taken apart so that it can be translated.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event::Json;

/// What a condition asks, by the key that its template has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum Operator {
    Eq,
    Neq,
    Gt,
    Gte,
    Lt,
    Lte,
    Like,
    Ilike,
    In,
    Contains,
    Startswith,
    Endswith,
    /// Both ends left out.
    Between,
    BetweenInclusive,
    /// `eq null`.
    IsNull,
    /// `neq null`.
    IsNotNull,
    /// The operator `is_null`, which takes an empty text for null.
    IsEmpty,
    /// The operator `is_not_null`, which takes an empty text for null.
    IsNotEmpty,
}

/// Where clients say it in another way than templates: for them nothing at all and an empty text are one.
const SAID: [(Operator, &str); 4] = [
    (Operator::IsNull, "eq null"),
    (Operator::IsNotNull, "neq null"),
    (Operator::IsEmpty, "is_null"),
    (Operator::IsNotEmpty, "is_not_null"),
];

impl Operator {
    /// Each with its name in templates.
    pub const ALL: [(&'static str, Self); 18] = [
        ("eq", Self::Eq),
        ("neq", Self::Neq),
        ("gt", Self::Gt),
        ("gte", Self::Gte),
        ("lt", Self::Lt),
        ("lte", Self::Lte),
        ("like", Self::Like),
        ("ilike", Self::Ilike),
        ("in", Self::In),
        ("contains", Self::Contains),
        ("startswith", Self::Startswith),
        ("endswith", Self::Endswith),
        ("between", Self::Between),
        ("between_inclusive", Self::BetweenInclusive),
        ("is_null", Self::IsNull),
        ("is_not_null", Self::IsNotNull),
        ("is_empty", Self::IsEmpty),
        ("is_not_empty", Self::IsNotEmpty),
    ];

    /// Its name in templates.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, operator)| *operator == self).map_or("eq", |(name, _)| name)
    }

    /// As clients say it.
    pub fn word(self) -> &'static str {
        let said = SAID.iter().find(|(operator, _)| *operator == self);
        said.map_or_else(|| self.name(), |(_, word)| word)
    }

    /// `name` as clients write it, which [`Filter`](crate::filter::Filter) has found to be one.
    fn read(name: &str, is_null: bool) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "eq" | "=" if is_null => Self::IsNull,
            "neq" | "!=" | "<>" if is_null => Self::IsNotNull,
            "=" => Self::Eq,
            "!=" | "<>" => Self::Neq,
            ">" => Self::Gt,
            ">=" => Self::Gte,
            "<" => Self::Lt,
            "<=" => Self::Lte,
            "is_null" => Self::IsEmpty,
            "is_not_null" => Self::IsNotEmpty,
            other => Self::ALL.iter().find(|(name, _)| *name == other).map(|(_, operator)| *operator)?,
        })
    }
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The field that is looked at.
    pub column: String,
    /// What is asked of it.
    pub operator: Operator,
    /// What it is compared with; `None`: nothing, or null.
    pub value: Option<Json>,
    /// The server's own: it is never left out.
    pub required: bool,
    /// As the client wrote it.
    pub(super) source: Json,
}

#[derive(Deserialize)]
struct Element<'a> {
    column: String,
    operator: String,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
    #[serde(default)]
    logic_operator: serde_json::Value,
}

impl Condition {
    /// Reads an element of a list that is a filter; with it comes whether it is an alternative to the one before.
    pub(super) fn read(element: &RawValue) -> Option<(Self, bool)> {
        let read: Element<'_> = serde_json::from_str(element.get()).ok()?;
        let value =
            read.value.and_then(|value| Json::parse(value.get())).filter(|value| value.as_str() != "null");
        let operator = Operator::read(&read.operator, value.is_none())?;
        let is_or = read.logic_operator.as_str().is_some_and(|word| word.eq_ignore_ascii_case("or"));
        let source = Json::parse(element.get())?;
        Some((Self { column: read.column, operator, value, required: false, source }, is_or))
    }

    /// The values of a list, or the one that stands for a list of one.
    pub fn values(&self) -> Vec<Json> {
        let Some(value) = &self.value else { return Vec::new() };
        match serde_json::from_str::<Vec<&RawValue>>(value.as_str()) {
            Ok(list) => list.iter().filter_map(|value| Json::parse(value.get())).collect(),
            Err(_) => vec![value.clone()],
        }
    }

    /// A condition that no record meets.
    pub(super) fn is_never(&self) -> bool {
        self.operator == Operator::In && self.values().iter().all(|value| value.as_str() == "null")
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.column, self.operator.word())?;
        self.value.as_ref().map_or(Ok(()), |value| write!(f, " {}", value.as_str()))
    }
}
