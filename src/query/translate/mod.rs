//! From a query to the parts of a request.

pub(super) mod like;

use std::collections::HashSet;

use super::template::{Fill, Part, Value};
use super::{Condition, Operator, Query, Sort, Template, Translation};
use crate::event::Json;

/// What of the filters could be said, and what is left.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) parts: Vec<Part>,
    pub(super) left: Vec<Vec<Condition>>,
}

/// Where a condition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Alone,
    InGroup,
}

impl Translation {
    /// Says as many groups as the backend understands.
    pub(super) fn filters(&self, groups: &[Vec<Condition>]) -> Said {
        let mut said = Said::default();
        let (mut names, mut grouped) = (HashSet::new(), false);
        let mut together = Vec::new();
        for group in groups {
            if self.filters.is_some() {
                match self.inside(group) {
                    Some(text) => together.push(Value::text(&text)),
                    None => said.left.push(group.clone()),
                }
                continue;
            }
            // Some backends make one group of all.
            let is_second = group.len() > 1 && grouped;
            let parts = self.group(group).filter(|parts| !is_second && self.is_clear(parts, &names));
            let Some(parts) = parts else {
                said.left.push(group.clone());
                continue;
            };
            grouped |= group.len() > 1 && !self.repeated_filters;
            names.extend(parts.iter().map(|part| part.name().to_owned()));
            said.parts.extend(parts);
        }
        let Some(all) = self.filters.as_ref().filter(|_| !together.is_empty()) else { return said };
        match all.fill(&[("filters", Fill::Many(together))]) {
            Some(parts) => Said { parts, ..said },
            None => Said { parts: Vec::new(), left: groups.to_vec() },
        }
    }

    /// Of two conditions with one name, backends differ in which counts.
    fn is_clear(&self, parts: &[Part], names: &HashSet<String>) -> bool {
        self.repeated_filters || parts.iter().all(|part| !names.contains(part.name()))
    }

    fn group(&self, group: &[Condition]) -> Option<Vec<Part>> {
        match group {
            [condition] => self.template(condition.operator, Place::Alone)?.fill(&self.filling(condition)?),
            several => {
                let one_of = one_of(several);
                let as_list = one_of.and_then(|condition| self.group(&[condition]));
                as_list.or_else(|| self.or_group.as_ref()?.fill(&[self.alternatives(several)?]))
            }
        }
    }

    /// The same as a part of the one parameter that holds all filters.
    fn inside(&self, group: &[Condition]) -> Option<String> {
        match group {
            [condition] => self.condition(condition, Place::Alone),
            several => {
                let as_list = one_of(several).and_then(|condition| self.inside(&[condition]));
                as_list.or_else(|| self.or_group.as_ref()?.inside(&[self.alternatives(several)?]))
            }
        }
    }

    fn alternatives(&self, group: &[Condition]) -> Option<(&'static str, Fill)> {
        let texts = group.iter().map(|condition| self.condition(condition, Place::InGroup));
        let texts: Option<Vec<Value>> = texts.map(|text| Some(Value::text(&text?))).collect();
        Some(("conditions", Fill::Many(texts?)))
    }

    fn condition(&self, condition: &Condition, place: Place) -> Option<String> {
        self.template(condition.operator, place)?.inside(&self.filling(condition)?)
    }

    fn template(&self, operator: Operator, place: Place) -> Option<&Template> {
        let alone = || self.filter.get(&operator).or(self.filter_default.as_ref());
        let is_apart = !self.or_filter.is_empty() || self.or_filter_default.is_some();
        match place {
            Place::InGroup if is_apart => self.or_filter.get(&operator).or(self.or_filter_default.as_ref()),
            Place::InGroup | Place::Alone => alone(),
        }
    }

    fn filling(&self, condition: &Condition) -> Option<Vec<(&'static str, Fill)>> {
        // No record meets it, and no backend is asked what nobody can answer.
        if condition.is_never() {
            return None;
        }
        let renamed = self.operators.get(&condition.operator).map(String::as_str);
        let operator = renamed.unwrap_or_else(|| condition.operator.name());
        let one = |value: Value| Fill::One(value);
        let mut filling =
            vec![("column", one(Value::text(&condition.column))), ("operator", one(Value::text(operator)))];
        if let Some(value) = &condition.value {
            filling.push(("value", one(as_value(value))));
            let values: Vec<Value> = condition.values().iter().map(as_value).collect();
            if let [low, high] = values.as_slice() {
                filling.push(("low", one(low.clone())));
                filling.push(("high", one(high.clone())));
            }
            filling.push(("values", Fill::Many(values)));
        }
        Some(filling)
    }

