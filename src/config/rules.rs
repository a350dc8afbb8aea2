//! `[route.rules]`: what clients of `websocketspec` may do with a route's records, and see of them.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::reader::{Reader, Section};
use super::setting::{Setting, word};
use crate::event::Json;
use crate::route::{Address, Routes};
use crate::rules::{Act, Column, Forced, MAX_MASKS, Mask, Rulebook, Rules};

/// The rules of a route; without the table there are none.
pub(super) fn rules(route: &Section<'_>) -> Rules {
    let section = route.table("rules", "route.rules");
    let list = |key| section.read(key, Vec::<Column>::read).unwrap_or_default();
    let rules = Rules {
        operations: section.read("operations", operations).flatten(),
        required: list("required").iter().map(|column| column.name().to_owned()).collect(),
        forbidden: list("forbidden"),
        forced: section.read("forced", tables(forced)).unwrap_or_default(),
        masks: section.read("masks", tables(mask)).unwrap_or_default(),
    };
    section.finish();
    rules
}

/// Of all routes; `rules` are in their order.
pub(super) fn rulebook(reader: &Reader<'_>, routes: &Routes, rules: &[Rules]) -> Rulebook {
    let model = |route: &'_ std::sync::Arc<crate::route::Route>| {
        (!route.pattern.names_model()).then(|| route.model.name.to_string())
    };
    let models: Vec<Option<String>> = routes.iter().map(model).collect();
    let (open, named): (Vec<Address>, Vec<_>) =
        routes.addresses().partition(|address| address.model_parameter().is_some());
    let collections = named.iter().filter(|address| address.is_resource());
    let taken: HashSet<String> = collections
        .filter_map(|address| Some(address.collection(&BTreeMap::new())?.to_lowercase()))
        .collect();
    let is_open = |model: &str| {
        let leads = |parameter: &str, address: &Address| {
            let known = BTreeMap::from([(parameter.to_owned(), model.to_owned())]);
            address.collection(&known).is_none_or(|path| !taken.contains(&path.to_lowercase()))
        };
        open.iter().any(|address| address.model_parameter().is_some_and(|name| leads(name, address)))
    };
    let book = Rulebook::new(models.iter().map(Option::as_deref).zip(rules), is_open);
    if book.keeping().iter().any(|rules| rules.masks.len() > MAX_MASKS) {
        reader.report(
            0,
            "route.rules.masks",
            "",
            format!("the routes of a model have {MAX_MASKS} masks at most"),
        );
    }
    book
}

impl Setting for Column {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        Self::parse(&String::read(value)?)
    }
}

fn operations(value: &DeValue<'_>) -> Result<Option<Vec<Act>>, String> {
    if value.as_str() == Some("all") {
        return Ok(None);
    }
    let list = value.as_array().ok_or("\"all\" or a list such as [\"read\", \"subscribe\"]")?;
    list.iter().map(|value| word(value.get_ref(), &Act::ALL)).collect::<Result<_, _>>().map(Some)
}

/// A list of tables.
fn tables<T>(read: fn(&DeTable<'_>) -> Result<T, String>) -> impl Fn(&DeValue<'_>) -> Result<Vec<T>, String> {
    move |value| {
        let list = value.as_array().ok_or("a list of tables")?;
        let table = |value: &toml::Spanned<DeValue<'_>>| read(value.get_ref().as_table().ok_or("tables")?);
        let all: Vec<T> = list.iter().map(table).collect::<Result<_, _>>()?;
        if all.len() > MAX_MASKS { Err(format!("{MAX_MASKS} tables at most")) } else { Ok(all) }
    }
}

fn forced(table: &DeTable<'_>) -> Result<Forced, String> {
    let expected = "{ column = \"owner_id\", operator = \"eq\", value = \"{claims.sub}\" }";
    let column = string(table, "column").transpose()?.ok_or(expected)?;
    let operator = string(table, "operator").transpose()?.unwrap_or_else(|| "eq".to_owned());
    let value = table.get("value").map(|value| json(value.get_ref()).ok_or(expected)).transpose()?;
    let keys = [true, table.contains_key("operator"), value.is_some()];
    if table.len() != keys.iter().filter(|has| **has).count() {
        return Err(expected.to_owned());
    }
    let value = Json::parse(&value.unwrap_or(Value::Null).to_string()).ok_or(expected)?;
    Forced::parse(&column, &operator, &value)
}

fn mask(table: &DeTable<'_>) -> Result<Mask, String> {
    let expected = || "{ columns = [\"salary\"], unless_roles = [\"hr\"] }".to_owned();
    let list = |key: &str| table.get(key).map(toml::Spanned::get_ref);
    let columns = Vec::<Column>::read(list("columns").ok_or_else(expected)?)?;
    let unless_roles = list("unless_roles").map(Vec::<String>::read).transpose()?.unwrap_or_default();
    let is_known = table.len() == 1 + usize::from(table.contains_key("unless_roles"));
    if columns.is_empty() || !is_known || unless_roles.iter().any(String::is_empty) {
        return Err(expected());
    }
    Ok(Mask { columns, unless_roles })
}

fn string(table: &DeTable<'_>, key: &str) -> Option<Result<String, String>> {
    table.get(key).map(|value| String::read(value.get_ref()))
}

/// What conditions are compared with; `None`: something else.
fn json(value: &DeValue<'_>) -> Option<Value> {
    if let Some(list) = value.as_array() {
        return list.iter().map(|value| json(value.get_ref())).collect::<Option<Vec<_>>>().map(Value::Array);
    }
    if let Some(number) = value.as_integer() {
        return i64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::from);
    }
    if let Some(number) = value.as_float() {
        return number.as_str().parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from);
    }
    value.as_bool().map(Value::from).or_else(|| value.as_str().map(Value::from))
}
