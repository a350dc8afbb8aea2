//! Which route a request falls under.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{Method, request};

use super::model::{self, Models};
use super::pattern::Parameter;
use super::requests::Kept;
use super::{Matched, Pattern, Route, composite, key, method, path};

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
    key: Vec<Parameter>,
}

impl Entry {
    fn id(&self, route: &Route, parameters: &[String]) -> Option<String> {
        let text = |number: &usize| parameters.get(*number).map(|text| path::parameter(text));
        match self.key.as_slice() {
            [] => None,
            [(number, true)] => text(number).map(|key| key::id(&key, &route.id)),
            [(number, false)] => text(number),
            several => {
                let parts: Option<Vec<String>> =
                    several.iter().map(|part| value(*part, parameters)).collect();
                parts.map(|parts| composite(&parts))
            }
        }
    }
}

/// The text of a parameter, without the quotes that a key in parentheses may have.
fn value((number, parenthesised): Parameter, parameters: &[String]) -> Option<String> {
    let text = path::parameter(parameters.get(number)?);
    Some(if parenthesised { key::unquoted(&text) } else { text })
}

/// What a request to this route writes.
fn model(route: &Route, parameters: &[String]) -> Option<Arc<str>> {
    match route.pattern.model() {
        Some(parameter) => model::named(&value(parameter, parameters)?),
        None => Some(Arc::clone(&route.model.name)),
    }
}

/// What one template leads to.
#[derive(Debug, Default)]
struct Place {
    rank: Vec<u8>,
    entries: Vec<Entry>,
}

/// Where paths lead.
#[derive(Debug)]
pub(super) struct Map {
    all: Vec<Arc<Route>>,
    router: matchit::Router<Place>,
    /// The same as a backend may see it that takes no notice of letters' case.
    loose: matchit::Router<Place>,
    /// Some template has a key split off.
    splits: bool,
}

/// To which route, with the texts of the path's parameters.
struct Way<'a> {
    index: usize,
    entry: &'a Entry,
    route: &'a Arc<Route>,
    parameters: Vec<String>,
}

