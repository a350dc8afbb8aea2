//! The course of what a client wants: the application is asked before it, it is done, and the application is asked
//! about what came of it. One question after the other, and in the end an answer.

use super::errand::{Errand, Start};
use super::fault::Fault;
use super::hooks::{About, Caller, Changes, Hooks, Kind, Point, Veto};
use super::settings::Settings;
use super::subscriptions::{Subscriptions, Terms};
use super::wanted::{Name, Operation, Request};
use super::words::Done;
use crate::dialect::Prospect;
use crate::event::{Json, Position};
use crate::message::{Call, Command, Returned, Turn};
use crate::query::{Query, Resource, Resources};
use crate::rules::{Act, Refusal, Ruled};

/// What is wanted.
#[derive(Debug)]
pub(super) enum Task {
    Request { request: Request, resource: Resource },
    Subscribe { of: Name, filters: Json, since: Option<Position>, resource: Resource },
    Unsubscribe { id: String },
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Course {
    task: Task,
    stage: Stage,
    /// The id of the subscription that it has added.
    added: Option<String>,
    /// What the hub is told once all went well.
    commands: Vec<Command>,
}

/// Which answer is awaited.
#[derive(Debug)]
enum Stage {
    Before,
    Upstream(Box<Errand>),
    After(Done),
    Over,
}

/// What a course needs of its connection.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    pub(super) settings: &'a Settings,
    pub(super) caller: &'a mut Caller,
    pub(super) subscriptions: &'a mut Subscriptions,
    pub(super) turn: &'a mut Turn,
}

/// What the client is told.
pub(super) type Outcome = Result<Done, Fault>;

impl Course {
    pub(super) fn new(task: Task) -> Self {
        Self { task, stage: Stage::Over, added: None, commands: Vec::new() }
    }

    /// Sets out; `None`: the call in the turn is to be answered first.
    pub(super) fn start(&mut self, desk: &mut Desk<'_>) -> Option<Outcome> {
        if let Err(fault) = self.check(desk) {
            return Some(self.end(Err(fault), desk));
        }
        match self.ask(Point::before, None, desk) {
            None => self.work(desk),
            Some(call) => self.wait(Stage::Before, call, desk),
        }
    }

    /// Goes on with an answer; `None`: as above.
    pub(super) fn returned(&mut self, returned: Returned, desk: &mut Desk<'_>) -> Option<Outcome> {
        match (std::mem::replace(&mut self.stage, Stage::Over), returned) {
            (Stage::Before, Returned::Webhook(answer)) => {
                let decided = self.decide(Point::before, desk, |hooks, point| hooks.decide(point, answer));
                // The client may be somebody else by now.
                let judged = decided.and_then(|changes| {
                    self.check(desk)?;
                    self.judge(&changes, desk)?;
                    Ok(changes)
                });
                match judged {
                    Ok(changes) => {
                        self.change(changes);
                        self.work(desk)
                    }
                    Err(fault) => Some(self.end(Err(fault), desk)),
                }
            }
            (Stage::Upstream(mut errand), Returned::Upstream(answer)) => {
                // What was asked for by who it was is not for who it is, but for what became of a write.
                if desk.caller.is_another && !errand.concludes() {
                    return Some(self.end(Err(Fault::Expired), desk));
                }
                let gone_on = self.ruled(desk, |ruled| errand.go_on(answer, desk.settings, &ruled));
                self.follow(gone_on, desk)
            }
            (Stage::After(mut done), Returned::Webhook(answer)) => {
                let decided = self.decide(Point::after, desk, |hooks, point| hooks.decide(point, answer));
                let outcome = decided.map(|changes| {
                    if let Some(result) = changes.result {
                        done.replace(&result);
                    }
                    done
                });
                Some(self.end(outcome, desk))
            }
            (stage, _) => {
                self.stage = stage;
                None
            }
        }
    }

    /// What the request is for that is awaited.
    pub(super) fn prospect(&self) -> Option<Prospect> {
        let (Task::Request { resource, .. }, Stage::Upstream(errand)) = (&self.task, &self.stage) else {
            return None;
        };
        let (here, behind) = errand.prospect();
        let name = format!("{}.{}", resource.schema, resource.entity);
        Some(Prospect { route: resource.route().to_owned(), resource: name, here, behind })
    }

    fn wait(&mut self, stage: Stage, call: Call, desk: &mut Desk<'_>) -> Option<Outcome> {
        self.stage = stage;
        desk.turn.call = Some(call);
        None
    }

    fn work(&mut self, desk: &mut Desk<'_>) -> Option<Outcome> {
        let begun = self.begin(desk);
        self.follow(begun, desk)
    }

