//! The messages that writes become. The original says nothing of its own accord: these are the ones that its
//! document has applications send after a write.

use serde_json::Value;

use super::super::Options;
use crate::event::{Event, Item, Json, Operation, Origin, Outcome};

/// What stands for the model in the type of a message.
const MODEL: &str = "{name}";

/// Those of an endpoint.
#[derive(Debug)]
pub(super) struct Templates {
    created: Template,
    updated: Template,
    deleted: Template,
    custom: Template,
    /// Of an update it is told what its writer asked for, as far as that is known.
    requests: bool,
}

/// How one kind of write is told.
#[derive(Debug)]
struct Template {
    /// With [`MODEL`] in it or not; `None`: such writes are not told.
    kind: Option<String>,
    /// What the record is called inside `data`; `None`: it is not there.
    key: Option<String>,
}

impl Templates {
    pub(super) fn read(options: &dyn Options) -> Self {
        let updates_of = options.text("updates", "record");
        if !["record", "request"].contains(&&*updates_of) {
            options.report("updates", "expected one of \"record\", \"request\"".to_owned());
        }
        let item = key(options, "item_key", "item");
        let updates = key(options, "updates_key", "updates");
        Self {
            created: Template::new(options.text("created_type", "{name}_created"), Some(item.clone())),
            updated: Template::new(options.text("updated_type", "{name}_updated"), Some(updates)),
            deleted: Template::new(options.text("deleted_type", "{name}_deleted"), None),
            custom: Template { kind: None, key: Some(item) },
            requests: updates_of == "request",
        }
    }

    pub(super) fn show_requests(&self) -> bool {
        self.requests
    }

    /// What is said of an item, or of a list of which no item is known, but for what every message gets. `None`
    /// where the dialect has no word for it: doubt, what is only read, and who comes and goes.
    pub(super) fn message(&self, event: &Event, item: Option<&Item>) -> Option<String> {
        let asked = event.request_body.as_ref();
        let asked = asked.filter(|_| self.requests && event.operation == Operation::Update);
        let content = asked.or_else(|| item?.record.as_ref());
        Some(self.of(event)?.message(event, item.and_then(|item| item.id.as_ref()), content))
    }

    fn of(&self, event: &Event) -> Option<&Template> {
        if event.outcome == Outcome::Uncertain {
            return None;
        }
        let is_told = |template: &&Template| template.kind.is_some();
        match event.operation {
            Operation::Create => Some(&self.created).filter(is_told),
            Operation::Update => Some(&self.updated).filter(is_told),
            Operation::Delete => Some(&self.deleted).filter(is_told),
            Operation::Custom => Some(&self.custom).filter(|_| event.origin == Origin::PublishApi),
            Operation::Read => None,
        }
    }
}

impl Template {
    fn new(kind: String, key: Option<String>) -> Self {
        Self { kind: Some(kind).filter(|kind| !kind.is_empty()), key }
    }

    /// The id is a text, as in every example of the document.
    fn message(&self, event: &Event, id: Option<&Json>, content: Option<&Json>) -> String {
        let kind = match &self.kind {
            Some(kind) => kind.replace(MODEL, &event.model),
            None => event.action.as_deref().unwrap_or("event").to_owned(),
        };
        let id = id.and_then(Json::scalar_text).map_or(Value::Null, Value::from);
        let content = content.map_or("null", Json::as_str);
        let content = self.key.as_ref().map(|key| format!(",{}:{content}", Value::from(key.as_str())));
        let content = content.unwrap_or_default();
        format!(r#"{{"type":{},"data":{{"id":{id}{content}}}}}"#, Value::from(kind))
    }
}

fn key(options: &dyn Options, key: &'static str, default: &str) -> String {
    let name = options.text(key, default);
    if name.is_empty() || name == "id" {
        options.report(key, "expected a name, and not \"id\"".to_owned());
    }
    name
}
