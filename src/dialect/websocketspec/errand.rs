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
use crate::rules::{Act, Ruled};

/// Waits for the backend's answer.
#[derive(Debug)]
pub(super) struct Errand {
    operation: Operation,
    reading: Reading,
    /// What is asked for is not the records but what they look like.
    meta: Option<(Name, Resource)>,
    is_list: bool,
    behind: Behind,
    before: Before,
}

/// What may follow on the answer.
#[derive(Debug)]
enum Behind {
    Nothing,
    /// The write itself, where it is looked first whether the record is the client's business, and what follows
    /// on that.
    Write(Asked, Box<Self>),
    /// The record that was changed, if the answer does not show it.
    Record(Asked),
    /// The next page, if there can be something on it.
    Page(Box<NextPage>),
}

/// What an earlier answer held.
#[derive(Debug)]
enum Before {
    Nothing,
    /// The page before this one; `true`: something may be held back.
    Page(Data, bool),
    /// What came of the write whose record is being read.
    Write(Data),
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
        let Asked { request: mut ask, mut reading, next } = resource.ask(wish).map_err(fault)?;
        let changed = || changed(request, resource, &query, ruled).map_or(Behind::Nothing, Behind::Record);
        let mut behind = next.map_or_else(changed, Behind::Page);
        if let (Operation::Update | Operation::Delete, Some(id)) = (operation, &request.record_id)
            && ruled.checks_records()
        {
            let look = resource.ask(Wish::Item { id, query: &query }).map_err(fault)?;
            let write = Asked { request: ask, reading, next: None };
            behind = Behind::Write(write, Box::new(behind));
            (ask, reading) = (look.request, look.reading);
        }
        let errand = Self { operation, reading, meta: None, is_list, behind, before: Before::Nothing };
        Ok(Start::Ask(ask, Box::new(errand)))
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
        let (behind, before) = (Behind::Nothing, Before::Nothing);
        let errand = Self { operation: Operation::Meta, reading, meta, is_list: true, behind, before };
        Ok(Start::Ask(request, Box::new(errand)))
    }

    /// What is done here to the answer, and what follows it.
    pub(super) fn prospect(&self) -> (Vec<String>, Option<(Upstream, Vec<String>)>) {
        let behind = match &self.behind {
            Behind::Write(asked, _) => Some(asked),
            Behind::Page(page) => Some(&page.asked),
            Behind::Record(_) | Behind::Nothing => None,
        };
        (self.reading.told(), behind.map(|asked| (asked.request.clone(), asked.reading.told())))
    }

    /// Nothing is to follow on the answer; `true`: that says what became of a write.
    pub(super) fn concludes(&mut self) -> bool {
        let is_write = matches!(self.operation, Operation::Create | Operation::Update | Operation::Delete);
        let is_look = matches!(std::mem::replace(&mut self.behind, Behind::Nothing), Behind::Write(..));
        is_write && !is_look
    }

    /// Goes on with an answer.
    ///
    /// # Errors
    /// The backend did not do it.
    pub(super) fn go_on(
        mut self,
        answer: Result<Answer, UpstreamError>,
        settings: &Settings,
        ruled: &Ruled<'_>,
    ) -> Result<Start, Fault> {
        let is_large = matches!(answer, Err(UpstreamError::TooLarge(_)));
        let data = match (
            self.read(answer, settings, ruled),
            std::mem::replace(&mut self.before, Before::Nothing),
        ) {
            (Ok(data), Before::Page(first, is_guarded)) => first.and(&data, is_guarded),
            (Ok(data), Before::Nothing | Before::Write(_)) => data,
            // It is done, whatever becomes of this.
            (Err(_), Before::Write(written)) => written,
            (Err(fault), Before::Nothing | Before::Page(..)) => return Err(fault),
        };
        match std::mem::replace(&mut self.behind, Behind::Nothing) {
            Behind::Write(asked, behind) => return Ok(self.ask(asked, *behind, Before::Nothing)),
            Behind::Page(page) if page.is_needed(&data) => {
                let before = Before::Page(data, page.is_guarded);
                return Ok(self.ask(page.asked, Behind::Nothing, before));
            }
            Behind::Record(asked) if !is_large && data.data.as_str() == "null" => {
                return Ok(self.ask(asked, Behind::Nothing, Before::Write(data)));
            }
            Behind::Page(_) | Behind::Record(_) | Behind::Nothing => {}
        }
        Ok(Start::Done(match self.meta {
            Some((of, resource)) => {
                let columns = columns(&data.data).ok_or_else(unknown_columns)?;
                words::meta(&of, &resource.schema, &ruled.known(&columns), resource.id_field())
            }
            None => done(self.operation, self.is_list, &data),
        }))
    }

    fn ask(self, Asked { request, reading, .. }: Asked, behind: Behind, before: Before) -> Start {
        Start::Ask(request, Box::new(Self { reading, behind, before, ..self }))
    }

    fn read(
        &self,
        answer: Result<Answer, UpstreamError>,
        settings: &Settings,
        ruled: &Ruled<'_>,
    ) -> Result<Data, Fault> {
        let fault = |failure| {
            let failure = without_hidden(failure, ruled);
            Fault::of_answer(self.operation, failure, settings.has_validation_error)
        };
        match answer {
            Ok(answer) => self.reading.read(answer.status, &answer.headers, &answer.body).map_err(fault),
            Err(error) => {
                unseen(&self.reading, error).ok_or_else(|| Fault::of_silence(self.operation, error))
            }
        }
    }
}

/// Where a record is read that a request changes, if its client may read it.
fn changed(request: &Request, resource: &Resource, query: &Query, ruled: &Ruled<'_>) -> Option<Asked> {
    let id = request.record_id.as_ref().filter(|_| request.operation == Operation::Update)?;
    ruled.check(Act::Read).ok()?;
    // What a write answers has all columns, and nothing else.
    let query = Query { filters: query.filters.clone(), ..Query::default() };
    resource.ask(Wish::Item { id, query: &query }).ok()
}

/// What a backend says of a failure, where it does not speak of what is hidden.
fn without_hidden(failure: Failure, ruled: &Ruled<'_>) -> Failure {
    let Failure { status, message, details } = failure;
    let reason = || status.canonical_reason().unwrap_or("the backend refused it").to_owned();
    let message = if ruled.names_hidden(&message) { reason() } else { message };
    let details = details.map(|details| ruled.show(&details));
    Failure { status, message, details: details.filter(|details| !ruled.names_hidden(details.as_str())) }
}

/// A write that was done, although its answer is too large or broke off.
fn unseen(reading: &Reading, error: UpstreamError) -> Option<Data> {
    match error {
        UpstreamError::TooLarge(status) | UpstreamError::Cut(status) => reading.unseen(status),
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
