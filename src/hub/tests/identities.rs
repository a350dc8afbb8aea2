//! Who sees what of an event, and who is meant by a push.

use super::*;

fn join_as(hub: &Arc<Hub>, inbox: &Arc<Inbox>, endpoint: usize, identity: Identity) -> Subscriber {
    let lane = Arc::clone(inbox) as Arc<dyn Lane>;
    let mut subscriber = hub.attach(lane, profile(endpoint, identity)).unwrap();
    subscriber.handle(Command::subscribe(Topic::all()));
    subscriber
}

pub(super) fn user(id: &str) -> Identity {
    let claims = serde_json::json!({ "sub": id }).as_object().unwrap().clone().into();
    let (id, roles) = (id.to_owned(), Vec::new());
    Identity::User(Arc::new(crate::identity::User { id, email: None, roles, claims, expires: None }))
}

#[test]
fn a_list_of_several_owners_is_shown_item_by_item_where_the_dialect_can_and_else_to_nobody() {
    let desks =
        vec![desk("/whole", None, Arc::new(Plain::default())), desk("/each", None, Arc::new(ItemByItem))];
    let hub = Arc::new(Hub::new(desks, 100));
    let inboxes = ["ann", "bob", "cat", "ann"].map(|_| Inbox::new());
    let readers = [("ann", 1), ("bob", 1), ("cat", 1), ("ann", 0)].into_iter().zip(&inboxes);
    let _readers: Vec<Subscriber> =
        readers.map(|((name, endpoint), inbox)| join_as(&hub, inbox, endpoint, user(name))).collect();
    let mut list = event("note", &["1", "2", "3", "0"]);
    list.audience = Audience::Owner(Arc::from("sub"));
    for (item, owner) in list.items.iter_mut().zip(["ann", "bob", "ann", "ann"]) {
        item.owner = Some(Arc::from(owner));
    }
    let delivery = deliver(&hub, list);
    assert_eq!(
        delivery,
        Delivery { delivered: vec![0, 3], reached: 2, overflowed: 0, hidden: 2, ..Delivery::default() }
    );
    let got: Vec<_> = inboxes.iter().map(|inbox| inbox.take().join(" ")).collect();
    assert_eq!(got, ["1 3", "2", "", ""]);
}

#[test]
fn who_becomes_somebody_else_gets_what_that_one_may_see_from_then_on() {
    let hub = hub(100);
    let inbox = Inbox::new();
    let mut reader = join_as(&hub, &inbox, 0, user("ann"));
    let secret = || Event { audience: Audience::Authenticated, ..event("author", &["1"]) };
    assert_eq!(deliver(&hub, secret()).reached, 1);
    reader.identify(Identity::Anonymous, None).unwrap();
    assert_eq!(deliver(&hub, secret()).hidden, 1);
    reader.identify(user("bob"), None).unwrap();
    assert_eq!(deliver(&hub, secret()).reached, 1);
    assert_eq!(reader.identity(), user("bob"));
}

#[test]
fn a_reader_that_unsubscribes_gets_nothing_more_and_leaves_nothing_behind() {
    let hub = hub(100);
    let inbox = Inbox::new();
    let mut reader = join(&hub, &inbox, "author book");
    for topic in ["author", "author", "no-such"] {
        reader.handle(Command::unsubscribe(Topic::parse(topic)));
    }
    deliver(&hub, event("author", &["1"]));
    deliver(&hub, event("book", &["1"]));
    assert_eq!(inbox.take(), ["2 book"]);
    assert_eq!((reader.topics(), hub.topics()), (1, 1));
    reader.handle(Command::subscribe(Topic::parse("author")));
    deliver(&hub, event("author", &["1"]));
    assert_eq!(inbox.take(), ["3 author"]);
}

