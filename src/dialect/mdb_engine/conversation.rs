//! One connection: let in or turned away after the upgrade, greeted, and asked for a sign of life when it is
//! silent. That none comes has no consequence (`protocols.md`, section 2.3).

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::super::listener;
use super::super::refused::{self, Refused};
use super::super::{Conversation, Opening};
use super::settings::Settings;
use super::webhook::Caller;
use crate::event::Position;
use crate::identity::{Credential, Identity};
use crate::message::{Ack, Call, CloseReason, Frame, Message, Now, Returned, Turn};
use crate::time::iso;

pub(super) fn open(
    settings: &Arc<Settings>,
    opening: &Opening<'_>,
    turn: &mut Turn,
) -> Box<dyn Conversation> {
    match admit(settings, opening) {
        Ok(identity) => {
            let caller = Caller { id: opening.connection, identity, since: opening.now.time };
            let since = listener::value(opening.request.uri.query().unwrap_or_default(), "since");
            let since = since.filter(|since| !since.is_empty()).map(|since| Position::read(&since));
            Box::new(Connection::greet(settings, caller, (opening.now, since), turn))
        }
        Err(reason) => {
            turn.close = Some(reason);
            Box::new(Refused)
        }
    }
}

/// Who comes in (`protocols.md`, section 2.1).
fn admit(settings: &Settings, opening: &Opening<'_>) -> Result<Identity, CloseReason> {
    match (opening.credential, refused::reason(opening)) {
        (_, Some(reason)) if opening.required || !settings.allow_bad_token => Err(reason),
        (Credential::Valid(identity), _) => Ok(identity.clone()),
        _ => Ok(Identity::Anonymous),
    }
}

#[derive(Debug)]
struct Connection {
    settings: Arc<Settings>,
    caller: Caller,
    /// When it has been silent for long enough.
    due: Duration,
}

impl Connection {
    fn greet(
        settings: &Arc<Settings>,
        caller: Caller,
        (now, since): (Now, Option<Position>),
        turn: &mut Turn,
    ) -> Self {
        let user = caller.identity.user();
        let email = user.and_then(|user| user.email.as_deref()).map_or(Value::Null, Value::from);
        let greeting = format!(
            r#"{{"type":"connected","app_slug":"{}","message":"WebSocket connected successfully","authenticated":{},"user_email":{email},"timestamp":"{}""#,
            settings.app,
            user.is_some(),
            iso(now.time),
        );
        turn.since = since;
        turn.ack = Some(Ack::new(move |caught| Frame::text(&[&greeting, &*caught.members(), "}"].concat())));
        turn.commands.extend(settings.subscriptions());
        Self { settings: Arc::clone(settings), caller, due: now.age + settings.ping_interval }
    }
}

impl Conversation for Connection {
    /// Whatever comes is a sign of life; what it says is the application's business.
    fn receive(&mut self, message: Message, now: Now, turn: &mut Turn) {
        self.due = now.age + self.settings.ping_interval;
        if let (Some(hook), Message::Text(message)) = (&self.settings.hook, message) {
            turn.call = hook.delivery(&self.settings.app, &self.caller, &message).map(Call::Webhook);
        }
    }

    fn dropped(&mut self, _: &Message, now: Now, turn: &mut Turn) {
        self.due = now.age + self.settings.ping_interval;
        turn.frames.push(Frame::text(&format!(
            r#"{{"type":"error","message":"Rate limit exceeded","app_slug":"{}","timestamp":"{}"}}"#,
            self.settings.app,
            iso(now.time),
        )));
    }

    fn returned(&mut self, returned: Returned, now: Now, turn: &mut Turn) {
        if let (Some(hook), Returned::Webhook(answer)) = (&self.settings.hook, returned) {
            hook.act(answer, (&self.settings.app, now.time), turn);
        }
    }

    fn expired(&mut self, _: Now, _: &mut Turn) {
        self.caller.identity = Identity::Anonymous;
    }

    fn alarm(&self) -> Option<Duration> {
        Some(self.due)
    }

    fn wake(&mut self, now: Now, turn: &mut Turn) {
        turn.frames.push(Frame::text(&format!(
            r#"{{"type":"ping","timestamp":"{}","app_slug":"{}"}}"#,
            iso(now.time),
            self.settings.app,
        )));
        self.due = now.age + self.settings.ping_interval;
    }
}
