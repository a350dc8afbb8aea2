//! What a client's request, or a program, has others hear.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::Options;
use super::reading;
use super::scope::{Root, Scope};
use super::template::{Template, Text};
use crate::event::Json;
use crate::message::{Group, Push, Target};

/// `[[endpoint.request.emit]]`, `[[endpoint.shortcut.emit]]`.
#[derive(Debug)]
pub(super) struct Emission {
    /// What must be said, and as what; `None`: always.
    when: Option<(Text, Vec<String>)>,
    event: String,
    data: Template,
    /// The rooms of each namespace; none: everybody there.
    to: BTreeMap<String, Vec<Text>>,
}

impl Emission {
    /// What is wrong is reported; what may be named in `to` and `when`, and in the data.
    pub(super) fn read(options: &dyn Options, (asked, said): (&[Root], &[Root])) -> Self {
        let event = reading::event(options, "event");
        if event.is_empty() {
            options.report("event", "is missing; for example event = \"announcement\"".to_owned());
        }
        let is = options.texts("is");
        let when = reading::text(options, "when", asked);
        if when.is_some() == is.is_empty() {
            options.report(
                "is",
                "belongs to when: when = \"{data.target}\", is = [\"all\", \"client_*\"]".to_owned(),
            );
        }
        Self {
            when: when.map(|when| (when, is)),
            event,
            data: reading::template(options, "data", &json!("{data}"), said),
            to: to(options, asked),
        }
    }

    /// One push for each namespace; `endpoint`: whose they are.
    pub(super) fn pushes(&self, endpoint: &Arc<str>, scope: &Scope<'_>) -> Vec<Push> {
        if !self.is_meant(scope) {
            return Vec::new();
        }
        let message = message(&self.event, &self.data.fill(scope));
        let push = |(namespace, rooms): (&String, &Vec<Text>)| {
            let filled: Option<Vec<String>> = rooms.iter().map(|room| room.fill(scope)).collect();
            let rooms = filled?.into_iter().map(Arc::from).collect();
            let to = Target {
                endpoint: Some(Arc::clone(endpoint)),
                namespace: Some(Arc::from(namespace.as_str())),
                only: Group { rooms, ..Group::default() },
                ..Target::default()
            };
            Some(Push::new(to, message.clone()))
        };
        self.to.iter().filter_map(push).collect()
    }

    fn is_meant(&self, scope: &Scope<'_>) -> bool {
        let Some((when, is)) = &self.when else { return true };
        when.fill(scope).is_some_and(|said| {
            is.iter().any(|is| match is.strip_suffix('*') {
                Some(start) => said.len() > start.len() && said.starts_with(start),
                None => said == *is,
            })
        })
    }

    /// Namespaces that it names.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &String> {
        self.to.keys()
    }
}

/// What a namespace makes an event of: its name, and its one argument as JSON text.
pub(super) fn message(event: &str, data: &str) -> Json {
    Json::from_valid(format!(r#"{{"event":{},"data":{data}}}"#, super::packet::quoted(event)))
}

fn to(options: &dyn Options, asked: &[Root]) -> BTreeMap<String, Vec<Text>> {
    let expected =
        || "expected namespaces with rooms, such as { \"/admin\" = [\"admins\"], \"/\" = [] }".to_owned();
    let Some(Value::Object(members)) = options.json("to") else {
        options.report("to", expected());
        return BTreeMap::new();
    };
    let room = |room: &Value| Text::parse(room.as_str().ok_or_else(expected)?, asked);
    let rooms = |value: &Value| -> Result<Vec<Text>, String> {
        value.as_array().ok_or_else(expected)?.iter().map(room).collect()
    };
    let mut to = BTreeMap::new();
    for (namespace, value) in members {
        match rooms(&value) {
            Ok(rooms) => drop(to.insert(namespace, rooms)),
            Err(message) => options.report("to", message),
        }
    }
    to
}
