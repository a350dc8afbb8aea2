//! `[[route]]`.

use std::collections::HashMap;
use std::sync::Arc;

use http::Method;
use toml::de::{DeTable, DeValue};

use super::reader::{Reader, Section};
use super::setting::{Setting, word};
use super::{answers, query, rules, visibility};
use crate::event::Operation;
use crate::query::Settings;
use crate::route::{IdType, MAX_MODEL_BYTES, Model, Pattern, Route};
use crate::rules::Rules;

const WRITES: [Method; 4] = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// What a route's tables say.
pub(super) type Read = (Route, (Option<Settings>, Rules));

/// Reads every route; routes of one model share it.
pub(super) fn routes<'a>(reader: &'a Reader<'a>, root: &'a DeTable<'a>) -> Vec<Read> {
    let mut models: HashMap<String, Arc<Model>> = HashMap::new();
    let sections = reader.sections(root, "route");
    sections.into_iter().filter_map(|section| route(section, &mut models)).collect()
}

fn route(section: Section<'_>, models: &mut HashMap<String, Arc<Model>>) -> Option<Read> {
    let path = section.require("path", "\"/api/authors/{id}\"", |value| {
        let text = String::read(value)?;
        Ok((Pattern::parse(&text)?, text))
    });
    let model = section.require("model", "\"author\"", model_name);
    let action = section.get("action", String::new());
    let operations = [
        ("auto", None),
        ("create", Some(Operation::Create)),
        ("update", Some(Operation::Update)),
        ("delete", Some(Operation::Delete)),
    ];
    let id_types = [("auto", IdType::Auto), ("integer", IdType::Integer), ("string", IdType::String)];
    let parameter = model.as_deref().and_then(parameter).map(ToOwned::to_owned);
    let model = model.map(|name| match &parameter {
        Some(_) => Arc::new(Model::new(&name)),
        None => share(&section, models, &name),
    });
    // Everything is read before anything is given up, so that every problem is found.
    let methods = section.read("methods", methods).unwrap_or_else(|| WRITES.to_vec());
    let operation = section.read("operation", |value| word(value, &operations)).flatten();
    let answers = answers::answers(&section);
    let id_type = section.read("id_type", |value| word(value, &id_types)).unwrap_or(IdType::Auto);
    let fields = section.get("fields", Vec::new());
    let publish_reads = section.get("publish_reads", false);
    let visibility = visibility::visibility(&section);
    let method_override = answers::method_override(&section);
    let (mut pattern, path) = path.unzip();
    answers::key(&section, pattern.as_mut(), answers.id.parts.len());
    if answers.id.is_composite() && id_type == IdType::Integer {
        section.report("id_type", "an id of several parts is a string: leave id_type out");
    }
    if let Some(Err(expected)) =
        pattern.as_mut().zip(parameter).map(|(pattern, name)| pattern.set_model(&name))
    {
        section.report("model", format!("expected {expected}"));
    }
    let query = query::settings(&section, pattern.as_ref());
    let rules = rules::rules(&section);
    section.finish();
    let route = Route {
        path: path?,
        pattern: pattern?,
        model: model?,
        methods,
        operation,
        action: (!action.is_empty()).then(|| Arc::from(action.as_str())),
        record: answers.record,
        list: answers.list,
        item: answers.item,
        item_status: answers.item_status,
        id: answers.id,
        id_type,
        fields,
        publish_reads,
        visibility,
        success_when: answers.success_when,
        method_override,
    };
    Some((route, (query, rules)))
}

/// The model of that name; names that differ only by case would be one topic.
fn share(section: &Section<'_>, models: &mut HashMap<String, Arc<Model>>, name: &str) -> Arc<Model> {
    let model = models.entry(name.to_lowercase()).or_insert_with(|| Arc::new(Model::new(name)));
    if *model.name != *name {
        section.report("model", format!("differs from \"{}\" only by case: write both alike", model.name));
    }
    Arc::clone(model)
}

fn model_name(value: &DeValue<'_>) -> Result<String, String> {
    let name = String::read(value)?;
    let braces = name.contains(['{', '}']) && parameter(&name).is_none();
    if name.to_lowercase() == "all" {
        return Err("another name: \"all\" is the topic of all models".to_owned());
    }
    if braces || !Model::is_name(&name) {
        return Err(format!(
            "a name of up to {MAX_MODEL_BYTES} bytes without \"/\", \"*\" and braces, or one parameter of the \
             path in braces, such as \"{{collection}}\""
        ));
    }
    Ok(name)
}

/// The parameter of the path that is the model's name.
fn parameter(model: &str) -> Option<&str> {
    let name = model.strip_prefix('{')?.strip_suffix('}')?;
    (!name.is_empty() && !name.contains(['{', '}'])).then_some(name)
}

fn methods(value: &DeValue<'_>) -> Result<Vec<Method>, String> {
    let names = Vec::<String>::read(value)?;
    let find = |name: &String| WRITES.iter().find(|method| method.as_str() == name).cloned();
    let methods: Option<Vec<Method>> = names.iter().map(find).collect();
    let expected = || "a list of POST, PUT, PATCH and DELETE (for GET see publish_reads)".to_owned();
    methods.filter(|methods| !methods.is_empty()).ok_or_else(expected)
}
