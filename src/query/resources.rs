//! What clients may name, and what is known of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::value::RawValue;

use super::Translation;
use crate::event::Json;
use crate::json;
use crate::route::Address;
use crate::rules::{Rulebook, Rules, fold};

/// The schema of a resource that names none.
const SCHEMA: &str = "public";

/// `[route.query]`.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What clients call it; `None`: the last constant of the path.
    pub entity: Option<String>,
    /// In which schema; `None`: `public`.
    pub schema: Option<String>,
    /// The fields of its records, for whoever asks; empty: not known.
    pub fields: Vec<String>,
    /// Relations that clients may preload where something is kept from them.
    pub relations: Vec<String>,
    /// How the backend is asked.
    pub translation: Translation,
}

/// What a client can read and write.
#[derive(Debug, Clone)]
pub struct Resource {
    /// The schema that it is in.
    pub schema: Arc<str>,
    /// What clients call it.
    pub entity: Arc<str>,
    /// The model whose events its writes give.
    pub model: Arc<str>,
    /// The fields of its records; empty: not known.
    pub columns: Arc<[String]>,
    pub(super) relations: Arc<[String]>,
    pub(super) address: Address,
    pub(super) translation: Arc<Translation>,
    rules: Arc<Rules>,
}

/// All that clients can name.
#[derive(Debug, Default)]
pub struct Resources {
    pub(super) named: HashMap<String, Vec<Resource>>,
    /// Those whose path names the entity.
    pub(super) open: Vec<Resource>,
    /// The collections of all others in lower case, which no open one leads to.
    taken: HashSet<String>,
    /// What the id of each model is called, by its name in lower case: as its first route has it.
    id_fields: HashMap<String, String>,
    pub(super) rules: Rulebook,
}

impl Resources {
    /// Takes the routes in the order of the config, each with its `[route.query]`, if it has one. Of two that
    /// would be called alike, the one with settings counts, then one without parameters in its path.
    pub fn new(routes: impl IntoIterator<Item = (Address, Option<Settings>)>) -> Self {
        let usable = |(address, settings): &(Address, Option<Settings>)| {
            let is_plain = address.route.action.is_none() && address.route.operation.is_none();
            settings.is_some() || (is_plain && address.is_resource())
        };
        let mut routes: Vec<_> = routes.into_iter().filter(usable).collect();
        routes.sort_by_key(|(address, settings)| (settings.is_none(), !address.list_parameters().is_empty()));
        let mut resources = Self::default();
        for (address, settings) in routes {
            resources.add(address, settings.unwrap_or_default());
        }
        resources
    }

    /// The same, with rules about them.
    #[must_use]
    pub fn ruled(mut self, rules: Rulebook) -> Self {
        for resource in self.named.values_mut().flatten() {
            resource.rules = Arc::clone(rules.find(&resource.model));
        }
        self.rules = rules;
        self
    }

    /// What clients may do with records of this model, and see of them.
    pub fn rules(&self, model: &str) -> &Arc<Rules> {
        self.rules.find(model)
    }

    fn add(&mut self, address: Address, settings: Settings) {
        let is_open = address.model_parameter().is_some();
        let named = settings.entity.or_else(|| address.collection_name()).filter(|_| !is_open);
        let resource = Resource {
            schema: Arc::from(settings.schema.as_deref().unwrap_or(SCHEMA)),
            entity: Arc::from(named.as_deref().unwrap_or_default()),
            model: Arc::clone(&address.route.model.name),
            columns: settings.fields.into(),
            relations: settings.relations.into(),
            translation: Arc::new(settings.translation),
            rules: Arc::default(),
            address,
        };
        if is_open {
            self.open.push(resource);
        } else if let Some(name) = named {
            // Some backends take paths whatever their letters' case.
            self.taken.extend(resource.address.collection(&BTreeMap::new()).map(|path| path.to_lowercase()));
            let (model, field) = (resource.model.to_lowercase(), resource.id_field().to_owned());
            self.id_fields.entry(model).or_insert(field);
            self.named.entry(name).or_default().push(resource);
        }
    }

