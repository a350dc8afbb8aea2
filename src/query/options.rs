//! The `options` of a request: what of a list is wanted.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Condition, QueryError};
use crate::event::Json;
use crate::filter::{Deletes, Filter, FilterError};

/// Of one request: each comparison of two records may look at all of them.
const MAX_SORTS: usize = 16;
/// Of one request, wanted or not: each field of each record is held against all of them.
const MAX_COLUMNS: usize = 256;
/// Of one request.
const MAX_PRELOADS: usize = 32;

/// What of a list is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Each group must hold, and of a group one condition.
    pub filters: Vec<Vec<Condition>>,
    /// The fields that are wanted; empty: all.
    pub columns: Vec<String>,
    /// Fields that are not wanted.
    pub omit_columns: Vec<String>,
    /// What comes first; where two are alike, the next one decides.
    pub sort: Vec<Sort>,
    /// So many at most.
    pub limit: Option<u64>,
    /// So many of the first are left out.
    pub offset: Option<u64>,
    /// Relations whose records are wanted inside.
    pub preload: Vec<String>,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// By this field.
    pub column: String,
    /// The largest first.
    pub descending: bool,
}

/// Read one by one, so that a client hears which of them is wrong.
#[derive(Deserialize)]
struct Options<'a> {
    #[serde(borrow, default)]
    filters: Option<&'a RawValue>,
    #[serde(borrow, default)]
    columns: Option<&'a RawValue>,
    #[serde(borrow, default)]
    omit_columns: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sort: Option<&'a RawValue>,
    #[serde(borrow, default)]
    limit: Option<&'a RawValue>,
    #[serde(borrow, default)]
    offset: Option<&'a RawValue>,
    #[serde(borrow, default)]
    preload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct SortOption {
    column: String,
    #[serde(default)]
    direction: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Preload {
    Relation { relation: String },
    Name(String),
}

/// One option.
fn option<T: DeserializeOwned>(
    name: &str,
    expected: &str,
    value: Option<&RawValue>,
) -> Result<Option<T>, QueryError> {
    let wrong = |_| QueryError::Options(format!("options: {name}: expected {expected}"));
    value.map_or(Ok(None), |value| serde_json::from_str(value.get()).map_err(wrong))
}

/// One that is a list of no more than `most`.
fn list<T: DeserializeOwned>(
    name: &str,
    expected: &str,
    value: Option<&RawValue>,
    most: usize,
) -> Result<Vec<T>, QueryError> {
    let list: Vec<T> = option(name, expected, value)?.unwrap_or_default();
    if list.len() > most {
        return Err(QueryError::Options(format!("options: {name} may have {most} elements")));
    }
    Ok(list)
}

impl Query {
    /// Reads them; `null` and `{}` are none.
    ///
    /// # Errors
    /// [`QueryError::Options`] and [`QueryError::Filter`].
    pub fn read(options: &Json) -> Result<Self, QueryError> {
        // Serde would take a list for the fields in their order.
        if options.as_str().starts_with('[') {
            return Err(QueryError::Options("options: expected an object".to_owned()));
        }
        let read: Option<Options<'_>> = serde_json::from_str(options.as_str()).map_err(|error| {
            QueryError::Options(format!("options: {}", without_place(&error.to_string())))
        })?;
        let Some(read) = read else { return Ok(Self::default()) };
        let (names, number) = ("a list of names", "a whole number that is not negative");
        let sort: Vec<SortOption> =
            list("sort", r#"a list of {"column","direction"}"#, read.sort, MAX_SORTS)?;
        let preload: Vec<Preload> =
            list("preload", r#"a list of {"relation"} or names"#, read.preload, MAX_PRELOADS)?;
        let is_descending = |sort: &SortOption| {
            sort.direction.as_deref().is_some_and(|word| word.eq_ignore_ascii_case("desc"))
        };
        let relation = |preload| match preload {
            Preload::Relation { relation } | Preload::Name(relation) => relation,
        };
        Ok(Self {
            filters: read.filters.map_or_else(|| Ok(Vec::new()), groups)?,
            columns: list("columns", names, read.columns, MAX_COLUMNS)?,
            omit_columns: list("omit_columns", names, read.omit_columns, MAX_COLUMNS)?,
            sort: sort
                .into_iter()
                .map(|sort| Sort { descending: is_descending(&sort), column: sort.column })
                .collect(),
            limit: option("limit", number, read.limit)?,
            offset: option("offset", number, read.offset)?,
            preload: preload.into_iter().map(relation).collect(),
        })
    }

    /// Adds a condition that is the server's own: no `on_unsupported = "ignore"` leaves it out, and a single
    /// record is shown only if it holds.
    ///
    /// # Errors
    /// [`QueryError::Filter`].
    pub fn require(&mut self, column: &str, operator: &str, value: &Json) -> Result<(), QueryError> {
        let column = Json::string(column);
        let operator = Json::string(operator);
        let (column, operator, value) = (column.as_str(), operator.as_str(), value.as_str());
        let list = format!(r#"[{{"column":{column},"operator":{operator},"value":{value}}}]"#);
        let list: Box<RawValue> = RawValue::from_string(list).ok().ok_or(FilterError::NotAList)?;
        let mut added = groups(&list)?;
        for condition in added.iter_mut().flatten() {
            condition.required = true;
        }
        self.filters.extend(added);
        Ok(())
    }
}

fn groups(filters: &RawValue) -> Result<Vec<Vec<Condition>>, QueryError> {
    let json = Json::parse(filters.get()).ok_or(FilterError::NotAList)?;
    if Filter::from_list(&json, Deletes::default())?.is_none() {
        return Ok(Vec::new());
    }
    let elements: Vec<&RawValue> = serde_json::from_str(filters.get()).ok().ok_or(FilterError::NotAList)?;
    let mut groups: Vec<Vec<Condition>> = Vec::new();
    for (place, element) in elements.into_iter().enumerate() {
        let (condition, is_or) = Condition::read(element).ok_or(FilterError::NotAFilter(place + 1))?;
        match groups.last_mut() {
            Some(group) if is_or => group.push(condition),
            _ => groups.push(vec![condition]),
        }
    }
    Ok(groups)
}

/// The groups as one filter; `None` for none.
pub(super) fn filter(groups: &[Vec<Condition>]) -> Result<Option<Filter>, FilterError> {
    let mut list = String::new();
    for condition in groups.iter().flatten() {
        list.push(if list.is_empty() { '[' } else { ',' });
        list.push_str(condition.source.as_str());
    }
    if list.is_empty() {
        return Ok(None);
    }
    list.push(']');
    // What is missing in a record says nothing of whose it is.
    let is_required = groups.iter().flatten().any(|condition| condition.required);
    let deletes = if is_required { Deletes::Prove } else { Deletes::default() };
    Filter::from_list(&Json::from_valid(list), deletes)
}

/// What the server's own conditions say of a record, which may leave out what they are about.
pub(super) fn unless_silent(query: &Query) -> Result<Option<Filter>, FilterError> {
    let mut list = Vec::new();
    for condition in query.filters.iter().flatten().filter(|condition| condition.required) {
        let column = Json::string(&condition.column);
        let silent = r#""operator":"eq","value":null,"logic_operator":"or""#;
        list.push(condition.source.as_str().to_owned());
        list.push(format!(r#"{{"column":{},{silent}}}"#, column.as_str()));
    }
    Filter::from_list(&Json::from_valid(format!("[{}]", list.join(","))), Deletes::default())
}

/// Line and column say nothing of a part of a message.
fn without_place(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(message, _)| message)
}
