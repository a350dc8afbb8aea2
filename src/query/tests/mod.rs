//! Wishes and the requests that they become, answers and what they say.

mod answers;
mod methods;
mod options;
mod paths;
mod presets;
mod requests;

use http::{HeaderMap, StatusCode};

use super::*;
use crate::config::Config;

/// The resource of a route, as a config says.
pub(super) fn resource(path: &str, query: &str, entity: &str) -> Resource {
    let text = format!(
        "[upstream]\nservers = [\"http://127.0.0.1:1\"]\n[[endpoint]]\npath = \"/ws\"\ndialect = \"canonical\"\n\
         [[route]]\npath = \"{path}\"\nmodel = \"thing\"\n{query}"
    );
    Config::parse("proxy.toml", &text).unwrap().resources.find(None, entity).unwrap()
}

pub(super) fn users(query: &str) -> Resource {
    resource("/api/users/{id}", &format!("[route.query]\n{query}"), "users")
}

pub(super) fn options(text: &str) -> Query {
    Query::read(&json(text)).unwrap()
}

pub(super) fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

pub(super) fn filter(column: &str, operator: &str, value: &str) -> String {
    format!(r#"{{"filters":[{{"column":"{column}","operator":"{operator}","value":{value}}}]}}"#)
}

/// Method and target of a list.
pub(super) fn list(resource: &Resource, query: &str) -> Result<String, QueryError> {
    let request = resource.ask(Wish::List(&options(query)))?.request;
    Ok(format!("{} {}", request.method, request.target))
}

/// What is read of an answer with this body, as `data total count`.
pub(super) fn read(resource: &Resource, query: &str, body: &str) -> Result<String, Failure> {
    read_with(resource, query, &HeaderMap::new(), body)
}

pub(super) fn read_with(
    resource: &Resource,
    query: &str,
    headers: &HeaderMap,
    body: &str,
) -> Result<String, Failure> {
    let reading = resource.ask(Wish::List(&options(query))).unwrap().reading;
    let data = reading.read(StatusCode::OK, headers, &body.to_owned().into())?;
    let number = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
    Ok(format!("{} {} {}", data.data.as_str(), number(data.total), number(data.count)))
}