    /// An order; `None`: the backend knows none such.
    pub(super) fn order(&self, sort: &[Sort]) -> Option<Vec<Part>> {
        let direction = |sort: &Sort| if sort.descending { "desc" } else { "asc" };
        let item = |sort: &Sort| {
            let sign = if sort.descending { "-" } else { "" };
            let filling = [
                ("-", Fill::One(Value::text(sign))),
                ("column", Fill::One(Value::text(&sort.column))),
                ("direction", Fill::One(Value::text(direction(sort)))),
            ];
            match &self.sort_item {
                Some(template) => template.inside(&filling),
                None => Some(format!("{sign}{}", sort.column)),
            }
        };
        let items: Option<Vec<Value>> = sort.iter().map(|sort| Some(Value::text(&item(sort)?))).collect();
        self.sort.as_ref()?.fill(&[
            ("sort", Fill::Many(items?)),
            ("columns", Fill::Many(sort.iter().map(|sort| Value::text(&sort.column)).collect())),
            ("directions", Fill::Many(sort.iter().map(|sort| Value::text(direction(sort))).collect())),
        ])
    }

    /// A part of the list; `None`: the backend cannot be asked for it.
    pub(super) fn part(&self, query: &Query) -> Option<Vec<Part>> {
        let number = |number: u64| Fill::One(Value::text(&number.to_string()));
        let (limit, offset) = (query.limit, query.offset.unwrap_or(0));
        if let (Some(page), Some(limit)) = (&self.page, limit) {
            let whole = offset.checked_rem(limit)? == 0;
            let first = offset.checked_div(limit)?;
            let filling =
                [("page", number(first.checked_add(1)?)), ("page0", number(first)), ("limit", number(limit))];
            return whole.then(|| page.fill(&filling)).flatten();
        }
        // Without a limit there is no end, and a template that asks for one says nothing.
        let mut filling = vec![("offset", number(offset))];
        if let Some(limit) = limit {
            filling.extend([("limit", number(limit)), ("end", number(offset.checked_add(limit)?))]);
        }
        let mut parts = Vec::new();
        if let Some(limit) = limit {
            // A limit of none is no limit at all for some backends.
            parts.extend(self.limit.as_ref().filter(|_| limit > 0)?.fill(&filling)?);
        }
        if offset > 0 {
            parts.extend(self.offset.as_ref()?.fill(&filling)?);
        }
        Some(parts)
    }

    /// Whether it can ask for a part of a list.
    pub(super) fn has_parts(&self) -> bool {
        self.limit.is_some() || self.offset.is_some() || self.page.is_some()
    }
}

/// The list that a name is to be written in.
pub(super) fn names(template: Option<&Template>, slot: &str, names: &[String]) -> Option<Vec<Part>> {
    let names = names.iter().map(|name| Value::text(name)).collect();
    template?.fill(&[(slot, Fill::Many(names))])
}

impl Part {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Parameter(name, _) | Self::Header(name, _) => name,
        }
    }
}

/// One condition for alternatives that are equalities of one column.
fn one_of(group: &[Condition]) -> Option<Condition> {
    let first = group.first()?;
    let is_alike = |other: &Condition| other.operator == Operator::Eq && other.column == first.column;
    let values: Option<Vec<&str>> = group.iter().map(|other| Some(other.value.as_ref()?.as_str())).collect();
    let list = Json::from_valid(format!("[{}]", values?.join(",")));
    let scalars = group
        .iter()
        .all(|other| other.value.as_ref().is_some_and(|value| !value.as_str().starts_with(['[', '{'])));
    let required = group.iter().any(|other| other.required);
    (scalars && group.iter().all(is_alike)).then(|| Condition {
        operator: Operator::In,
        value: Some(list),
        required,
        ..first.clone()
    })
}

fn as_value(json: &Json) -> Value {
    let text = match json.as_str() {
        truth @ ("true" | "false") => Some(truth.to_owned()),
        _ => json.scalar_text(),
    };
    Value { text, json: json.as_str().to_owned() }
}
