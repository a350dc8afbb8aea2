//! `restcast explain --message`: a client's message, and the request of the backend that it becomes.

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::config::Config;
use crate::event::Json;
use crate::query::{Asked, Query, Wish};

/// What of a message matters here (`protocols.md`, section 5.2).
#[derive(Deserialize)]
struct Message<'a> {
    operation: String,
    #[serde(default)]
    schema: Option<String>,
    entity: String,
    #[serde(borrow, default)]
    record_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    options: Option<&'a RawValue>,
}

pub(super) fn explain(message: &str, config: &Config) -> anyhow::Result<Vec<String>> {
    ensure!(message.trim_start().starts_with('{'), "--message: not a request");
    let message: Message<'_> = serde_json::from_str(message).context("--message: not a request")?;
    let mut page = vec![format!("{} {}", message.operation, message.entity)];
    let Some(resource) = config.resources.find(message.schema.as_deref(), &message.entity) else {
        page.push("  no route is called so: the client gets model_not_found".to_owned());
        return Ok(page);
    };
    page.push(format!("  route     {}", resource.route()));
    page.push(format!("  resource  {}.{}", resource.schema, resource.entity));
    let json = |value: Option<&RawValue>| value.and_then(|value| Json::parse(value.get()));
    let (id, data) = (json(message.record_id), json(message.data));
    let query = json(message.options).map_or_else(|| Ok(Query::default()), |options| Query::read(&options));
    let asked = query.and_then(|query| {
        let data = data.as_ref();
        let wish = match (message.operation.as_str(), &id, data) {
            ("read", None, _) => Wish::List(&query),
            ("read", Some(id), _) => Wish::Item { id, query: &query },
            ("create", _, Some(data)) => Wish::Create { data, query: &query },
            ("update", Some(id), Some(data)) => Wish::Update { id, data, query: &query },
            ("delete", Some(id), _) => Wish::Delete { id, query: &query },
            _ => return Ok(None),
        };
        resource.ask(wish).map(Some)
    });
    match asked {
        Ok(Some(asked)) => describe(&asked, &mut page),
        Ok(None) => bail!(
            "--message: operation is read, create, update or delete; create and update need data, update and \
             delete a record_id"
        ),
        Err(error) => page.push(format!("  refused   {error}")),
    }
    Ok(page)
}

fn describe(asked: &Asked, page: &mut Vec<String>) {
    let request = &asked.request;
    page.push(format!("  request   {} {}", request.method, request.target));
    for (name, value) in &request.headers {
        page.push(format!("  header    {name}: {}", String::from_utf8_lossy(value.as_bytes())));
    }
    if !request.body.is_empty() {
        page.push(format!("  body      {}", String::from_utf8_lossy(&request.body)));
    }
    page.extend(asked.reading.told().into_iter().map(|line| format!("  here      {line}")));
}
