//! What clients may do with the records of a model, and what they may see of them, as the config says: which
//! operations, which fields they must or must not send, which records are theirs, and which columns stay hidden
//! from whom. Nothing is asked of anybody here.
//!
//! Rules judge what a client says and what it is told. They hold for a model, whichever route leads to it.

mod book;
mod column;
mod forced;
mod mask;
mod refusal;
mod sent;
#[cfg(test)]
mod tests;

pub use book::Rulebook;
pub use column::Column;
pub(crate) use column::fold;
pub use forced::Forced;
pub use mask::{MAX_MASKS, Mask};
pub use refusal::Refusal;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::event::Json;
use crate::filter::{Deletes, Filter, FilterError};
use crate::identity::Identity;

/// What a client does with records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum Act {
    Read,
    Create,
    Update,
    Delete,
    Subscribe,
    Meta,
}

impl Act {
    /// Each with its name in the config.
    pub const ALL: [(&'static str, Self); 6] = [
        ("read", Self::Read),
        ("create", Self::Create),
        ("update", Self::Update),
        ("delete", Self::Delete),
        ("subscribe", Self::Subscribe),
        ("meta", Self::Meta),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, act)| *act == self).map_or("", |(name, _)| name)
    }
}

/// The rules of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// What may be done; `None`: everything.
    pub operations: Option<Vec<Act>>,
    /// Fields that a new record must come with.
    pub required: Vec<String>,
    /// Fields that no client sends.
    pub forbidden: Vec<Column>,
    /// What is true of each record that a client has to do with.
    pub forced: Vec<Forced>,
    /// What is hidden; no more than [`MAX_MASKS`].
    pub masks: Vec<Mask>,
}

impl Rules {
    /// What both say.
    fn and(mut self, other: &Self) -> Self {
        self.operations = match (self.operations, &other.operations) {
            (Some(mine), Some(theirs)) => Some(mine.into_iter().filter(|act| theirs.contains(act)).collect()),
            (mine, theirs) => mine.or_else(|| theirs.clone()),
        };
        add(&mut self.required, &other.required);
        add(&mut self.forbidden, &other.forbidden);
        add(&mut self.forced, &other.forced);
        add(&mut self.masks, &other.masks);
        self
    }

    /// They keep something from somebody.
    pub fn keep_anything(&self) -> bool {
        !self.forced.is_empty() || self.operations.is_some() || !self.masks.is_empty()
    }

    /// A name is nothing but that of a column of the record itself, not of something that it leads to.
    pub fn is_own(name: &str) -> bool {
        column::is_plain(name) && !name.contains('.') && !name.contains("__")
    }

    /// What they say to somebody. `columns`: those that records have, as far as that is known.
    pub fn of<'a>(&'a self, identity: &'a Identity, columns: &'a [String]) -> Ruled<'a> {
        Ruled { rules: self, identity, columns, variant: mask::variant(&self.masks, identity) }
    }

    /// JSON with what a variant may see of it, wherever in it a hidden column stands; `null` where that cannot
    /// be told.
    pub fn show(&self, variant: u32, json: &Json) -> Json {
        if variant == 0 {
            return json.clone();
        }
        let hidden: Vec<&Column> = mask::hidden(&self.masks, variant).collect();
        mask::without(json, &hidden).unwrap_or_else(null)
    }
}

fn add<T: Clone + PartialEq>(all: &mut Vec<T>, more: &[T]) {
    for new in more {
        if !all.contains(new) {
            all.push(new.clone());
        }
    }
}

/// What the rules of a model say to one client.
#[derive(Debug, Clone, Copy)]
pub struct Ruled<'a> {
    rules: &'a Rules,
    identity: &'a Identity,
    columns: &'a [String],
    variant: u32,
}

/// One condition that is added to whatever a client asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added<'a> {
    /// The column.
    pub column: &'a str,
    /// As clients write it.
    pub operator: &'a str,
    /// What it is compared with.
    pub value: Cow<'a, Json>,
}

impl<'a> Ruled<'a> {
    /// They say nothing.
    pub fn is_free(&self) -> bool {
        *self.rules == Rules::default()
    }

