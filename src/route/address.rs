//! Where requests to a route go: its paths, read the other way round.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use http::Method;

use super::id::decompose;
use super::model::{self, Models};
use super::pattern::Segment;
use super::routes::Map;
use super::{Pattern, Route, Routes, item};
use crate::event::Json;

/// A route as somebody sees it who makes requests.
#[derive(Debug, Clone)]
pub struct Address {
    /// The route.
    pub route: Arc<Route>,
    models: Arc<Models>,
    map: Arc<Map>,
}

impl Routes {
    /// Of each route, in the order of the config.
    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        let (models, map) = (self.models(), self.map());
        self.iter().map(move |route| Address {
            route: Arc::clone(route),
            models: Arc::clone(models),
            map: Arc::clone(map),
        })
    }
}

impl Address {
    /// The route is that of a record, or of a collection, and of nothing that stands behind a record's path.
    pub fn is_resource(&self) -> bool {
        let pattern = &self.route.pattern;
        pattern.key.is_empty() || item::ends_with_key(pattern)
    }

    /// It has a path for each record.
    pub fn has_items(&self) -> bool {
        item::ends_with_key(&self.route.pattern)
    }

    /// What its collection is called: the last constant in its path.
    pub fn collection_name(&self) -> Option<String> {
        let constant = |segment: &Segment| match segment {
            Segment::Constant(text) => Some(text.clone()),
            Segment::Parameter(_) | Segment::Parenthesised { .. } => None,
        };
        let collection = self.collection_pattern();
        collection.segments.last().and_then(constant).filter(|name| !name.is_empty())
    }

    /// The parameter of the path that names the model.
    pub fn model_parameter(&self) -> Option<&str> {
        let (number, _) = self.route.pattern.model()?;
        self.route.pattern.names().nth(number)
    }

    /// What the model is called that `segment` names in the path; `None`: it is too long.
    pub fn model_named(&self, segment: &str) -> Option<Arc<str>> {
        model::named(segment)
    }

    /// The parameters of the collection's path.
    pub fn list_parameters(&self) -> Vec<String> {
        self.collection_pattern().names().map(ToOwned::to_owned).collect()
    }

    /// The parameters of an item's path that are no part of the id.
    pub fn item_parameters(&self) -> Vec<String> {
        self.others().map(ToOwned::to_owned).collect()
    }

    fn others(&self) -> impl Iterator<Item = &str> {
        let pattern = &self.route.pattern;
        let others = pattern.names().enumerate().filter(|(number, _)| !pattern.key.contains(number));
        others.map(|(_, name)| name)
    }

    /// What an id says of the path's parameters: each part of it, where it has as many as the path has for it, else
    /// `id`. `None`: it is no id.
    pub fn key(&self, id: &Json) -> Option<Vec<(String, String)>> {
        let (text, pattern) = (id.scalar_text()?, &self.route.pattern);
        let names = || pattern.key.iter().filter_map(|number| pattern.names().nth(*number));
        let parts = if self.route.id.is_composite() { decompose(&text) } else { Vec::new() };
        if parts.len() < 2 || parts.len() != names().count() {
            return Some(vec![("id".to_owned(), text)]);
        }
        Some(names().map(ToOwned::to_owned).zip(parts).collect())
    }

    /// What records call the parts of their id, each with what it is in this one.
    pub fn id_parts(&self, id: &Json) -> Vec<(&str, Option<String>)> {
        let source = &self.route.id;
        let text = id.scalar_text().unwrap_or_default();
        let mut own = if source.is_composite() { decompose(&text) } else { vec![text] }.into_iter();
        let names = source.parts.iter().map(|pointer| pointer.tokens().last().unwrap_or("id"));
        names.map(|name| (name, own.next())).collect()
    }

    /// The path of the collection, where `known` says what its parameters are; these are texts, not encoded.
    pub fn collection(&self, known: &BTreeMap<String, String>) -> Option<String> {
        let path = item::fill(&self.collection_pattern(), &encoded(known)?)?;
        Some(path + self.slash())
    }

    /// The path of the record of this id.
    pub fn item(&self, known: &BTreeMap<String, String>, id: &Json) -> Option<String> {
        item::given(&id.scalar_text()?)?;
        // What is part of the id is taken from there.
        let known = encoded(self.others().filter_map(|name| known.get_key_value(name)))?;
        let known = known.iter().map(|(name, text)| (*name, text.as_str())).collect();
        Some(item::build(&self.route, &known, &[], id)? + self.slash())
    }

    /// Whether a request is about `model`, and about the record of `id` if there is one: an id such as `me` may
    /// be the path of something else, also for a backend that takes `ME` or `me.json` for it. Where `is_free`, no
    /// route needs to have the path, nor the id to be in it.
    pub fn leads_to(&self, request: (&Method, &str), model: &str, id: Option<&str>, is_free: bool) -> bool {
        self.map.leads_to(request, model, id, is_free)
    }

    /// Whether a write by this method and path gives an event.
    pub fn takes(&self, method: &Method, path: &str) -> bool {
        self.map.takes(method, path)
    }

    /// Gives an id of `model` that was found as text its JSON type.
    pub fn typed_id(&self, model: &str, text: &str) -> Json {
        self.route.typed_id(text, || self.models.numbers(model))
    }

    /// Some backends redirect without it.
    fn slash(&self) -> &'static str {
        if self.route.path.len() > 1 && self.route.path.ends_with('/') { "/" } else { "" }
    }

    fn collection_pattern(&self) -> Pattern {
        let pattern = &self.route.pattern;
        pattern.collections().pop().unwrap_or_else(|| pattern.clone())
    }
}

/// Values as they stand in a path; `None`: no path may hold one of them.
fn encoded<'a>(
    known: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Option<HashMap<&'a str, String>> {
    known.into_iter().map(|(name, text)| Some((name.as_str(), item::given(text)?))).collect()
}
