//! Routes: which path is which model, and how its answers are read. Built once from the config.

mod condition;
mod id;
mod key;
mod method;
mod pattern;
mod pointer;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use http::{HeaderName, Method, request};

use crate::event::{Json, Operation};
pub use condition::{Condition, Scalar};
pub use id::{IdSource, IdType, composite};
pub use pattern::Pattern;
pub use pointer::Pointer;

/// A model: what routes write and readers subscribe to.
#[derive(Debug)]
pub struct Model {
    /// Its name as in the config.
    pub name: Arc<str>,
    seen: AtomicU8,
}

/// Who may read a route's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Authenticated readers if the write carried credentials, else everybody.
    Auto,
    /// Everybody.
    Public,
    /// Authenticated readers.
    Authenticated,
}

/// One `[[route]]`.
#[derive(Debug)]
pub struct Route {
    /// The pattern as written; also the `route` label of metrics.
    pub path: String,
    /// Parsed form of `path`.
    pub pattern: Pattern,
    /// What it writes.
    pub model: Arc<Model>,
    /// The methods that give events.
    pub methods: Vec<Method>,
    /// Fixed operation; `None`: from the method.
    pub operation: Option<Operation>,
    /// A verb that goes with the events.
    pub action: Option<Arc<str>>,
    /// Where the record stands in an answer.
    pub record: Pointer,
    /// Where the list stands in a bulk answer.
    pub list: Pointer,
    /// Where the record stands in an element of the list.
    pub item: Pointer,
    /// Where an element's own HTTP status stands; `None`: all elements of a list succeeded.
    pub item_status: Option<Pointer>,
    /// Where the id stands in a record.
    pub id: IdSource,
    /// The ids' type.
    pub id_type: IdType,
    /// Allow-list of top-level fields of the record; empty: all.
    pub fields: Vec<String>,
    /// GET answers give events too.
    pub publish_reads: bool,
    /// Who may read the events.
    pub visibility: Visibility,
    /// What the body must say for a success status to be believed.
    pub success_when: Option<Condition>,
    /// Headers by which a POST says that it is another method, since the backend honours them.
    pub method_override: Vec<HeaderName>,
}

impl Model {
    /// A model of which no id was seen yet.
    pub fn new(name: &str) -> Self {
        Self { name: Arc::from(name), seen: AtomicU8::new(0) }
    }

    /// Remembers the type of an id that stood in a body.
    pub fn learn(&self, id: &Json) {
        let kind = if id.as_str().starts_with('"') { 2 } else { 1 };
        self.seen.store(kind, Ordering::Relaxed);
    }

    /// Whether the last id seen in a body was a number; `None` before the first.
    fn numbers(&self) -> Option<bool> {
        match self.seen.load(Ordering::Relaxed) {
            0 => None,
            kind => Some(kind == 1),
        }
    }
}

impl Route {
    /// Gives an id that was found as text its JSON type (`protocols.md`, section 0.3, rule 4).
    pub fn typed_id(&self, text: &str) -> Json {
        let number = match self.id_type {
            _ if self.id.is_composite() => false,
            IdType::Auto => self.model.numbers().unwrap_or(true),
            IdType::Integer => true,
            IdType::String => false,
        };
        match Json::parse(text) {
            Some(json) if number && id::is_canonical_integer(text) => json,
            _ => Json::string(text),
        }
    }

    /// What a request with this method does.
    pub fn operation(&self, method: &Method) -> Operation {
        if *method == Method::GET {
            return Operation::Read;
        }
        if let Some(operation) = self.operation {
            return operation;
        }
        match *method {
            Method::DELETE => Operation::Delete,
            Method::POST if self.action.is_none() => Operation::Create,
            _ => Operation::Update,
        }
    }

    fn takes(&self, method: &Method) -> bool {
        self.methods.contains(method) || (self.publish_reads && *method == Method::GET)
    }
}

/// A request that falls under a route.
#[derive(Debug, Clone)]
pub struct Matched {
    /// The route.
    pub route: Arc<Route>,
    /// Its number, in the order of the config.
    pub index: usize,
    /// The id in the path, percent-decoded; `None` for the collection.
    pub id: Option<String>,
    /// What the backend takes the method for: that of the request, or the one that a header put in its place.
    pub method: Method,
    /// The method is one that gives events.
    pub tapped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Item,
    Collection,
}

#[derive(Debug, Clone)]
struct Entry {
    kind: Kind,
    index: usize,
    /// The parameters that make up the id, and whether each stands in parentheses.
    key: Vec<(usize, bool)>,
}

impl Entry {
    fn id(&self, route: &Route, parameters: &[String]) -> Option<String> {
        let text = |number: &usize| parameters.get(*number).map(|text| pattern::parameter(text));
        match self.key.as_slice() {
            [] => None,
            [(number, true)] => text(number).map(|key| key::id(&key, &route.id)),
            [(number, false)] => text(number),
            several => {
                let part = |(number, parenthesised): &(usize, bool)| {
                    text(number).map(|text| if *parenthesised { key::unquoted(&text) } else { text })
                };
                let parts: Option<Vec<String>> = several.iter().map(part).collect();
                parts.map(|parts| composite(&parts))
            }
        }
    }
}

