//! Events that programs have a namespace's sockets hear: by all of its words, or by a name that the config has.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value, json};
use uuid::Uuid;

use super::access::Caller;
use super::body::{self, name};
use super::fault::{Code, Fault};
use super::publish::{self, Begun, PublishApi, Said, with_nodes};
use super::query::Query;
use super::{Asked, Reply};
use crate::broker::{Nodes, Parcel, Reached, Roll};
use crate::event::Json;
use crate::hub::{Answers, Hub};
use crate::message::{Group, Push, Shortcut, Target};

/// Names of one kind in one body.
const MAX_NAMES: usize = 1000;
/// How long answers are waited for at most.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// What `POST /api/socketio/emit` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Emit<'a> {
    namespace: String,
    event: String,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(default)]
    rooms: Option<Vec<String>>,
    #[serde(default)]
    users: Option<Vec<Value>>,
    #[serde(default)]
    connections: Option<Vec<String>>,
    #[serde(borrow, default)]
    except: Option<&'a RawValue>,
    #[serde(default)]
    endpoint: Option<String>,
    #[serde(default)]
    ack: Option<String>,
}

/// What it takes for `except`, if that is no list of rooms.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    #[serde(default)]
    rooms: Option<Vec<String>>,
    #[serde(default)]
    users: Option<Vec<Value>>,
    #[serde(default)]
    connections: Option<Vec<String>>,
}