    /// Whether it may do that at all, and with some record.
    ///
    /// # Errors
    /// It may not.
    pub fn check(&self, act: Act) -> Result<(), Refusal> {
        let is_allowed = self.rules.operations.as_ref().is_none_or(|acts| acts.contains(&act));
        if !is_allowed {
            return Err(Refusal::Operation(act.name()));
        }
        self.forced().map(drop)
    }

    /// What must hold for each record that it has to do with.
    ///
    /// # Errors
    /// Something is asked of its claims that they do not say: then nothing is its business.
    pub fn forced(&self) -> Result<Vec<Added<'a>>, Refusal> {
        self.rules.forced.iter().map(|forced| forced.added(self.identity)).collect()
    }

    /// A write to a record must find out first whether the record is the client's business.
    pub fn checks_records(&self) -> bool {
        !self.rules.forced.is_empty()
    }

    /// Which columns are hidden from it: 0 for none.
    pub fn variant(&self) -> u32 {
        self.variant
    }

    /// Whether rules, of whatever model, keep something from this client.
    pub fn is_kept_from_by(&self, rules: &Rules) -> bool {
        let is_limited = !rules.forced.is_empty() || rules.operations.is_some();
        is_limited || mask::variant(&rules.masks, self.identity) != 0
    }

    /// A text names something that is hidden from it, and may tell what that is.
    pub fn names_hidden(&self, text: &str) -> bool {
        let hidden: Vec<&Column> = self.hidden().collect();
        mask::names(text, &hidden)
    }

    /// What it may see of JSON.
    pub fn show(&self, json: &Json) -> Json {
        self.rules.show(self.variant, json)
    }

    /// Of the names of columns those that it may know of.
    pub fn known<'n>(&self, names: &'n [String]) -> Vec<&'n str> {
        let hidden: Vec<&Column> = self.hidden().collect();
        let names = names.iter().map(String::as_str);
        names.filter(|name| !hidden.iter().any(|column| column.is_around(name))).collect()
    }

    /// Whether it may compare records by these columns: by a filter or an order.
    ///
    /// # Errors
    /// What it gets would tell what is hidden, or reach what is not its business.
    pub fn check_compared<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<(), Refusal> {
        self.check_names(names, |name| {
            let is_known = self.columns.is_empty() || self.columns.iter().any(|column| column == name);
            is_known && !self.hidden().any(|hidden| self.touches(hidden, name) || hidden.is_inside(name))
        })
    }

    /// Whether it may ask the backend for records by these columns. A name that nobody has listed may be no column
    /// at all, but what the backend takes for an order, a search or an embedding (`_sort`, `q`, `expand`).
    /// `parameters`: those of the path.
    ///
    /// # Errors
    /// As above, and a name that is not listed.
    pub fn check_asked<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        parameters: &[String],
    ) -> Result<(), Refusal> {
        if self.is_open() {
            return Ok(());
        }
        names.into_iter().try_for_each(|name| {
            let is_listed = self.columns.iter().chain(parameters).any(|listed| listed == name);
            if parameters.iter().any(|parameter| parameter == name) {
                self.check_wanted([name])?;
            } else {
                self.check_compared([name])?;
            }
            if is_listed { Ok(()) } else { Err(Refusal::unlisted(name)) }
        })
    }

    /// Whether it may ask for these columns.
    ///
    /// # Errors
    /// One of them is hidden.
    pub fn check_wanted<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<(), Refusal> {
        self.check_names(names, |name| !self.hidden().any(|hidden| self.touches(hidden, name)))
    }

    /// Where the columns are not known, a name that has a hidden one in it may be a way to say it.
    fn touches(&self, hidden: &Column, name: &str) -> bool {
        hidden.is_around(name) || (self.columns.is_empty() && hidden.is_part_of(name))
    }

    /// Rules about records would be worth nothing if a name could say more than a name.
    fn check_names<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        is_allowed: impl Fn(&str) -> bool,
    ) -> Result<(), Refusal> {
        if self.is_open() {
            return Ok(());
        }
        let refused = names.into_iter().find(|name| !column::is_plain(name) || !is_allowed(name));
        refused.map_or(Ok(()), |name| Err(Refusal::column(name)))
    }

    /// Whether it may make such a record, or such records.
    ///
    /// # Errors
    /// What is missing, or not for clients to say.
    pub fn check_new(&self, data: &Json) -> Result<(), Refusal> {
        sent::check(data, sent::Kind::New, self.rules, &self.forced()?)
    }

    /// Whether it may change a record to this.
    ///
    /// # Errors
    /// What is not for clients to say.
    pub fn check_change(&self, data: &Json) -> Result<(), Refusal> {
        sent::check(data, sent::Kind::Change, self.rules, &self.forced()?)
    }

    /// Whether it may compare something with these values. An object could hold a hidden column, and equality would
    /// tell what is in it.
    ///
    /// # Errors
    /// One of them is neither a scalar nor a list of scalars, or a text that a backend could read as something else.
    pub fn check_values<'v>(&self, values: impl IntoIterator<Item = &'v str>) -> Result<(), Refusal> {
        let is_flat = |value: &str| serde_json::from_str(value).is_ok_and(|value| is_flat(&value));
        let is_fine = self.variant == 0 || values.into_iter().all(is_flat);
        if is_fine { Ok(()) } else { Err(Refusal::Value) }
    }

    /// Whether what somebody else makes of a client's data is still the client's business.
    ///
    /// # Errors
    /// It is not.
    pub fn check_replaced(&self, data: &Json) -> Result<(), Refusal> {
        sent::check(data, sent::Kind::New, &Rules::default(), &self.forced()?)
    }

    /// Whether it may have such a filter.
    ///
    /// # Errors
    /// [`Refusal`], also for a filter that is none.
    pub fn check_filter(&self, wanted: &Json) -> Result<(), Refusal> {
        if self.is_open() {
            return Ok(());
        }
        let columns: Option<Vec<ColumnOf<'_>>> =
            serde_json::from_str(wanted.as_str()).ok().ok_or(FilterError::NotAList)?;
        let columns = columns.unwrap_or_default();
        self.check_values(columns.iter().filter_map(|of| of.value).map(RawValue::get))?;
        self.check_compared(columns.iter().map(|of| &*of.column))
    }

    /// The filter of a subscription: what is wanted of what is the client's business.
    ///
    /// # Errors
    /// [`Refusal`], also for a filter that is none.
    pub fn filter(&self, wanted: &Json, deletes: Deletes) -> Result<Option<Filter>, Refusal> {
        let forced = self.forced()?;
        let own = Filter::from_list(wanted, deletes)?;
        if forced.is_empty() {
            return Ok(own);
        }
        // What is not known of a record says nothing of whose it is.
        Ok(Filter::from_list(&with(wanted, own.is_some(), &forced), Deletes::Prove)?)
    }

    /// No record and no column is kept from it.
    fn is_open(&self) -> bool {
        self.variant == 0 && self.rules.forced.is_empty()
    }

    fn hidden(&self) -> impl Iterator<Item = &'a Column> + use<'a> {
        mask::hidden(&self.rules.masks, self.variant)
    }
}

