//! From a wish to a request.

mod list;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::value::RawValue;

use super::options::unless_silent;
use super::reading::{Kind, Place};
use super::select::Shown;
use super::template::{Encoding, Fill, Part, Value};
use super::translate::names;
use super::{
    Asked, Condition, Endpoint, Operator, Query, QueryError, Reading, Resource, Template, Unsupported, Wish,
};
use crate::event::{Json, Operation};
use crate::filter::Record;
use crate::json;
use crate::message::Upstream;
use crate::route::Pointer;
use crate::rules::fold;

/// What the path's parameters are.
type Known = BTreeMap<String, String>;

/// Which path is meant, and whose id stands in it.
#[derive(Debug, Clone, Copy)]
enum Target<'a> {
    Collection,
    Item(&'a Json),
}

impl Resource {
    /// The request that a wish becomes.
    ///
    /// # Errors
    /// [`QueryError`]: the client's mistake, or what the backend cannot be asked.
    pub fn ask(&self, wish: Wish<'_>) -> Result<Asked, QueryError> {
        let to = &self.translation;
        match wish {
            Wish::List(query) => self.ask_list(query),
            Wish::Item { id, query } => {
                let (known, _) = self.known(to.item.as_ref(), Target::Item(id), query, None)?;
                let endpoint = self.endpoint(to.item.as_ref(), Operation::Read, Target::Item(id), &known)?;
                let preload = self.preload(query)?;
                let groups =
                    query.filters.iter().filter(|group| is_required(group)).cloned().collect::<Vec<_>>();
                let (required, shown) = (super::options::filter(&groups)?, Shown::of(query));
                let kind = Kind::Item { record: self.record(), required, groups, shown };
                Ok(self.asked(endpoint, preload, None, kind))
            }
            Wish::Create { data, query } => {
                let target = Target::Collection;
                let (known, _) = self.known(to.create.as_ref(), target, query, Some(data))?;
                let endpoint = self.endpoint(to.create.as_ref(), Operation::Create, target, &known)?;
                let many = data.as_str().starts_with('[');
                let required = unless_silent(query)?;
                let kind = Kind::Written { record: self.record(), many, required };
                Ok(self.asked(endpoint, Vec::new(), Some(self.body(data)?), kind))
            }
            Wish::Update { id, data, query } => {
                let target = Target::Item(id);
                let (known, _) = self.known(to.update.as_ref(), target, query, Some(data))?;
                let endpoint = self.endpoint(to.update.as_ref(), Operation::Update, target, &known)?;
                let required = unless_silent(query)?;
                let kind = Kind::Written { record: self.record(), many: false, required };
                Ok(self.asked(endpoint, Vec::new(), Some(self.body(data)?), kind))
            }
            Wish::Delete { id, query } => {
                let target = Target::Item(id);
                let (known, _) = self.known(to.delete.as_ref(), target, query, None)?;
                let endpoint = self.endpoint(to.delete.as_ref(), Operation::Delete, target, &known)?;
                Ok(self.asked(endpoint, Vec::new(), None, Kind::Deleted))
            }
        }
    }

    fn record(&self) -> Place {
        let to = &self.translation;
        // The route's pointer may lead into the record, to what events tell of it.
        let usual =
            || if to.inner.is_some() { Pointer::default() } else { self.address.route.record.clone() };
        Place { record: to.record.clone().unwrap_or_else(usual), inner: to.inner.clone() }
    }