#[test]
fn pushes_reach_those_who_are_meant_and_nobody_else() {
    let desks = vec![
        desk("/a", Some("shop"), Arc::new(Plain::default())),
        desk("/b", Some("shop"), Arc::new(Plain::default())),
        desk("/c", Some("blog"), Arc::new(Plain::default())),
        desk("/d", None, Arc::new(Plain::default())),
    ];
    let hub = Arc::new(Hub::new(desks, 100));
    let who = [("ann", 0), ("ann", 1), ("bob", 1), ("ann", 2), ("", 0), ("ann", 3)];
    let inboxes = who.map(|_| Inbox::new());
    let identify = |name: &str| if name.is_empty() { Identity::Anonymous } else { user(name) };
    let readers: Vec<Subscriber> = who
        .iter()
        .zip(&inboxes)
        .map(|((name, endpoint), inbox)| join_as(&hub, inbox, *endpoint, identify(name)))
        .collect();
    let some = |text: &str| Some(Arc::from(text));
    let shop = Target { app: some("shop"), ..Target::default() };
    let rows: Vec<(Target, &str)> = vec![
        (shop.clone(), "111010"),
        (Target { only: Group::user(Arc::from("ann")), ..shop.clone() }, "110000"),
        (Target { endpoint: some("/b"), ..shop.clone() }, "011000"),
        (Target { app: some("nobody's"), ..shop.clone() }, "000000"),
        (Target { only: Group::user(Arc::from("ann")), ..Target::default() }, "110101"),
        (Target { only: Group::connection(readers[2].id()), ..Target::default() }, "001000"),
        (
            Target { only: Group::connection(readers[2].id()), app: some("blog"), ..Target::default() },
            "000000",
        ),
        (Target::default(), "111111"),
    ];
    for (to, expected) in rows {
        let meant: Vec<Uuid> = hub.tally(&to, 10).residents.iter().map(|resident| resident.id).collect();
        let message = Json::parse(r#"{"a":1}"#).unwrap();
        let delivery = hub.push(&Push::new(to.clone(), message), SystemTime::UNIX_EPOCH, || {});
        let got: String =
            inboxes.iter().map(|inbox| if inbox.take() == [r#"{"a":1}"#] { '1' } else { '0' }).collect();
        assert_eq!(got, expected, "{to:?}");
        assert_eq!(delivery.reached, meant.len() as u64, "{to:?}");
        assert!(readers.iter().zip(expected.chars()).all(|(r, c)| meant.contains(&r.id()) == (c == '1')));
    }
    let tally = hub.tally(&shop, 1);
    assert_eq!((tally.count, tally.authenticated, tally.users), (4, 3, 2));
    assert_eq!(tally.residents.len(), 1, "of the others nothing is copied");
    let ann = Target { only: Group::user(Arc::from("ann")), ..Target::default() };
    assert_eq!(hub.close(&ann, CloseReason::Ended), 4);
    assert_eq!(*inboxes[5].closed.lock().unwrap(), [CloseReason::Ended]);
    assert_eq!(*inboxes[2].closed.lock().unwrap(), []);
}

#[test]
fn a_record_that_moves_is_deleted_for_its_old_owner_alone() {
    #[derive(Debug)]
    struct Operations;
    impl Encode for Operations {
        fn encode(&self, publication: &Publication) -> Rendering {
            let event = &publication.event;
            let say = |item: &crate::event::Item| {
                let shown = item.record.as_ref().map_or("-", Json::as_str);
                format!("{} {} {shown}", event.operation.name(), item.id.as_ref().map_or("", Json::as_str))
            };
            Rendering::Whole(Frame::text(&event.items.iter().map(say).collect::<Vec<_>>().join("; ")))
        }
    }
    let hub = Arc::new(Hub::new(vec![desk("/whole", None, Arc::new(Operations))], 100));
    let inboxes = ["ann", "bob", "cat"].map(|_| Inbox::new());
    let readers = ["ann", "bob", "cat"].into_iter().zip(&inboxes);
    let _readers: Vec<Subscriber> =
        readers.map(|(name, inbox)| join_as(&hub, inbox, 0, user(name))).collect();
    let mut moved = event("note", &["1", "2"]);
    moved.audience = Audience::Owner(Arc::from("sub"));
    for (item, was) in moved.items.iter_mut().zip([Some("ann"), None]) {
        (item.owner, item.was) = (Some(Arc::from("bob")), was.map(Arc::from));
    }
    let delivery = deliver(&hub, moved);
    assert_eq!((delivery.reached, delivery.hidden), (2, 1));
    let got = inboxes.each_ref().map(|inbox| inbox.take().join(" | "));
    assert_eq!(got, ["delete 1 -", "update 1 {\"id\":1}; update 2 {\"id\":2}", ""]);
}

#[test]
fn who_has_not_come_in_yet_is_not_meant_by_anything() {
    let encode: Arc<dyn Encode> = Arc::new(Plain::default());
    let members = Desk { path: Arc::from("/members"), app: None, namespace: None, encode, required: true };
    let hub = Arc::new(Hub::new(vec![members], 100));
    let (inbox, all) = (Inbox::new(), Target::default());
    let mut reader = join_as(&hub, &inbox, 0, Identity::Anonymous);
    let push = || {
        let push = Push::new(all.clone(), Json::parse("1").unwrap());
        (hub.push(&push, SystemTime::UNIX_EPOCH, || {}).reached, hub.tally(&all, 10).residents.len())
    };
    assert_eq!(push(), (0, 0));
    reader.identify(user("ann"), None).unwrap();
    assert_eq!(push(), (1, 1));
}

#[test]
fn a_push_to_rooms_reaches_each_reader_of_the_namespace_once() {
    let within = |name: &str, path| Desk {
        namespace: Some(Arc::from(name)),
        ..desk(path, None, Arc::new(Plain::default()))
    };
    let desks = vec![
        within("/a", "/io"),
        within("/b", "/io"),
        within("/a", "/other"),
        desk("/ws", None, Arc::new(Plain::default())),
    ];
    let hub = Arc::new(Hub::new(desks, 100));
    // (endpoint, rooms of /a)
    let who: [(usize, &[&str]); 6] =
        [(0, &["x"]), (0, &["x", "y"]), (0, &["z"]), (0, &[]), (1, &["x"]), (3, &["x"])];
    let inboxes = who.map(|_| Inbox::new());
    let _readers: Vec<Subscriber> = who
        .iter()
        .zip(&inboxes)
        .map(|((endpoint, rooms), inbox)| {
            let mut reader = join_as(&hub, inbox, *endpoint, Identity::Anonymous);
            for room in *rooms {
                reader.handle(Command::subscribe(Topic::room("/a", room)));
            }
            reader
        })
        .collect();
    let names = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect::<Vec<Arc<str>>>();
    let to = |rooms: &[&str], except: &[&str]| Target {
        endpoint: Some(Arc::from("/io")),
        namespace: Some(Arc::from("/a")),
        only: Group { rooms: names(rooms), ..Group::default() },
        except: Group { rooms: names(except), ..Group::default() },
        ..Target::default()
    };
    for (to, expected) in [
        (to(&[], &[]), "111100"),
        (to(&["x"], &[]), "110000"),
        (to(&["x", "y"], &[]), "110000"),
        (to(&["x", "z"], &["y"]), "101000"),
        (to(&[], &["x"]), "001100"),
        (to(&["nowhere"], &[]), "000000"),
        (Target { namespace: Some(Arc::from("/b")), ..to(&[], &[]) }, "000010"),
        (Target { namespace: Some(Arc::from("/b")), ..to(&["x"], &[]) }, "000000"),
    ] {
        let push = Push::new(to.clone(), Json::parse("{}").unwrap());
        let delivery = hub.push(&push, SystemTime::UNIX_EPOCH, || {});
        let got: String = inboxes.iter().map(|inbox| inbox.take().len().to_string()).collect();
        assert_eq!(got, expected, "{to:?}");
        assert_eq!(delivery.reached, expected.matches('1').count() as u64, "{to:?}");
    }
}

#[test]
fn a_push_reaches_once_whoever_is_named_in_whatever_way_and_not_named_among_the_others() {
    let within = |name: &str| Desk {
        namespace: Some(Arc::from(name)),
        ..desk("/io", None, Arc::new(Plain::default()))
    };
    let hub = Arc::new(Hub::new(vec![within("/a"), within("/b")], 100));
    // (namespace, user, room)
    let who = [
        (0, "ann", "x"),
        (0, "ann", "y"),
        (0, "bob", "x"),
        (0, "cat", "y"),
        (0, "dan", "z"),
        (1, "ann", "x"),
    ];
    let inboxes = who.map(|_| Inbox::new());
    let readers: Vec<Subscriber> = who
        .iter()
        .zip(&inboxes)
        .map(|((endpoint, name, room), inbox)| {
            let mut reader = join_as(&hub, inbox, *endpoint, user(name));
            reader.handle(Command::subscribe(Topic::room(if *endpoint == 0 { "/a" } else { "/b" }, room)));
            reader
        })
        .collect();
    let group = |rooms: &[&str], users: &[&str], connections: &[usize]| Group {
        rooms: rooms.iter().map(|name| Arc::from(*name)).collect(),
        users: users.iter().map(|name| Arc::from(*name)).collect(),
        connections: connections.iter().map(|at| readers[*at].id()).collect(),
    };
    let nobody = || group(&[], &[], &[]);
    for (only, except, expected) in [
        (nobody(), nobody(), "111110"),
        (group(&["x"], &["ann"], &[]), nobody(), "111000"),
        (group(&["x"], &["ann"], &[0, 4, 5]), nobody(), "111010"),
        (group(&[], &["ann", "cat"], &[]), nobody(), "110100"),
        (group(&[], &[], &[3]), nobody(), "000100"),
        (nobody(), group(&["y"], &["dan"], &[2]), "100000"),
        (group(&["x", "z"], &[], &[]), group(&[], &["ann"], &[]), "001010"),
        (group(&["x", "x"], &[], &[]), group(&[], &[], &[0]), "001000"),
        (group(&[], &["ann"], &[]), group(&["y"], &[], &[]), "100000"),
    ] {
        let to = Target { namespace: Some(Arc::from("/a")), only, except, ..Target::default() };
        let delivery =
            hub.push(&Push::new(to.clone(), Json::parse("{}").unwrap()), SystemTime::UNIX_EPOCH, || {});
        let got: String = inboxes.iter().map(|inbox| inbox.take().len().to_string()).collect();
        assert_eq!(got, expected, "{to:?}");
        assert_eq!(delivery.reached, expected.matches('1').count() as u64, "{to:?}");
    }
    let anywhere = Target { only: group(&["x"], &[], &[]), ..Target::default() };
    assert_eq!(hub.tally(&anywhere, 10).count, 0, "a room is one of a namespace");
}