#[derive(Deserialize)]
struct ColumnOf<'a> {
    #[serde(borrow)]
    column: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
}

/// The conditions of a list and, behind them, those that were added: what comes first could make an alternative
/// of what comes next.
fn with(wanted: &Json, has_conditions: bool, forced: &[Added<'_>]) -> Json {
    let added: Vec<String> = forced.iter().map(Added::condition).collect();
    let inside = wanted.as_str().trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let inside = inside.filter(|_| has_conditions).map(ToOwned::to_owned);
    let all: Vec<String> = inside.into_iter().chain(added).collect();
    Json::from_valid(format!("[{}]", all.join(",")))
}

impl Added<'_> {
    /// As an element of a list of conditions.
    fn condition(&self) -> String {
        let (column, operator) = (Json::string(self.column), Json::string(self.operator));
        format!(
            r#"{{"column":{},"operator":{},"value":{}}}"#,
            column.as_str(),
            operator.as_str(),
            self.value.as_str()
        )
    }
}

fn is_flat(value: &Value) -> bool {
    let is_scalar = |value: &Value| match value {
        Value::String(text) => !text.trim_start().starts_with(['{', '[']),
        Value::Array(_) | Value::Object(_) => false,
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    };
    value.as_array().map_or_else(|| is_scalar(value), |list| list.iter().all(is_scalar))
}

fn null() -> Json {
    Json::from_valid("null".to_owned())
}