    /// What stands for the parameters of the path, and the groups of the query that were not needed for it.
    fn known(
        &self,
        endpoint: Option<&Endpoint>,
        target: Target<'_>,
        query: &Query,
        data: Option<&Json>,
    ) -> Result<(Known, Vec<Vec<Condition>>), QueryError> {
        let needed: Vec<String> = match (endpoint, target) {
            (Some(endpoint), _) => endpoint.slots().map(ToOwned::to_owned).collect(),
            (None, Target::Collection) => self.address.list_parameters(),
            (None, Target::Item(_)) => self.address.item_parameters(),
        };
        let (mut known, mut groups) = (Known::new(), query.filters.clone());
        if let Target::Item(id) = target {
            known.extend(self.address.key(id).ok_or(QueryError::Id)?);
        }
        for name in needed {
            if known.contains_key(&name) {
                continue;
            }
            if self.address.model_parameter() == Some(&name) {
                known.insert(name, self.entity.to_string());
                continue;
            }
            let value = if let Some((at, value)) = equality(&groups, &name) {
                groups.remove(at);
                value
            } else {
                data.and_then(|data| member(data, &name))
                    .ok_or_else(|| QueryError::Parameter(name.clone()))?
            };
            if !is_allowed(query, &name, &value)? {
                return Err(QueryError::Kept(name));
            }
            known.insert(name, value);
        }
        Ok((known, groups))
    }

    /// Method, path and query.
    fn endpoint(
        &self,
        endpoint: Option<&Endpoint>,
        operation: Operation,
        target: Target<'_>,
        known: &Known,
    ) -> Result<(Method, String, Option<String>), QueryError> {
        let Some(endpoint) = endpoint else {
            let path = match target {
                Target::Collection => self.address.collection(known),
                Target::Item(id) => self.address.item(known, &self.typed_id(id)),
            };
            let path = path.ok_or(match target {
                Target::Item(_) if self.address.has_items() => QueryError::Id,
                Target::Item(_) | Target::Collection => QueryError::Operation(operation.name()),
            })?;
            let method = self.method(operation, &path).ok_or(QueryError::Operation(operation.name()))?;
            return self.checked((method, path, None), operation, target, false);
        };
        let one = |(name, text): (&String, &String)| (name.clone(), Fill::One(Value::text(text)));
        let known: Vec<(String, Fill)> = known.iter().map(one).collect();
        let filling: Vec<(&str, Fill)> =
            known.iter().map(|(name, fill)| (name.as_str(), fill.clone())).collect();
        let filled = |text: &super::template::Text, encoding| {
            text.fill(&filling, encoding).and_then(|mut all| all.pop()).ok_or(QueryError::Id)
        };
        let query = endpoint.query.as_ref().map(|query| filled(query, Encoding::Query)).transpose()?;
        let request = (endpoint.method.clone(), filled(&endpoint.path, Encoding::Segment)?, query);
        // What the config says in full is meant so.
        if endpoint.path.slots().next().is_none() {
            return Ok(request);
        }
        self.checked(request, operation, target, true)
    }

    /// Nothing that a client says leads to what another route has.
    fn checked(
        &self,
        request: (Method, String, Option<String>),
        operation: Operation,
        target: Target<'_>,
        is_free: bool,
    ) -> Result<(Method, String, Option<String>), QueryError> {
        let (id, error) = match target {
            Target::Item(id) => (id.scalar_text(), QueryError::Id),
            Target::Collection => (None, QueryError::Operation(operation.name())),
        };
        let leads = self.address.leads_to((&request.0, &request.1), &self.model, id.as_deref(), is_free);
        if leads { Ok(request) } else { Err(error) }
    }

    /// What a route takes for this operation; `None`: a write that none takes, and that would give no event.
    fn method(&self, operation: Operation, path: &str) -> Option<Method> {
        let mut methods = match operation {
            Operation::Create => [Method::POST].as_slice(),
            Operation::Update => [Method::PATCH, Method::PUT].as_slice(),
            Operation::Delete => [Method::DELETE].as_slice(),
            Operation::Read | Operation::Custom => return Some(Method::GET),
        }
        .iter();
        methods.find(|method| self.address.takes(method, path)).cloned()
    }