impl Emit<'_> {
    fn target(&self) -> Result<Target, Fault> {
        let (rooms, users, connections) = (self.rooms.clone(), self.users.clone(), self.connections.clone());
        Ok(Target {
            endpoint: self.endpoint.as_deref().map(Arc::from),
            namespace: Some(name("namespace", self.namespace.clone())?),
            only: group(&Names { rooms, users, connections })?,
            except: except(self.except)?,
            ..Target::default()
        })
    }

    fn message(&self) -> Result<Json, Fault> {
        name("event", self.event.clone())?;
        let event = Value::from(self.event.as_str());
        let message = Json::parse(&format!(r#"{{"event":{event},"data":{}}}"#, self.data.get()));
        message.ok_or_else(|| Fault::invalid("data: any JSON"))
    }
}

fn except(value: Option<&RawValue>) -> Result<Group, Fault> {
    let Some(value) = value else { return Ok(Group::default()) };
    let read = if value.get().starts_with('[') {
        serde_json::from_str(value.get()).map(|rooms| Names { rooms: Some(rooms), ..Names::default() })
    } else {
        serde_json::from_str(value.get())
    };
    let expected = "except: a list of rooms, or {\"rooms\":[],\"users\":[],\"connections\":[]}";
    let mut read: Names = read.ok().ok_or_else(|| Fault::invalid(expected))?;
    // Of nobody nothing is taken away.
    read.rooms = read.rooms.filter(|rooms| !rooms.is_empty());
    read.users = read.users.filter(|users| !users.is_empty());
    read.connections = read.connections.filter(|connections| !connections.is_empty());
    group(&read)
}

/// An empty list would be everybody, and is nobody: a program that has nobody to name has nothing to say.
fn group(names: &Names) -> Result<Group, Fault> {
    let room = |room: &String| name("rooms", room.clone());
    let connection = |id: &String| {
        Uuid::try_parse(id).ok().ok_or_else(|| Fault::invalid("connections: ids of connections"))
    };
    Ok(Group {
        rooms: each("rooms", names.rooms.as_deref(), room)?,
        users: each("users", names.users.as_deref(), user)?,
        connections: each("connections", names.connections.as_deref(), connection)?,
    })
}

fn each<T, U>(
    field: &str,
    names: Option<&[T]>,
    read: impl Fn(&T) -> Result<U, Fault>,
) -> Result<Vec<U>, Fault> {
    match names {
        None => Ok(Vec::new()),
        Some(names) if (1..=MAX_NAMES).contains(&names.len()) => names.iter().map(read).collect(),
        Some(_) => Err(Fault::invalid(format!(
            "{field}: 1 to {MAX_NAMES} of them; without {field} it is for everybody there"
        ))),
    }
}

/// Tokens have numbers for ids too.
fn user(id: &Value) -> Result<Arc<str>, Fault> {
    match id {
        Value::String(id) => name("users", id.clone()),
        // `7.0` is a whole number too.
        Value::Number(id) if is_whole(id) => Ok(Arc::from(id.to_string().trim_end_matches(".0"))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(Fault::invalid("users: ids of users"))
        }
    }
}

fn is_whole(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.to_string().ends_with(".0")
}

/// `"500ms"`, `"5s"`.
fn wait(text: &str) -> Result<Duration, Fault> {
    let read = || {
        let (digits, unit) = text.split_at_checked(text.bytes().take_while(u8::is_ascii_digit).count())?;
        let number: u64 = digits.parse().ok()?;
        match unit {
            "ms" => Some(Duration::from_millis(number)),
            "s" => Some(Duration::from_secs(number)),
            _ => None,
        }
    };
    let time = read().filter(|time| !time.is_zero() && *time <= MAX_WAIT);
    time.ok_or_else(|| {
        Fault::invalid("ack: how long answers are waited for, such as \"500ms\" or \"5s\", up to \"60s\"")
    })
}

impl PublishApi {
    pub(super) fn emit(&self, asked: &Asked, caller: Caller<'_>) -> Result<Reply, Fault> {
        let emit = body::parse::<Emit<'_>>(asked.request.body())?;
        let (to, message) = (emit.target()?, emit.message()?);
        let time = emit.ack.as_deref().map(wait).transpose()?;
        self.check_names(None, to.endpoint.as_ref())?;
        if !self.hub().knows(&to) {
            return Err(Fault::new(Code::UnknownNamespace, "no endpoint has such a namespace"));
        }
        if let Some(refusal) = self.hub().refusal(&to, &message) {
            return Err(Fault::invalid(refusal));
        }
        let push = Push::new(to, message);
        let reply = match time {
            None => self.send(asked, caller, vec![Parcel::Push(push)], sent),
            Some(time) => self.emit_and_wait(asked, caller, push, time),
        }?;
        self.metrics().emitted(0);
        Ok(reply)
    }

    fn emit_and_wait(
        &self,
        asked: &Asked,
        caller: Caller<'_>,
        push: Push,
        time: Duration,
    ) -> Result<Reply, Fault> {
        let full = || Fault::new(Code::QueueFull, "too many pushes wait for answers");
        if let Some(nodes) = self.nodes() {
            return self.emit_to_all(asked, caller, (push, time), nodes);
        }
        let question = Question::new(self.hub()).ok_or_else(full)?;
        let push = Push { receipt: Some(question.number), ..push };
        let (hub, number) = (Arc::clone(self.hub()), question.number);
        let say = move |_, said: Said| question.collect(said);
        match self.send(asked, caller, vec![Parcel::Push(push)], say)? {
            Reply::Later(later) => {
                Ok(Reply::Later(later.within(time, Box::new(move || hub.time_is_over(number)))))
            }
            now @ Reply::Now(_) => Ok(now),
        }
    }

    /// The same where this process is one of several.
    fn emit_to_all(
        &self,
        asked: &Asked,
        caller: Caller<'_>,
        (push, time): (Push, Duration),
        nodes: &Arc<Nodes>,
    ) -> Result<Reply, Fault> {
        let (said, later) = match self.begin(asked, caller)? {
            Begun::Anew(said, later) => (said, later),
            Begun::Before(reply) => return Ok(reply),
        };
        let tell = move |answers: Answers, roll| said.answered(&answers, Some(roll));
        let number = nodes
            .ask_for_answers(time, Box::new(tell))
            .map_err(|error| Fault::new(Code::QueueFull, error.to_string()))?;
        let push = Push { receipt: Some(number), ..push };
        let handed_over = self.hand_over(vec![Parcel::Push(push)], |_reached| {});
        handed_over.inspect_err(|_| nodes.give_up(number))?;
        Ok(Reply::Later(later))
    }

    /// What an endpoint's config has by this name, or several have.
    pub(super) fn shortcut(
        &self,
        asked: &Asked,
        caller: Caller<'_>,
        (called, query): (&str, &Query),
    ) -> Result<Reply, Fault> {
        let is_at = |shortcut: &Arc<dyn Shortcut>| {
            query.endpoint.as_ref().is_none_or(|endpoint| endpoint == shortcut.endpoint())
        };
        let all = self.shortcuts().iter().enumerate();
        let found: Vec<_> = all.filter(|(_, s)| s.name() == called && is_at(s)).collect();
        let Some((number, _)) = found.first() else {
            let unknown = "no endpoint has such a shortcut: it would be an [[endpoint.shortcut]]";
            return Err(Fault::new(Code::NotFound, unknown));
        };
        let data = body::parse::<Map<String, Value>>(asked.request.body())?;
        let mut parcels = Vec::new();
        for (_, shortcut) in &found {
            let pushes = shortcut.pushes(data.clone(), asked.time).map_err(Fault::invalid)?;
            parcels.extend(pushes.into_iter().map(Parcel::Push));
        }
        let reply = self.send(asked, caller, parcels, sent)?;
        self.metrics().emitted(number + 1);
        Ok(reply)
    }
}

fn sent(reached: Reached, said: Said) {
    said.finish(Ok(publish::sent(reached)));
}

impl Said {
    /// What was said is not kept as long as that it was.
    fn answered(self, answers: &Answers, roll: Option<Roll>) {
        let all = with_nodes(answered(answers), roll);
        let Answers { sent, acked, .. } = *answers;
        let remembered = answered(&Answers { answers: Vec::new(), sent, acked });
        self.done(&all, &with_nodes(remembered, roll));
    }
}

fn answered(answers: &Answers) -> Value {
    let answer = |(connection, answer): &(Uuid, Json)| {
        let answer: Value = serde_json::from_str(answer.as_str()).unwrap_or_default();
        json!({ "connection": connection.to_string(), "answer": answer })
    };
    let said: Vec<Value> = answers.answers.iter().map(answer).collect();
    json!({ "sent": answers.sent, "acked": answers.acked, "answers": said })
}

/// A number under which answers are asked for. Where they are not collected, it is given up.
struct Question {
    hub: Arc<Hub>,
    number: u64,
    is_collected: bool,
}

impl Question {
    fn new(hub: &Arc<Hub>) -> Option<Self> {
        let number = hub.ask_for_receipts().ok()?;
        Some(Self { hub: Arc::clone(hub), number, is_collected: false })
    }

    fn collect(mut self, said: Said) {
        self.is_collected = true;
        let collect = move |answers: Answers| said.answered(&answers, None);
        self.hub.collect(self.number, Box::new(collect));
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        if !self.is_collected {
            self.hub.give_up(self.number);
        }
    }
}
