//! Routes: which path is which model, and how its answers are read. Built once from the config.

mod pattern;
mod pointer;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use http::Method;

use crate::event::{Json, Operation};
pub use pattern::Pattern;
pub use pointer::Pointer;

/// A model: what routes write and readers subscribe to.
#[derive(Debug)]
pub struct Model {
    /// Its name as in the config.
    pub name: Arc<str>,
    seen: AtomicU8,
}

/// The JSON type of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdType {
    /// As last seen in a body of this model; until then, decimal integers are numbers.
    Auto,
    /// Numbers, where the text is a decimal integer up to 2^53.
    Integer,
    /// Strings.
    String,
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
    /// Where the id stands in a record.
    pub id: Pointer,
    /// The ids' type.
    pub id_type: IdType,
    /// Allow-list of top-level fields of the record; empty: all.
    pub fields: Vec<String>,
    /// GET answers give events too.
    pub publish_reads: bool,
    /// Who may read the events.
    pub visibility: Visibility,
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
            IdType::Auto => self.model.numbers().unwrap_or(true),
            IdType::Integer => true,
            IdType::String => false,
        };
        match Json::parse(text) {
            Some(json) if number && is_canonical_integer(text) => json,
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

/// `0|[1-9][0-9]*`, up to 2^53: what every JSON reader takes as the same number.
fn is_canonical_integer(text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    digits && canonical && text.parse::<u64>().is_ok_and(|n| n <= 1 << 53)
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
    id: Option<usize>,
}

/// All routes, most specific first: at each segment a constant beats a parameter, and a route's own path
/// beats the collection that another route implies.
#[derive(Debug)]
pub struct Routes {
    all: Vec<Arc<Route>>,
    router: matchit::Router<Vec<Entry>>,
    warnings: Vec<String>,
}

impl Routes {
    /// Takes the routes in the order of the config.
    ///
    /// # Errors
    /// Two patterns that the router cannot hold together; not seen for any pattern that parses.
    pub fn new(routes: Vec<Route>) -> Result<Self, String> {
        let routes: Vec<Arc<Route>> = routes.into_iter().map(Arc::new).collect();
        let mut tables: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for (index, route) in routes.iter().enumerate() {
            let item = Entry { kind: Kind::Item, index, id: route.pattern.id_index() };
            tables.entry(route.pattern.key()).or_default().push(item);
            if let Some(collection) = route.pattern.collection() {
                let implied = Entry { kind: Kind::Collection, index, id: None };
                tables.entry(collection.key()).or_default().push(implied);
            }
        }
        let mut router = matchit::Router::new();
        let mut warnings = Vec::new();
        for (key, mut entries) in tables {
            entries.sort_by_key(|entry| (entry.kind, entry.index));
            warnings.extend(shadowed(&entries, &routes));
            router.insert(&key, entries).map_err(|error| format!("{key}: {error}"))?;
        }
        warnings.sort();
        Ok(Self { all: routes, router, warnings })
    }

    /// The route of a request. Prefers, among the routes of one path, the first that takes the method.
    pub fn classify(&self, method: &Method, path: &str) -> Option<Matched> {
        let path = pattern::normalise(path)?;
        let found = self.router.at(&path).ok()?;
        let taking = |entry: &&Entry| self.all.get(entry.index).is_some_and(|route| route.takes(method));
        let entry = found.value.iter().find(taking).or_else(|| found.value.first())?;
        let route = self.all.get(entry.index)?;
        let id = entry.id.and_then(|number| found.params.iter().nth(number));
        Some(Matched {
            route: Arc::clone(route),
            index: entry.index,
            id: id.map(|(_, text)| pattern::parameter(text)),
            tapped: route.takes(method),
        })
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