    fn follow(&mut self, start: Result<Start, Fault>, desk: &mut Desk<'_>) -> Option<Outcome> {
        match start {
            Err(fault) => Some(self.end(Err(fault), desk)),
            Ok(Start::Ask(upstream, errand)) => {
                self.wait(Stage::Upstream(errand), Call::Upstream(upstream), desk)
            }
            Ok(Start::Done(done)) => match self.ask(Point::after, Some(&done.data), desk) {
                None => Some(self.end(Ok(done), desk)),
                Some(call) => self.wait(Stage::After(done), call, desk),
            },
        }
    }

    fn begin(&mut self, desk: &mut Desk<'_>) -> Result<Start, Fault> {
        match &self.task {
            Task::Request { request, resource } => {
                self.ruled(desk, |ruled| Errand::start(request, resource, &ruled))
            }
            Task::Subscribe { of, filters, resource, .. } => {
                if desk.subscriptions.count() >= desk.settings.max_subscriptions {
                    return Err(Fault::TooManySubscriptions);
                }
                let wanted = self.ruled(desk, |ruled| {
                    let filter = ruled.filter(filters, desk.settings.deletes);
                    let (variant, is_ruled) = (ruled.variant(), !ruled.is_free());
                    let terms = filter.map(|filter| Terms { filter, variant, is_ruled });
                    terms.map_err(|refusal| Fault::of_refusal(&refusal))
                })?;
                let (id, done) = desk.subscriptions.add(of, resource, wanted, &mut self.commands);
                self.added = Some(id);
                Ok(Start::Done(done))
            }
            Task::Unsubscribe { id } => {
                desk.subscriptions.remove(id, &mut desk.turn.commands).map(Start::Done)
            }
        }
    }

    /// What an application makes of data is its own, but for whose it is.
    fn judge(&self, changes: &Changes, desk: &Desk<'_>) -> Result<(), Fault> {
        let Some(data) = &changes.data else { return Ok(()) };
        self.ruled(desk, |ruled| ruled.check_replaced(data)).map_err(|refusal| Fault::of_refusal(&refusal))
    }

    /// Rules judge what the client says; what an application makes of it is not theirs.
    fn check(&self, desk: &Desk<'_>) -> Result<(), Fault> {
        match &self.task {
            Task::Request { request, resource } => {
                self.ruled(desk, |ruled| check(request, resource, &ruled, &desk.settings.resources))
            }
            Task::Subscribe { filters, .. } => self
                .ruled(desk, |ruled| ruled.check(Act::Subscribe).and_then(|()| ruled.check_filter(filters)))
                .map_err(|refusal| Fault::of_refusal(&refusal)),
            Task::Unsubscribe { id } => desk.subscriptions.find(id).map(drop),
        }
    }

