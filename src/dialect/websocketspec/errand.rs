//! A request of a client on its way to the backend, and what its answer says.

use serde_json::value::RawValue;

use super::fault::Fault;
use super::settings::Settings;
use super::wanted::{Name, Operation, Request};
use super::words::{self, Done, Numbers};
use crate::event::Json;
use crate::json;
use crate::message::{Answer, Upstream, UpstreamError};
use crate::query::{Asked, Data, Failure, NextPage, Query, Reading, Resource, Wish};
use crate::rules::Ruled;

/// Waits for the backend's answer.
#[derive(Debug)]
pub(super) struct Errand {
    operation: Operation,
    reading: Reading,
    /// What is asked for is not the records but what they look like.
    meta: Option<(Name, Resource)>,
    is_list: bool,
    /// The write itself, where it is looked first whether the record is the client's business.
    behind: Option<Asked>,
    /// The page that may follow.
    next: Option<Box<NextPage>>,
    /// What the page before this one held, and whether anything is held back.
    before: Option<(Data, bool)>,
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
    pub(super) fn start(request: &Request, resource: &Resource, ruled: &Ruled<'_>) -> Result<Start, Fault> {
        let operation = request.operation;
        if operation == Operation::Meta {
            return Self::meta(&request.of, resource, ruled);
        }
        let fault = |error| Fault::of_query(operation, &error);
        let mut query = Query::read(&request.options).map_err(fault)?;
        require(&mut query, ruled)?;
        let wish = wish(request, &query)?;
        let is_list = matches!(wish, Wish::List(_));
        let mut asked = resource.ask(wish).map_err(fault)?;
        let mut behind = None;
        if let (Operation::Update | Operation::Delete, Some(id)) = (operation, &request.record_id)
            && ruled.checks_records()
        {
            let look = resource.ask(Wish::Item { id, query: &query }).map_err(fault)?;
            behind = Some(std::mem::replace(&mut asked, look));
        }
        let Asked { request, reading, next } = asked;
        let errand = Self { operation, reading, next, before: None, meta: None, is_list, behind };
        Ok(Start::Ask(request, Box::new(errand)))
    }

    /// Where the config does not say which columns there are, a record does that this client may read.
    fn meta(of: &Name, resource: &Resource, ruled: &Ruled<'_>) -> Result<Start, Fault> {
        if !resource.columns.is_empty() {
            return Ok(Start::Done(words::meta(
                of,
                &resource.schema,
                &ruled.known(&resource.columns),
                resource.id_field(),
            )));
        }
        let mut query = Query::default();
        require(&mut query, ruled)?;
        let one = Query { limit: Some(1), ..query.clone() };
        let asked = resource.ask(Wish::List(&one)).or_else(|_| resource.ask(Wish::List(&query)));
        let Asked { request, reading, .. } = asked.ok().ok_or_else(unknown_columns)?;
        let meta = Some((of.clone(), resource.clone()));
        let operation = Operation::Meta;
        let errand = Self { operation, reading, next: None, before: None, meta, is_list: true, behind: None };
        Ok(Start::Ask(request, Box::new(errand)))
    }

    /// What is done here to the answer, and what follows it.
    pub(super) fn prospect(&self) -> (Vec<String>, Option<(Upstream, Vec<String>)>) {
        let behind = self.behind.as_ref().or(self.next.as_ref().map(|page| &page.asked));
        (self.reading.told(), behind.map(|asked| (asked.request.clone(), asked.reading.told())))
    }

    /// Goes on with an answer.
    ///
    /// # Errors
    /// The backend did not do it.
    pub(super) fn go_on(
        self,
        answer: Result<Answer, UpstreamError>,
        settings: &Settings,
        ruled: &Ruled<'_>,
    ) -> Result<Start, Fault> {
        let Self { operation, reading, next, before, meta, is_list, behind } = self;
        let fault = |failure| {
            Fault::of_answer(operation, without_hidden(failure, ruled), settings.has_validation_error)
        };
        let data = match answer {
            Ok(answer) => reading.read(answer.status, &answer.headers, &answer.body).map_err(fault)?,
            Err(error) => unseen(&reading, error).ok_or_else(|| Fault::of_silence(operation, error))?,
        };
        let ask = |Asked { request, reading, .. }, before| {
            let (next, meta, behind) = (None, None, None);
            Ok(Start::Ask(
                request,
                Box::new(Self { operation, reading, meta, is_list, behind, next, before }),
            ))
        };
        if let Some(write) = behind {
            return ask(write, None);
        }
        if let Some(page) = next.filter(|page| page.is_needed(&data)) {
            return ask(page.asked, Some((data, page.is_guarded)));
        }
        let data = match before {
            Some((first, is_guarded)) => first.and(&data, is_guarded),
            None => data,
        };
        Ok(Start::Done(match meta {
            Some((of, resource)) => {
                let columns = columns(&data.data).ok_or_else(unknown_columns)?;
                words::meta(&of, &resource.schema, &ruled.known(&columns), resource.id_field())
            }
            None => done(operation, is_list, &data),
        }))
    }
}

/// What a backend says of a failure, where it does not speak of what is hidden.
fn without_hidden(failure: Failure, ruled: &Ruled<'_>) -> Failure {
    let Failure { status, message, details } = failure;
    let reason = || status.canonical_reason().unwrap_or("the backend refused it").to_owned();
    let message = if ruled.names_hidden(&message) { reason() } else { message };
    let details = details.map(|details| ruled.show(&details));
    Failure { status, message, details: details.filter(|details| !ruled.names_hidden(details.as_str())) }
}

/// A write that was done, although its answer is too large.
fn unseen(reading: &Reading, error: UpstreamError) -> Option<Data> {
    match error {
        UpstreamError::TooLarge(status) => reading.unseen(status),
        UpstreamError::Busy | UpstreamError::TimedOut | UpstreamError::Broken => None,
    }
}

/// What the rules ask of records, whatever the client does.
fn require(query: &mut Query, ruled: &Ruled<'_>) -> Result<(), Fault> {
    for added in ruled.forced().map_err(|refusal| Fault::of_refusal(&refusal))? {
        let required = query.require(added.column, added.operator, &added.value);
        required.map_err(|error| Fault::of_query(Operation::Read, &error))?;
    }
    Ok(())
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
        Operation::Read if is_list => Some(Numbers { total: data.total, count: data.count }),
        Operation::Read => Some(Numbers { total: Some(1), count: None }),
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
