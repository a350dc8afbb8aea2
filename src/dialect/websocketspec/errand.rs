//! A request of a client on its way to the backend, and what its answer says.

use serde_json::value::RawValue;

use super::fault::Fault;
use super::settings::Settings;
use super::wanted::{Name, Operation, Request};
use super::words::{self, Done};
use crate::event::Json;
use crate::json;
use crate::message::{Answer, Upstream, UpstreamError};
use crate::query::{Asked, Data, Query, Reading, Resource, Wish};

/// Waits for the backend's answer.
#[derive(Debug)]
pub(super) struct Errand {
    operation: Operation,
    reading: Reading,
    /// What is asked for is not the records but what they look like.
    meta: Option<(Name, Resource)>,
    is_list: bool,
}

/// Where a request leads.
#[derive(Debug)]
pub(super) enum Start {
    /// It is done already.
    Done(Done),
    /// The backend is asked.
    Ask(Upstream, Box<Errand>),
}

impl Errand {
    /// Begins it.
    ///
    /// # Errors
    /// There is nothing that the backend could be asked.
    pub(super) fn start(request: Request, resource: Resource) -> Result<Start, Fault> {
        let operation = request.operation;
        if operation == Operation::Meta {
            return Self::meta(request.of, resource);
        }
        let fault = |error| Fault::of_query(operation, &error);
        let query = Query::read(&request.options).map_err(fault)?;
        let wish = wish(&request, &query)?;
        let is_list = matches!(wish, Wish::List(_));
        let Asked { request, reading } = resource.ask(wish).map_err(fault)?;
        Ok(Start::Ask(request, Box::new(Self { operation, reading, meta: None, is_list })))
    }

    /// Where the config does not say which columns there are, a record does that this client may read.
    fn meta(of: Name, resource: Resource) -> Result<Start, Fault> {
        if !resource.columns.is_empty() {
            return Ok(Start::Done(words::meta(
                &of,
                &resource.schema,
                &resource.columns,
                resource.id_field(),
            )));
        }
        let query = Query { limit: Some(1), ..Query::default() };
        let asked = resource.ask(Wish::List(&query)).or_else(|_| resource.ask(Wish::List(&Query::default())));
        let Asked { request, reading } = asked.ok().ok_or_else(unknown_columns)?;
        let meta = Some((of, resource));
        let errand = Self { operation: Operation::Meta, reading, meta, is_list: true };
        Ok(Start::Ask(request, Box::new(errand)))
    }

    /// Ends it.
    ///
    /// # Errors
    /// The backend did not do it.
    pub(super) fn finish(
        self,
        answer: Result<Answer, UpstreamError>,
        settings: &Settings,
    ) -> Result<Done, Fault> {
        let Self { operation, reading, meta, is_list } = self;
        let answer = answer.map_err(|error| Fault::of_silence(operation, error))?;
        let read = reading.read(answer.status, &answer.headers, &answer.body);
        let fault = |failure| Fault::of_answer(operation, failure, settings.has_validation_error);
        let data = read.map_err(fault)?;
        match meta {
            Some((of, resource)) => {
                let columns = columns(&data.data).ok_or_else(unknown_columns)?;
                Ok(words::meta(&of, &resource.schema, &columns, resource.id_field()))
            }
            None => Ok(done(operation, is_list, &data)),
        }
    }
}

fn unknown_columns() -> Fault {
    Fault::NotPossible("The columns are not known".to_owned())
}

fn wish<'a>(request: &'a Request, query: &'a Query) -> Result<Wish<'a>, Fault> {
    let id = || request.record_id.as_ref().ok_or(Fault::Missing("record_id"));
    let data = || request.data.as_ref().ok_or(Fault::Missing("data"));
    Ok(match (request.operation, &request.record_id) {
        (Operation::Read | Operation::Meta, None) => Wish::List(query),
        (Operation::Read | Operation::Meta, Some(id)) => Wish::Item { id, query },
        (Operation::Create, _) => Wish::Create { data: data()?, query },
        (Operation::Update, _) => Wish::Update { id: id()?, data: data()?, query },
        (Operation::Delete, _) => Wish::Delete { id: id()?, query },
    })
}

fn done(operation: Operation, is_list: bool, data: &Data) -> Done {
    let metadata = match operation {
        Operation::Read if is_list => {
            let number = |name: &str, value: Option<u64>| value.map(|value| format!(r#""{name}":{value}"#));
            let numbers = [number("total", data.total), number("count", data.count)];
            Some(numbers.into_iter().flatten().collect::<Vec<_>>().join(","))
        }
        Operation::Read => Some(r#""total":1"#.to_owned()),
        Operation::Delete => return Done::new(r#"{"deleted":true}"#.to_owned()),
        Operation::Create | Operation::Update | Operation::Meta => None,
    };
    Done { data: data.data.as_str().to_owned(), metadata }
}

/// The names of the first record's fields, in their order.
fn columns(list: &Json) -> Option<Vec<String>> {
    let records: Vec<&RawValue> = serde_json::from_str(list.as_str()).ok()?;
    json::names(records.first()?)
}
