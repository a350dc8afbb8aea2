//! Whom pushes and writes reach: an application's own readers.

use super::*;
use crate::event::{Audience, Json};
use crate::hub::{Desk, Hub, Lane, Profile, Sent, Subscriber};
use crate::message::{Group, Target};

/// A reader that keeps what it gets.
#[derive(Debug, Default)]
struct Kept(std::sync::Mutex<Vec<Frame>>);

impl Lane for Kept {
    fn send(&self, frame: &Frame) -> Sent {
        self.0.lock().unwrap().push(frame.clone());
        Sent::Written
    }

    fn close(&self, _: CloseReason) {}
}

/// Two endpoints of one app and one of another.
struct Apps {
    hub: Arc<Hub>,
    readers: Vec<(Arc<Kept>, Subscriber)>,
}

impl Apps {
    fn new() -> Self {
        let (mine, other) = (engine(&[]), engine(&[("app", "other"), ("models", "x")]));
        let (mine, other): (Arc<dyn Encode>, Arc<dyn Encode>) = (Arc::new(mine), Arc::new(other));
        let desk = |path, app, encode: &Arc<dyn Encode>| Desk {
            path: Arc::from(path),
            app: Some(Arc::from(app)),
            namespace: None,
            encode: Arc::clone(encode),
            required: false,
        };
        let desks = vec![
            desk("/ws", "my_app", &mine),
            desk("/events", "my_app", &mine),
            desk("/other", "other", &other),
        ];
        Self { hub: Arc::new(Hub::new(desks, 100)), readers: Vec::new() }
    }

    fn join(&mut self, endpoint: usize, identity: Identity) {
        let (kept, id) = (Arc::new(Kept::default()), Uuid::now_v7());
        let lane = Arc::clone(&kept) as Arc<dyn Lane>;
        let profile = Profile { id, endpoint, identity, since: UNIX_EPOCH, address: None };
        self.readers.push((kept, self.hub.attach(lane, profile).unwrap()));
    }

    /// How many got it, and what each of them did.
    fn push(&self, to: Target, message: &str) -> (u64, Vec<Vec<String>>) {
        let push = Push::new(to, Json::parse(message).unwrap());
        let reached = self.hub.push(&push, UNIX_EPOCH + TIME, || {}).reached;
        let got = self.readers.iter().map(|(kept, _)| texts(&std::mem::take(&mut *kept.0.lock().unwrap())));
        (reached, got.collect())
    }
}

fn to_app(user: Option<&str>) -> Target {
    Target {
        app: Some(Arc::from("my_app")),
        only: user.map(|id| Group::user(Arc::from(id))).unwrap_or_default(),
        ..Target::default()
    }
}

/// Checks 6, 7, 8 and 16 of the document's list.
#[test]
fn a_broadcast_reaches_all_of_its_app_or_one_user_and_nobody_of_another() {
    let mut apps = Apps::new();
    for (endpoint, who) in [(0, "user123"), (0, "user123"), (1, "user456"), (2, "user123")] {
        apps.join(endpoint, user(who, None));
    }
    apps.join(1, Identity::Anonymous);
    let update = r#"{"type":"update","data":{"status":"completed"}}"#;
    let dressed = vec![format!(r#"{{"type":"update","data":{{"status":"completed"}},{STAMPS}}}"#)];
    let (reached, got) = apps.push(to_app(None), update);
    assert_eq!(reached, 4);
    assert_eq!(got, [dressed.clone(), dressed.clone(), dressed.clone(), vec![], dressed.clone()]);
    let (reached, got) = apps.push(to_app(Some("user123")), update);
    assert_eq!((reached, got), (2, vec![dressed.clone(), dressed, vec![], vec![], vec![]]));
    let (_, got) = apps.push(to_app(Some("user456")), r#"{"timestamp":"mine","type":"x"}"#);
    assert_eq!(
        got[2],
        [r#"{"timestamp":"2024-04-05T19:34:38.901234+00:00","type":"x","app_slug":"my_app"}"#]
    );
    assert_eq!(apps.push(to_app(Some("nobody")), update).0, 0);
    assert_eq!(apps.hub.tally(&to_app(None), 10).residents.len(), 4);
    assert_eq!(apps.hub.tally(&to_app(Some("user123")), 10).residents.len(), 2);
    apps.readers.clear();
    assert_eq!(apps.hub.tally(&to_app(None), 10).residents.len(), 0);
}

/// An item's audience counts message by message.
#[test]
fn a_list_is_told_to_each_owner_as_far_as_it_is_theirs() {
    let mut apps = Apps::new();
    for (who, id) in [("ann", "1"), ("ben", "2")] {
        let claims = Map::from_iter([("sub".to_owned(), Value::from(who))]).into();
        let (email, roles) = (None, Vec::new());
        let user = User { id: id.to_owned(), email, roles, claims, expires: None };
        apps.join(0, Identity::User(Arc::new(user)));
    }
    for (_, subscriber) in &mut apps.readers {
        subscriber.handle(Command::subscribe(crate::event::Topic::all()));
    }
    let of = |owner: &str, id: &str| Item { owner: Some(Arc::from(owner)), ..item(id, "-") };
    let mut event = event(Operation::Delete, vec![of("ann", "1"), of("ben", "2"), of("ann", "3")]);
    event.audience = Audience::Owner(Arc::from("sub"));
    apps.hub.deliver(event, UNIX_EPOCH + TIME, || {});
    let got = apps.readers.iter().map(|(kept, _)| kept.0.lock().unwrap().len());
    assert_eq!(got.collect::<Vec<_>>(), [2, 1]);
}
