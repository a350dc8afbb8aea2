//! Which writes are told as which event, and in which rooms.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::super::Options;
use super::namespace::Want;
use super::position;
use super::reading;
use super::scope::{Root, Scope, WRITTEN};
use super::template::{Template, Text};
use crate::event::{Event, Item, Json, Operation, Outcome, Position, Topic};
use crate::filter::{Deletes, Filter};
use crate::message::Tag;

/// `[[endpoint.broadcast]]`: what is said of the writes of one model.
#[derive(Debug)]
pub(super) struct Broadcast {
    /// In lower case.
    pub(super) model: String,
    /// What each operation is called.
    events: Vec<(Operation, String)>,
    data: Template,
    /// The rooms of each namespace; none: everybody there.
    pub(super) to: BTreeMap<String, Vec<Room>>,
}

/// Rooms that an event goes to.
#[derive(Debug)]
pub(super) enum Room {
    /// One of this name.
    Named(String),
    /// Each record has its own: its id stands between these.
    OfRecord(String, String),
    /// Each value that records have at this path has its own.
    OfField(String, String, String),
}

impl Broadcast {
    /// What is wrong is reported.
    pub(super) fn read(options: &dyn Options) -> Self {
        let model = options.text("model", "").to_lowercase();
        if model.is_empty() || model == "all" || model.contains('/') {
            options.report("model", "expected the model of a route, such as \"platform\"".to_owned());
        }
        let operations = operations(options);
        let events = events(options, &model, &operations);
        let usual = json!({"type": "{action=update}", format!("{model}_id"): "{id}", "data": "{record}", "timestamp": "{time}"});
        let data = reading::template(options, "data", &usual, &WRITTEN);
        Self { model, events, data, to: to(options) }
    }

    /// The event's name and its data; `None`: it is not told.
    pub(super) fn say(
        &self,
        event: &Event,
        item: &Item,
        (time, position): (SystemTime, Position),
    ) -> Option<(&str, String)> {
        if event.outcome == Outcome::Uncertain {
            return None;
        }
        let (_, name) = self.events.iter().find(|(operation, _)| *operation == event.operation)?;
        let scope = Scope { written: Some((event, item)), ..Scope::at(time) };
        let data = self.data.fill(&scope);
        let has_room = matches!(&self.data, Template::Object(members) if position::fits(members));
        Some((name, if has_room { position::within(data, position) } else { data }))
    }

    /// What a socket subscribes to wherever it is in a namespace.
    pub(super) fn of_namespace(&self, namespace: &str) -> Option<Want> {
        let is_all = self.to.get(namespace).is_some_and(Vec::is_empty);
        is_all.then(|| (Topic::model(&self.model), None, None))
    }

    /// The same for who is in a room of it.
    pub(super) fn of_room(&self, namespace: &str, room: &str) -> Vec<Want> {
        let rooms = self.to.get(namespace).into_iter().flatten().zip(0..);
        rooms.filter_map(|(known, number)| known.topic(&self.model, room, number)).collect()
    }
}

impl Room {
    /// `number`: of several fields by which a record may be the room's.
    fn topic(&self, model: &str, room: &str, number: u32) -> Option<Want> {
        let between = |before: &str, after: &str| {
            room.strip_prefix(before)?.strip_suffix(after).filter(|text| !text.is_empty())
        };
        match self {
            Self::Named(name) => (name == room).then(|| (Topic::model(model), None, None)),
            Self::OfRecord(before, after) => {
                Some((Topic::record(model, between(before, after)?), None, None))
            }
            Self::OfField(before, path, after) => {
                let value = between(before, after)?;
                let list = json!([{"column": path, "operator": "eq", "value": value}]).to_string();
                let filter = Filter::from_list(&Json::parse(&list)?, Deletes::Prove).ok()??;
                let tag = Tag { text: Arc::from(room), variant: number };
                Some((Topic::model(model), Some(tag), Some(Arc::new(filter))))
            }
        }
    }

    fn parse(text: &Value) -> Result<Self, String> {
        let expected = || {
            "a room such as \"admins\", \"platform_{id}\" or \"client_{record.client_id}\", with one place in it"
                .to_owned()
        };
        let text = Text::parse(text.as_str().ok_or_else(expected)?, &[Root::Id, Root::Record])?;
        if let Some(name) = text.fixed() {
            return if name.is_empty() { Err(expected()) } else { Ok(Self::Named(name.to_owned())) };
        }
        let (before, place, after) = text.around().ok_or_else(expected)?;
        let (before, after) = (before.to_owned(), after.to_owned());
        match (place.root(), place.path()) {
            (Root::Id, []) => Ok(Self::OfRecord(before, after)),
            (Root::Record, [_, ..]) => Ok(Self::OfField(before, place.path().join("."), after)),
            _ => Err(expected()),
        }
    }
}

fn operations(options: &dyn Options) -> Vec<Operation> {
    let mut names = options.texts("operations");
    if names.is_empty() {
        names.push("update".to_owned());
    }
    let known = [Operation::Create, Operation::Update, Operation::Delete];
    let find = |name: &String| known.into_iter().find(|operation| operation.name() == name);
    let found: Option<Vec<Operation>> = names.iter().map(find).collect();
    found.unwrap_or_else(|| {
        options.report("operations", "expected create, update and delete".to_owned());
        Vec::new()
    })
}

/// A name for all, with `{operation}` in it or not.
fn events(options: &dyn Options, model: &str, operations: &[Operation]) -> Vec<(Operation, String)> {
    let name = options.text("event", "");
    let usual = format!("{model}_{{operation}}");
    let name = if name.is_empty() { usual } else { name };
    reading::check_event(options, "event", &name);
    operations.iter().map(|operation| (*operation, name.replace("{operation}", operation.name()))).collect()
}

fn to(options: &dyn Options) -> BTreeMap<String, Vec<Room>> {
    let expected =
        || "expected namespaces with rooms, such as { \"/admin\" = [\"admins\"], \"/\" = [] }".to_owned();
    let value = options.json("to");
    let Some(Value::Object(members)) = value else {
        options
            .report("to", if value.is_none() { format!("is missing; {}", expected()) } else { expected() });
        return BTreeMap::new();
    };
    let rooms = |value: &Value| -> Result<Vec<Room>, String> {
        value.as_array().ok_or_else(expected)?.iter().map(Room::parse).collect()
    };
    let mut to = BTreeMap::new();
    for (namespace, value) in &members {
        match rooms(value) {
            Ok(rooms) => drop(to.insert(namespace.clone(), rooms)),
            Err(message) => options.report("to", message),
        }
    }
    to
}