    fn ruled<T>(&self, desk: &Desk<'_>, tell: impl FnOnce(Ruled<'_>) -> T) -> T {
        match &self.task {
            Task::Request { resource, .. } | Task::Subscribe { resource, .. } => {
                tell(resource.rules().of(&desk.caller.identity, &resource.columns))
            }
            Task::Unsubscribe { .. } => tell(crate::rules::Rules::default().of(&desk.caller.identity, &[])),
        }
    }

    fn kind(&self) -> Option<Kind> {
        match &self.task {
            Task::Request { request, .. } => match request.operation {
                Operation::Read => Some(Kind::Read),
                Operation::Create => Some(Kind::Create),
                Operation::Update => Some(Kind::Update),
                Operation::Delete => Some(Kind::Delete),
                Operation::Meta => None,
            },
            Task::Subscribe { .. } => Some(Kind::Subscribe),
            Task::Unsubscribe { .. } => Some(Kind::Unsubscribe),
        }
    }

    fn ask(&self, point: fn(Kind) -> Point, result: Option<&str>, desk: &Desk<'_>) -> Option<Call> {
        let hooks = desk.settings.hooks.as_ref()?;
        let point = point(self.kind()?);
        if !hooks.has(point) {
            return None;
        }
        let options;
        let about = match &self.task {
            Task::Request { request, resource } => About {
                schema: Some(request.of.schema.as_deref().unwrap_or(&resource.schema)),
                entity: Some(&request.of.entity),
                record_id: request.record_id.as_ref(),
                options: Some(&request.options),
                data: request.data.as_ref(),
                result,
                ..About::default()
            },
            Task::Subscribe { of, filters, resource, .. } => {
                options = Json::from_valid(format!(r#"{{"filters":{}}}"#, filters.as_str()));
                About {
                    schema: Some(of.schema.as_deref().unwrap_or(&resource.schema)),
                    entity: Some(&of.entity),
                    options: Some(&options),
                    result,
                    ..About::default()
                }
            }
            Task::Unsubscribe { id } => {
                let held = desk.subscriptions.find(id).ok();
                options = held.unwrap_or_else(|| Json::from_valid("null".to_owned()));
                About { options: Some(&options), result, ..About::default() }
            }
        };
        hooks.call(point, desk.caller, &about)
    }

    fn decide(
        &self,
        point: fn(Kind) -> Point,
        desk: &mut Desk<'_>,
        decide: impl FnOnce(&Hooks, Point) -> Result<Changes, Veto>,
    ) -> Result<Changes, Fault> {
        let Some((hooks, kind)) = desk.settings.hooks.as_ref().zip(self.kind()) else {
            return Ok(Changes::default());
        };
        let mut changes = decide(hooks, point(kind)).map_err(|veto| Fault::Hook(veto.text()))?;
        desk.caller.learn(changes.metadata.take());
        Ok(changes)
    }

    fn change(&mut self, changes: Changes) {
        match &mut self.task {
            Task::Request { request, .. } => {
                request.options = changes.options.unwrap_or_else(|| request.options.clone());
                request.data = changes.data.or_else(|| request.data.take());
            }
            Task::Subscribe { filters, .. } => {
                if let Some(options) = changes.options {
                    *filters = super::wanted::filters(&options);
                }
            }
            Task::Unsubscribe { .. } => {}
        }
    }

    /// Tells the hub of a subscription that all agree to.
    fn settle(&mut self, outcome: Outcome, desk: &mut Desk<'_>) -> Outcome {
        let Some(id) = self.added.take() else { return outcome };
        match outcome {
            // It was for whom the client is no more.
            Ok(_) if desk.subscriptions.find(&id).is_err() => Err(Fault::Expired),
            Ok(done) => {
                desk.turn.commands.append(&mut self.commands);
                if let Task::Subscribe { since, .. } = self.task {
                    desk.turn.since = since;
                }
                Ok(done)
            }
            // Its client knows nothing of it.
            Err(fault) => {
                desk.subscriptions.undo(&id);
                Err(fault)
            }
        }
    }

    /// Nothing that is hidden leaves, whoever said it.
    fn end(&mut self, outcome: Outcome, desk: &mut Desk<'_>) -> Outcome {
        let outcome = self.settle(outcome, desk);
        match &self.task {
            Task::Request { request, .. } if request.operation != Operation::Meta => {
                self.ruled(desk, |ruled| shown(outcome, &ruled))
            }
            Task::Request { .. } | Task::Subscribe { .. } | Task::Unsubscribe { .. } => outcome,
        }
    }
}

/// What may be seen of an answer.
fn shown(outcome: Outcome, ruled: &Ruled<'_>) -> Outcome {
    if ruled.variant() == 0 {
        return outcome;
    }
    match outcome {
        Ok(done) => Ok(Done { data: ruled.show(&Json::from_valid(done.data)).as_str().to_owned(), ..done }),
        Err(Fault::Failed { code, message, details }) => {
            Err(Fault::Failed { code, message, details: details.map(|details| ruled.show(&details)) })
        }
        Err(fault) => Err(fault),
    }
}

fn check(
    request: &Request,
    resource: &Resource,
    ruled: &Ruled<'_>,
    resources: &Resources,
) -> Result<(), Fault> {
    if ruled.is_free() && !resources.keeps_from(ruled) {
        return Ok(());
    }
    let act = match request.operation {
        Operation::Read => Act::Read,
        Operation::Create => Act::Create,
        Operation::Update => Act::Update,
        Operation::Delete => Act::Delete,
        Operation::Meta => Act::Meta,
    };
    let query = Query::read(&request.options).map_err(|error| Fault::of_query(request.operation, &error))?;
    let filters = query.filters.iter().flatten().map(|condition| &*condition.column);
    let compared = filters.chain(query.sort.iter().map(|sort| &*sort.column));
    let values =
        query.filters.iter().flatten().filter_map(|condition| Some(condition.value.as_ref()?.as_str()));
    let wanted = query.columns.iter().chain(&query.preload).map(String::as_str);
    let data = || request.data.as_ref().ok_or(Refusal::Data);
    let is_allowed = ruled.check(act).and_then(|()| {
        ruled.check_asked(compared, &resource.parameters())?;
        ruled.check_values(values)?;
        ruled.check_wanted(wanted)?;
        resources.check_reach(resource, &query, ruled)?;
        match request.operation {
            Operation::Create => ruled.check_new(data()?),
            Operation::Update => {
                let other = request.record_id.as_ref().filter(|_| ruled.checks_records());
                let other = other.and_then(|id| resource.other_id(id, request.data.as_ref()?));
                other.map_or(Ok(()), |name| Err(Refusal::Forbidden(name.to_owned())))?;
                ruled.check_change(data()?)
            }
            Operation::Read | Operation::Delete | Operation::Meta => Ok(()),
        }
    });
    is_allowed.map_err(|refusal| Fault::of_refusal(&refusal))
}
