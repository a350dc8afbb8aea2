//! What a record of the sample backend looks like: its fields, and whether a body fits them.

use std::fmt;

use serde_json::{Map, Value};

/// The longest text a field may have, in characters; it bounds the memory of a full collection.
const TEXT_LIMIT: usize = 200;

pub(super) static AUTHOR: Shape = Shape {
    noun: "author",
    parent: None,
    fields: &[Field::required("name", Kind::Text), Field::optional("born", Kind::Year)],
};

pub(super) static BOOK: Shape = Shape {
    noun: "book",
    parent: Some("author_id"),
    fields: &[Field::required("title", Kind::Text), Field::optional("year", Kind::Year)],
};

/// The fields of one kind of record.
#[derive(Debug)]
pub(super) struct Shape {
    /// What messages call one record.
    pub(super) noun: &'static str,
    /// The field that holds the parent's id, for a nested collection.
    parent: Option<&'static str>,
    fields: &'static [Field],
}

#[derive(Debug)]
struct Field {
    name: &'static str,
    kind: Kind,
    is_required: bool,
}

#[derive(Debug)]
enum Kind {
    Text,
    Year,
}

/// One author or one book. Its `Display` is its JSON.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) id: u64,
    /// The author's id where the shape has a parent; 0 elsewhere.
    pub(super) parent_id: u64,
    shape: &'static Shape,
    values: Map<String, Value>,
}

impl Record {
    /// A record without values yet: fill it with [`Record::merged`].
    pub(super) fn empty(shape: &'static Shape, id: u64, parent_id: u64) -> Self {
        Self { id, parent_id, shape, values: Map::new() }
    }

    /// The same record, holding nothing but what `body` says.
    pub(super) fn replaced(&self, body: Map<String, Value>) -> Result<Self, String> {
        Self::empty(self.shape, self.id, self.parent_id).merged(body)
    }

    /// This record changed by `body` as in RFC 7396: a `null` empties a field. The record's own
    /// ids may be repeated, so that what was read can be sent back. The error is for the client.
    pub(super) fn merged(&self, body: Map<String, Value>) -> Result<Self, String> {
        let mut merged = self.clone();
        for (name, value) in body {
            if let Some(own) = self.own_id(&name) {
                if value.as_u64() != Some(own) {
                    return Err(format!("\"{name}\" must stay {own} or be left out"));
                }
            } else if value.is_null() {
                self.shape.field(&name)?;
                merged.values.remove(&name);
            } else {
                self.shape.field(&name)?.check(&value)?;
                merged.values.insert(name, value);
            }
        }
        let mut required = self.shape.fields.iter().filter(|field| field.is_required);
        match required.find(|field| !merged.values.contains_key(field.name)) {
            Some(field) => Err(format!("\"{}\" is missing: {}", field.name, field.expectation())),
            None => Ok(merged),
        }
    }

    fn own_id(&self, name: &str) -> Option<u64> {
        if name == "id" { Some(self.id) } else { (self.shape.parent == Some(name)).then_some(self.parent_id) }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{\"id\":{}", self.id)?;
        if let Some(parent) = self.shape.parent {
            write!(formatter, ",\"{parent}\":{}", self.parent_id)?;
        }
        for field in self.shape.fields {
            let value = self.values.get(field.name).unwrap_or(&Value::Null);
            write!(formatter, ",\"{}\":{value}", field.name)?;
        }
        formatter.write_str("}")
    }
}

impl Shape {
    fn field(&self, name: &str) -> Result<&'static Field, String> {
        self.fields.iter().find(|field| field.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.fields.iter().map(|field| field.name).collect();
            let name: String = name.chars().take(40).collect();
            format!("\"{name}\" is not known: {} has {}", self.noun, known.join(" and "))
        })
    }
}

impl Field {
    const fn required(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, is_required: true }
    }

    const fn optional(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, is_required: false }
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        let is_right = match self.kind {
            Kind::Text => value
                .as_str()
                .is_some_and(|text| !text.trim().is_empty() && text.chars().count() <= TEXT_LIMIT),
            Kind::Year => value.as_i64().is_some_and(|year| (-9999..=9999).contains(&year)),
        };
        if is_right { Ok(()) } else { Err(format!("\"{}\" is wrong: {}", self.name, self.expectation())) }
    }

    fn expectation(&self) -> String {
        match self.kind {
            Kind::Text => format!("a text of 1 to {TEXT_LIMIT} characters is expected"),
            Kind::Year => "a year from -9999 to 9999 is expected".to_owned(),
        }
    }
}