    /// The resource of that name; without a schema the first one of any.
    pub fn find(&self, schema: Option<&str>, entity: &str) -> Option<Resource> {
        let schema = schema.filter(|schema| !schema.is_empty());
        let is_in = |resource: &&Resource| schema.is_none_or(|schema| *resource.schema == *schema);
        let named = self.named.get(entity).into_iter().flatten().find(is_in).cloned();
        named.or_else(|| self.open.iter().filter(is_in).find_map(|open| self.named_by_path(open, entity)))
    }

    /// What the id is called in records of that model.
    pub fn id_field(&self, model: &str) -> &str {
        let known = self.id_fields.get(&model.to_lowercase()).map(String::as_str);
        known.or_else(|| self.open.first().map(Resource::id_field)).unwrap_or("id")
    }

    /// Where the backend has the record of a model in lower case, or all that there are; `None`: no route says so, or
    /// it depends on more than this. Of several paths the shortest.
    pub fn path(&self, model: &str, id: Option<&str>) -> Option<String> {
        let place = |resource: &Resource, known: &BTreeMap<String, String>| match id {
            None => resource.address.collection(known),
            Some(id) => resource.address.item(known, &resource.address.typed_id(&resource.model, id)),
        };
        let is_of = |resource: &&Resource| resource.model.to_lowercase() == model;
        let named = self.named.values().flatten().filter(is_of);
        let paths = named.filter_map(|resource| place(resource, &BTreeMap::new()));
        let open = || {
            let open = self.open.iter().filter_map(|open| self.named_by_path(open, model));
            open.filter(|resource| is_of(&resource)).find_map(|resource| {
                let parameter = resource.address.model_parameter()?.to_owned();
                place(&resource, &BTreeMap::from([(parameter, model.to_owned())]))
            })
        };
        paths.min_by_key(|path| (path.len(), path.clone())).or_else(open)
    }

    fn named_by_path(&self, open: &Resource, entity: &str) -> Option<Resource> {
        let parameter = open.address.model_parameter()?;
        let model = open.address.model_named(entity)?;
        let known = BTreeMap::from([(parameter.to_owned(), entity.to_owned())]);
        // Where the path has further parameters, no other collection is meant by it.
        let others = || open.address.list_parameters().len() > 1;
        let is_free = open
            .address
            .collection(&known)
            .map_or_else(others, |path| !self.taken.contains(&path.to_lowercase()));
        let rules = Arc::clone(self.rules.find(&model));
        is_free.then(|| Resource { entity: Arc::from(entity), model, rules, ..open.clone() })
    }
}

impl Resource {
    /// What the id is called in a record: the first part of it, where it has several.
    pub fn id_field(&self) -> &str {
        let last = self.address.route.id.parts.first().and_then(|pointer| pointer.tokens().last());
        last.unwrap_or("id")
    }

    /// What data calls an id that is not this one, also in the envelope that the backend has around records.
    pub fn other_id(&self, id: &Json, data: &Json) -> Option<&str> {
        let mut said = json::members(json::parse(data.as_str())?)?;
        let mut inside = said.clone();
        for token in self.address.route.record.tokens() {
            let named = inside.into_iter().filter(|(member, _)| fold(member) == fold(token));
            inside = named.filter_map(|(_, value)| json::members(value)).flatten().collect();
            said.extend(inside.iter().cloned());
        }
        let is_other = |value: &RawValue, own: &Option<String>| {
            Json::parse(value.get()).and_then(|value| value.scalar_text()) != *own
        };
        let found = self.address.id_parts(id).into_iter().find(|(name, own)| {
            let mut named = said.iter().filter(|(member, _)| fold(member) == fold(name));
            named.any(|(_, value)| is_other(value, own))
        });
        found.map(|(name, _)| name)
    }

    /// What clients may do with its records, and see of them.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The path of its route, as the config has it.
    pub fn route(&self) -> &str {
        &self.address.route.path
    }

    /// The parameters of its paths that are no part of the id.
    pub fn parameters(&self) -> Vec<String> {
        [self.address.list_parameters(), self.address.item_parameters()].concat()
    }

    /// An id as a client wrote it, with the JSON type that the model's ids have.
    pub fn typed_id(&self, id: &Json) -> Json {
        match id.scalar_text() {
            Some(text) if id.as_str().starts_with('"') => self.address.typed_id(&self.model, &text),
            _ => id.clone(),
        }
    }
}