    fn preload(&self, query: &Query) -> Result<Vec<Part>, QueryError> {
        if query.preload.is_empty() {
            return Ok(Vec::new());
        }
        let to = &self.translation;
        let (ones, many): (Vec<String>, Vec<String>) =
            query.preload.iter().cloned().partition(|name| to.preload_one.is_some() && !is_plural(name));
        let said = |template: Option<&Template>, relations: &[String]| match relations {
            [] => Some(Vec::new()),
            some => names(template, "relations", some),
        };
        match said(to.preload.as_ref(), &many).zip(said(to.preload_one.as_ref(), &ones)) {
            Some((many, ones)) => Ok([many, ones].concat()),
            None if to.on_unsupported == Unsupported::Ignore => Ok(Vec::new()),
            None => Err(QueryError::Unsupported { what: "Preload", detail: query.preload.join(", ") }),
        }
    }

    fn body(&self, data: &Json) -> Result<Bytes, QueryError> {
        if !data.as_str().starts_with(['{', '[']) {
            return Err(QueryError::Data);
        }
        Ok(Bytes::from(match &self.translation.body {
            Some((before, behind)) => format!("{before}{}{behind}", data.as_str()),
            None => data.as_str().to_owned(),
        }))
    }

    fn asked(
        &self,
        (method, path, query): (Method, String, Option<String>),
        parts: Vec<Part>,
        body: Option<Bytes>,
        kind: Kind,
    ) -> Asked {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.extend(self.translation.headers.iter().cloned());
        let mut words: Vec<String> = query.into_iter().collect();
        for part in parts {
            match part {
                Part::Parameter(name, Some(value)) => words.push(format!("{name}={value}")),
                Part::Parameter(name, None) => words.push(name),
                Part::Header(name, value) => {
                    let name = HeaderName::try_from(name).ok();
                    let header = name.zip(HeaderValue::from_str(&value).ok());
                    headers.extend(header);
                }
            }
        }
        let query = if words.is_empty() { String::new() } else { format!("?{}", words.join("&")) };
        let request = Upstream { method, target: path + &query, headers, body: body.unwrap_or_default() };
        Asked { request, reading: self.reading(kind), next: None }
    }

    fn reading(&self, kind: Kind) -> Reading {
        let success_when = self.address.route.success_when.clone();
        Reading { success_when, translation: Arc::clone(&self.translation), kind }
    }
}

/// `books`, not `address`, `status` or `analysis`.
fn is_plural(name: &str) -> bool {
    name.ends_with('s') && !["ss", "us", "is"].iter().any(|ending| name.ends_with(ending))
}

fn is_required(group: &[Condition]) -> bool {
    group.iter().any(|condition| condition.required)
}

/// The group that says what a parameter is, and its value.
fn equality(groups: &[Vec<Condition>], name: &str) -> Option<(usize, String)> {
    // The server's own conditions come last, and they count.
    groups.iter().enumerate().rev().find_map(|(at, group)| match group.as_slice() {
        [only] if only.column == name && only.operator == Operator::Eq => {
            Some((at, only.value.as_ref()?.scalar_text()?))
        }
        _ => None,
    })
}

/// Whether the server's own conditions on a column hold for what a parameter of that name is to be. A text that
/// is to be compared with numbers is one, or nobody knows what the backend makes of it.
fn is_allowed(query: &Query, name: &str, text: &str) -> Result<bool, QueryError> {
    let is_about = |condition: &Condition| condition.required && fold(&condition.column) == fold(name);
    for group in query.filters.iter().filter(|group| group.iter().any(is_about)) {
        let Some(condition) = group.iter().find(|condition| is_about(condition)) else { continue };
        let is_numeric = condition.values().iter().any(is_number);
        let number = Json::parse(text).filter(is_number);
        let value = if is_numeric { number } else { Some(Json::string(text)) };
        let Some(value) = value else { return Ok(false) };
        let record = format!("{{{}:{}}}", Json::string(&condition.column).as_str(), value.as_str());
        let filter = super::options::filter(std::slice::from_ref(group))?;
        if !filter.is_some_and(|filter| filter.matches(&Record::read(&Json::from_valid(record)))) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_number(json: &Json) -> bool {
    json.as_str().starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

fn member(data: &Json, name: &str) -> Option<String> {
    let object: &RawValue = json::parse(data.as_str()).filter(|value| json::is_object(value))?;
    Json::copy_of(json::step(object, name)?).scalar_text()
}
