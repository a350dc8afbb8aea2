//! `restcast explain --message`: a client's message, and the request of the backend that it becomes.

use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::config::Config;
use crate::event::Json;
use crate::identity::Identity;
use crate::query::{Asked, Query, Wish};
use crate::rules::Act;

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

/// `claims`: what the client's token says; without any it has none.
pub(super) fn explain(
    message: &str,
    claims: &[(String, Value)],
    config: &Config,
) -> anyhow::Result<Vec<String>> {
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
    let identity = identity(claims, config)?;
    let rules = Arc::clone(config.resources.rules(&resource.model));
    let ruled = rules.of(&identity, &resource.columns);
    let act = Act::ALL.iter().find(|(name, _)| *name == message.operation).map(|(_, act)| *act);
    if let Some(Err(refusal)) = act.map(|act| ruled.check(act)) {
        page.push(format!("  refused   {refusal}"));
        return Ok(page);
    }
    let query = json(message.options).map_or_else(|| Ok(Query::default()), |options| Query::read(&options));
    let query = query.and_then(|mut query| {
        for added in ruled.forced().unwrap_or_default() {
            query.require(added.column, added.operator, &added.value)?;
        }
        Ok(query)
    });
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

fn identity(claims: &[(String, Value)], config: &Config) -> anyhow::Result<Identity> {
    if claims.is_empty() {
        return Ok(Identity::Anonymous);
    }
    let issuer = config.auth.as_ref().and_then(|issuers| issuers.iter().next());
    let issuer = issuer.context("--claim: there is no [auth.jwt]")?;
    issuer.user(claims.iter().cloned().collect(), None).context("--claim")
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
