//! What collections are called by clients, and what they are in the hub. Most have their model's name; the
//! models that hold the collections themselves are one collection together.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event::{Item, Json, Topic};

/// All collections at once.
pub(super) const GLOBAL: &str = "*";
/// The collection of collections, and the model that is one by default.
pub(super) const COLLECTIONS: &str = "__collections__";

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Collections {
    /// Models whose records are collections, in lower case.
    schemas: Vec<String>,
}

impl Collections {
    /// With no names, the usual one.
    pub(super) fn new(schemas: &[String]) -> Self {
        let usual = [COLLECTIONS.to_owned()];
        let schemas = if schemas.is_empty() { &usual } else { schemas };
        Self { schemas: schemas.iter().map(|name| name.to_lowercase()).collect() }
    }

    /// The records of this model are collections.
    pub(super) fn is_schema(&self, model: &str) -> bool {
        self.schemas.contains(&model.to_lowercase())
    }

    /// Where a collection's events are. Nowhere, if no model can be called so: in the hub such a name means
    /// something else.
    pub(super) fn topics(&self, collection: &str) -> Vec<Topic> {
        if collection == GLOBAL {
            return vec![Topic::all()];
        }
        if collection.to_lowercase() == COLLECTIONS {
            return self.schemas.iter().map(|schema| Topic::model(schema)).collect();
        }
        let topic = Topic::model(collection);
        let is_other = topic == Topic::all() || collection.contains('/') || self.is_schema(collection);
        if is_other { Vec::new() } else { vec![topic] }
    }

    /// What the collection is called whose events are there.
    pub(super) fn name(&self, topic: &Topic) -> String {
        let name = topic.to_string();
        if *topic == Topic::all() {
            return GLOBAL.to_owned();
        }
        if self.is_schema(&name) { COLLECTIONS.to_owned() } else { name }
    }
}

/// What events tell of a collection; the rest of it is for whoever may ask for it.
#[derive(Deserialize)]
struct Schema<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
}

/// The same as JSON; `None` where the record is not there.
pub(super) fn schema(item: &Item) -> Option<String> {
    let schema: Schema<'_> = serde_json::from_str(item.record.as_ref()?.as_str()).ok()?;
    let text = |value: Option<&RawValue>| value.map_or("null", RawValue::get).to_owned();
    let id = item.id.as_ref().map_or("null", Json::as_str);
    Some(format!(r#"{{"id":{id},"name":{},"type":{}}}"#, text(schema.name), text(schema.kind)))
}