/// What one template leads to.
#[derive(Debug, Default)]
struct Place {
    rank: Vec<u8>,
    entries: Vec<Entry>,
}

/// All routes, most specific first: at each segment a constant beats a key in parentheses, that a parameter,
/// and a route's own path beats the collection that another route implies.
#[derive(Debug)]
pub struct Routes {
    all: Vec<Arc<Route>>,
    router: matchit::Router<Place>,
    /// Some template has a key split off.
    splits: bool,
    warnings: Vec<String>,
}

impl Routes {
    /// Takes the routes in the order of the config.
    ///
    /// # Errors
    /// Two patterns that the router cannot hold together; not seen for any pattern that parses.
    pub fn new(routes: Vec<Route>) -> Result<Self, String> {
        let routes: Vec<Arc<Route>> = routes.into_iter().map(Arc::new).collect();
        let mut places: BTreeMap<String, Place> = BTreeMap::new();
        let mut add = |pattern: &Pattern, entry| {
            let place = places.entry(pattern.template()).or_default();
            place.rank = pattern.rank();
            place.entries.push(entry);
        };
        for (index, route) in routes.iter().enumerate() {
            let item = Entry { kind: Kind::Item, index, key: route.pattern.key() };
            add(&route.pattern, item);
            for collection in route.pattern.collections() {
                let implied = Entry { kind: Kind::Collection, index, key: Vec::new() };
                add(&collection, implied);
            }
        }
        let mut router = matchit::Router::new();
        let mut warnings = Vec::new();
        for (template, mut place) in places {
            place.entries.sort_by_key(|entry| (entry.kind, entry.index));
            warnings.extend(shadowed(&place.entries, &routes));
            router.insert(&template, place).map_err(|error| format!("{template}: {error}"))?;
        }
        warnings.sort();
        let splits = routes.iter().any(|route| route.pattern.is_split());
        Ok(Self { all: routes, router, splits, warnings })
    }

    /// The route of a method and a path. Prefers, among the routes of one path, the first that takes the method.
    pub fn classify(&self, method: &Method, path: &str) -> Option<Matched> {
        self.find(path, |_| method.clone())
    }

    /// The same for the head of a request, which may carry a method in a header.
    pub fn of_request(&self, head: &request::Parts) -> Option<Matched> {
        self.find(head.uri.path(), |route| method::effective(route, head))
    }

    fn find(&self, path: &str, method: impl Fn(&Route) -> Method) -> Option<Matched> {
        let path = pattern::normalise(path)?;
        let (place, parameters) = self.place(&path)?;
        let taking =
            |entry: &&Entry| self.all.get(entry.index).is_some_and(|route| route.takes(&method(route)));
        let entry = place.entries.iter().find(taking).or_else(|| place.entries.first())?;
        let route = self.all.get(entry.index)?;
        let method = method(route);
        Some(Matched {
            route: Arc::clone(route),
            index: entry.index,
            id: entry.id(route, &parameters),
            tapped: route.takes(&method),
            method,
        })
    }

    /// The most specific template that matches, and the texts of its parameters.
    fn place(&self, path: &str) -> Option<(&Place, Vec<String>)> {
        let at = |path: &str| {
            let found = self.router.at(path).ok()?;
            Some((found.value, found.params.iter().map(|(_, text)| text.to_owned()).collect()))
        };
        if !self.splits || !path.contains('(') {
            return at(path);
        }
        let places = pattern::readings(path).into_iter().filter_map(|reading| at(&reading));
        places.min_by(|(one, _), (other, _)| one.rank.cmp(&other.rank))
    }

    /// In the order of the config.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.all.iter()
    }

    /// Routes that can never match, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// Entries of one path of which every method is taken by an earlier one.
fn shadowed(entries: &[Entry], routes: &[Arc<Route>]) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut taken: Vec<(&Method, usize)> = Vec::new();
    for entry in entries {
        let Some(route) = routes.get(entry.index) else { continue };
        let by = |method: &Method| taken.iter().find(|(m, _)| *m == method).map(|(_, index)| *index);
        let owners: Option<Vec<usize>> = route.methods.iter().map(by).collect();
        let first = owners.as_ref().and_then(|owners| owners.first().copied());
        if let Some(first) = first.and_then(|index| routes.get(index)) {
            let what = if entry.kind == Kind::Collection { "the collection of route" } else { "route" };
            warnings.push(format!(
                "{what} {} ({}) is shadowed by route {} ({}): it never matches",
                route.path, route.model.name, first.path, first.model.name
            ));
        }
        taken.extend(route.methods.iter().map(|method| (method, entry.index)));
    }
    warnings
}