/// All routes, most specific first: at each segment a constant beats a key in parentheses, that a parameter,
/// and a route's own path beats the collection that another route implies.
#[derive(Debug)]
pub struct Routes {
    map: Arc<Map>,
    models: Arc<Models>,
    pub(super) kept: Kept,
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
        let mut warnings = Vec::new();
        let mut loose: BTreeMap<String, Place> = BTreeMap::new();
        for (template, place) in &mut places {
            place.entries.sort_by_key(|entry| (entry.kind, entry.index));
            warnings.extend(shadowed(&place.entries, &routes));
            let alike = loose.entry(path::folded(template)).or_default();
            alike.rank.clone_from(&place.rank);
            alike.entries.extend(place.entries.iter().cloned());
        }
        let (router, loose) = (router(places)?, router(loose)?);
        warnings.sort();
        let splits = routes.iter().any(|route| route.pattern.is_split());
        let configured = routes.iter().filter(|route| !route.pattern.names_model()).map(|route| &route.model);
        let models = Arc::new(Models::new(configured));
        let map = Arc::new(Map { all: routes, router, loose, splits });
        Ok(Self { map, models, kept: Kept::default(), warnings })
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
        let Way { index, entry, route, parameters } = self.map.way(path, &method)?;
        let method = method(route);
        let tapped = route.takes(&method);
        let model = model(route, &parameters);
        let keep_request = tapped && model.as_deref().is_some_and(|model| self.kept.has(model));
        Some(Matched {
            route: Arc::clone(route),
            index,
            model,
            id: entry.id(route, &parameters),
            tapped,
            keep_request,
            method,
            models: Arc::clone(&self.models),
        })
    }

    /// What a path names that an answer refers to: the route by which it would be written.
    pub fn of_reference(&self, path: &str) -> Option<Matched> {
        self.classify(&Method::PUT, path)
    }

    /// In the order of the config.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.map.all.iter()
    }

    pub(super) fn map(&self) -> &Arc<Map> {
        &self.map
    }

    pub(super) fn models(&self) -> &Arc<Models> {
        &self.models
    }

    /// Routes that can never match, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Map {
    fn way(&self, path: &str, method: impl Fn(&Route) -> Method) -> Option<Way<'_>> {
        self.normal_way(&path::normalise(path)?, method)
    }

    fn normal_way(&self, path: &str, method: impl Fn(&Route) -> Method) -> Option<Way<'_>> {
        let (place, parameters) = self.place(&self.router, path)?;
        let taking =
            |entry: &&Entry| self.all.get(entry.index).is_some_and(|route| route.takes(&method(route)));
        let entry = place.entries.iter().find(taking).or_else(|| place.entries.first())?;
        let route = self.all.get(entry.index)?;
        Some(Way { index: entry.index, entry, route, parameters })
    }

    /// See [`Address::leads_to`](super::Address::leads_to).
    pub(super) fn leads_to(
        &self,
        (method, path): (&Method, &str),
        model: &str,
        id: Option<&str>,
        is_free: bool,
    ) -> bool {
        let Some(path) = path::normalise(path) else { return is_free };
        let way = self.normal_way(&path, |_| method.clone());
        if self.strays(way.as_ref(), &path, model) {
            return false;
        }
        let Some(Way { entry, route, parameters, .. }) = way else { return is_free };
        let found = self::model(route, &parameters);
        let is_model =
            found.is_some_and(|found| *found == *model || found.to_lowercase() == model.to_lowercase());
        is_model && (is_free || entry.id(route, &parameters).as_deref() == id)
    }

    /// Whether a route has this path and takes the method.
    pub(super) fn takes(&self, method: &Method, path: &str) -> bool {
        self.way(path, |_| method.clone()).is_some_and(|way| way.route.takes(method))
    }

    /// Whether a backend may take a path for that of something else: one that takes no notice of letters' case
    /// (Express), or takes what stands behind the last full stop for a format (`users.json`). `way`: where it leads,
    /// `model`: what is meant.
    fn strays(&self, way: Option<&Way<'_>>, path: &str, model: &str) -> bool {
        let leads_away = |place: &Place, parameters: &[String]| {
            !place.entries.iter().any(|entry| match (way, self.all.get(entry.index)) {
                (Some(way), _) => way.index == entry.index && way.entry.kind == entry.kind,
                (None, route) => route
                    .and_then(|route| self::model(route, parameters))
                    .is_some_and(|found| path::folded(&found) == path::folded(model)),
            })
        };
        let is_chosen = || way.is_none_or(|way| way.route.pattern.has_parameter(path.matches('/').count()));
        let others = [Some(path), path::without_format(path).filter(|_| is_chosen())];
        others.into_iter().flatten().any(|path| {
            let place = self.place(&self.loose, &path::folded(path));
            place.is_some_and(|(place, parameters)| leads_away(place, &parameters))
        })
    }

    /// The most specific template that matches, and the texts of its parameters.
    fn place<'a>(&self, router: &'a matchit::Router<Place>, path: &str) -> Option<(&'a Place, Vec<String>)> {
        let at = |path: &str| {
            let found = router.at(path).ok()?;
            Some((found.value, found.params.iter().map(|(_, text)| text.to_owned()).collect()))
        };
        if !self.splits || !path.contains('(') {
            return at(path);
        }
        let places = path::readings(path).into_iter().filter_map(|reading| at(&reading));
        places.min_by(|(one, _), (other, _)| one.rank.cmp(&other.rank))
    }
}

fn router(places: BTreeMap<String, Place>) -> Result<matchit::Router<Place>, String> {
    let mut router = matchit::Router::new();
    for (template, place) in places {
        router.insert(&template, place).map_err(|error| format!("{template}: {error}"))?;
    }
    Ok(router)
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
