//! Who is never asked for, and what goes wrong.

use super::*;

#[test]
fn operators_see_everything_at_once_and_readers_without_credentials_nothing() {
    let mut scene = scene(LIMITS, Payload::Refetch);
    let inbox = [Inbox::new(), Inbox::new()];
    let attach = |(identity, inbox): (Identity, &Arc<Inbox>)| {
        let lane = Arc::clone(inbox) as Arc<dyn Lane>;
        let mut subscriber = scene.hub.attach(lane, profile(0, identity)).unwrap();
        subscriber.handle(Command::subscribe(Topic::all()));
        subscriber
    };
    let identities = [Identity::Operator, Identity::Anonymous];
    let _subscribers: Vec<Subscriber> = identities.into_iter().zip(&inbox).map(attach).collect();
    scene.write("7");
    assert_eq!(scene.questions(), "");
    assert_eq!(inbox[0].take(), [r#"update 7 {"n":0}"#]);
    assert_eq!((inbox[1].take(), scene.withheld(Why::Hidden)), (vec![], 1));
}

#[test]
fn a_hub_that_does_not_ask_shows_nothing_of_what_the_backend_decides_on() {
    let hub = hub(10);
    let inbox = Inbox::new();
    let _subscriber = join(&hub, &inbox, "all");
    let showing = Showing { payload: Payload::Record, paths: vec![Some(Arc::from("/x/1"))] };
    let event = Event { audience: Audience::Upstream(Arc::new(showing)), ..event("note", &["1"]) };
    assert_eq!(deliver(&hub, event).hidden, 1);
    assert_eq!((inbox.take(), !hub.may_ask()), (Vec::<String>::new(), true));
}

#[test]
fn what_was_asked_for_somebody_else_is_not_shown() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "a");
    scene.write("7");
    scene.readers.get_mut("ann").unwrap().1.identify(user("ann"), Some("other")).unwrap();
    scene.answer("a /x/7", 200);
    assert_eq!((scene.got("ann"), scene.withheld(Why::Changed)), (String::new(), 1));
    scene.write("7");
    assert_eq!(scene.questions(), "Bearer other /x/7");
    scene.readers.get_mut("ann").unwrap().1.identify(Identity::Anonymous, None).unwrap();
    scene.answer("Bearer other /x/7", 200);
    assert_eq!(scene.got("ann"), "");
}

#[test]
fn what_finds_no_place_is_withheld_from_its_credential_alone() {
    let mut scene =
        scene(Limits { at_once: 2, at_once_each: 1, waiting: 1, waiting_each: 0, ..LIMITS }, Payload::Record);
    scene.join("ann", "a");
    scene.join("bob", "b");
    scene.write("1");
    assert_eq!(scene.withheld(Why::Full), 0);
    scene.write("2");
    assert_eq!(scene.withheld(Why::Full), 0, "counted when it is its turn");
    scene.answer("b /x/1", 200);
    assert_eq!((scene.got("bob"), scene.withheld(Why::Full)), (r#"update 1 {"n":0}"#.to_owned(), 1));
    scene.write("3");
    assert_eq!(scene.questions(), "a /x/1, b /x/3");
    scene.answer("b /x/3", 200);
    scene.answer("a /x/1", 200);
    assert_eq!(scene.got("ann"), r#"update 1 {"n":0}"#);
    assert_eq!((scene.got("bob"), scene.withheld(Why::Full)), (r#"update 3 {"n":0}"#.to_owned(), 2));
}

#[test]
fn of_a_large_write_no_more_is_asked_than_finds_a_place() {
    let mut narrow = scene(Limits { at_once_each: 1, waiting_each: 0, ..LIMITS }, Payload::Record);
    narrow.join("ann", "a");
    narrow.happen(Operation::Update, &["1", "2", "1"]);
    narrow.answer("a /x/1", 200);
    assert_eq!(narrow.got("ann"), r#"update 1 {"n":0}"#, "there was no place for the second");

    let many = Limits { at_once: 9999, at_once_each: 9999, ..LIMITS };
    let mut wide = scene(many, Payload::Record);
    wide.join("ann", "a");
    let ids: Vec<String> = (1..3000).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    wide.happen(Operation::Update, &ids);
    assert_eq!(wide.questions().split(", ").count(), 1024);
}

#[test]
fn what_waits_for_answers_is_bounded_in_bytes_and_readers_that_come_anew_change_nothing() {
    let mut scene = scene(Limits { bytes: 2000, ..LIMITS }, Payload::Record);
    let mut refused = 0;
    for _ in 0..100 {
        // Who reconnects has an empty line.
        scene.join("ann", "a");
        scene.write("7");
        refused += scene.withheld(Why::Full);
    }
    assert!((95..100).contains(&refused), "{refused}");
    scene.answer("a /x/7", 200);
    let again = scene.questions();
    assert_eq!(again, "a /x/7", "the later ones need a later answer");
    scene.answer("a /x/7", 200);
    scene.join("ann", "a");
    scene.write("7");
    assert_eq!(scene.questions(), "a /x/7", "there is room again");
}

#[test]
fn a_question_that_nobody_asks_keeps_no_place_and_holds_up_nobody() {
    let narrow = Limits { at_once: 1, waiting: 9, ..LIMITS };
    let mut scene = scene(narrow, Payload::Record);
    scene.join("ann", "a");
    scene.join("bob", "b");
    *scene.asked.1.lock().unwrap() = "/x/1";
    scene.write("1");
    assert_eq!((scene.hub.questions(), scene.withheld(Why::Unclear)), ((0, 0), 2));
    scene.write("2");
    scene.happen(Operation::Update, &["1", "3"]);
    scene.public("news");
    for question in ["a /x/2", "b /x/2", "a /x/3", "b /x/3"] {
        scene.answer(question, 200);
    }
    for name in ["ann", "bob"] {
        assert_eq!(scene.got(name), r#"update 2 {"n":0} | update 3 {"n":1} | update 9 {}"#);
    }
    assert_eq!(scene.hub.questions(), (0, 0));
}

#[test]
fn an_answer_for_many_readers_is_told_with_pauses() {
    let mut scene = scene(LIMITS, Payload::Record);
    let name = |number: usize| &*format!("reader {number}").leak();
    let names: Vec<&'static str> = (0..=2 * BATCH).map(name).collect();
    for name in &names {
        scene.join(name, "a");
    }
    scene.write("7");
    scene.answer("a /x/7", 200);
    assert_eq!((scene.delivery.reached, scene.pauses), (names.len() as u64, 3));
}

#[test]
fn a_reader_that_leaves_is_forgotten_with_the_answer() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "a");
    scene.join("bob", "b");
    scene.write("7");
    let (inbox, subscriber) = scene.readers.remove("ann").unwrap();
    *inbox.answer.lock().unwrap() = Sent::Gone;
    drop(subscriber);
    scene.answer("a /x/7", 200);
    assert_eq!(Arc::strong_count(&inbox), 1);
    scene.answer("b /x/7", 200);
    assert_eq!(scene.got("bob"), r#"update 7 {"n":0}"#);
    assert_eq!(scene.hub.questions(), (0, 0));
}

#[test]
fn an_encoder_that_panics_stops_nobody_for_ever() {
    #[derive(Debug)]
    struct Cursed;
    impl Encode for Cursed {
        fn encode(&self, publication: &Publication) -> Rendering {
            let event = &publication.event;
            assert_ne!(event.items[0].id, Json::parse("13"), "a bug in a dialect");
            Items.encode(publication)
        }
    }
    let mut scene = scene(LIMITS, Payload::Record);
    let asked = Arc::clone(&scene.asked) as Arc<dyn Ask>;
    let desks = vec![desk("/each", None, Arc::new(Cursed))];
    scene.hub = Arc::new(Hub::new(desks, 100).asking(LIMITS, LINE, asked));
    scene.join("ann", "a");
    scene.write("13");
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| scene.answer("a /x/13", 200)));
    unwound.unwrap_err();
    scene.public("news");
    assert_eq!(scene.got("ann"), "update 9 {}");
}

#[test]
fn whoever_is_asked_for_is_counted_until_it_leaves() {
    let mut scene = scene(LIMITS, Payload::Record);
    assert!(!scene.hub.asks());
    scene.join("ann", "a");
    scene.join("bob", "b");
    let (_, ann) = &scene.readers["ann"];
    ann.bear(Some(scene.credentials("c")));
    ann.bear(None);
    ann.bear(None);
    assert!(scene.hub.asks());
    scene.readers.remove("bob");
    assert!(!scene.hub.asks());
    let (_, ann) = &scene.readers["ann"];
    ann.bear(Some(scene.credentials("a")));
    assert!(scene.hub.asks());
    scene.readers.clear();
    assert!(!scene.hub.asks());
}

#[test]
fn what_was_loaded_is_told_as_gone_to_who_has_loaded_it() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "a");
    scene.join("bob", "b");
    let who = scene.credentials("a");
    let paths = ["/x/7", "/x/8"].map(str::to_owned);
    scene.hub.loaded(&who, &paths, Answer::Seen, SystemTime::UNIX_EPOCH);
    scene.write("7");
    scene.answer("a /x/7", 404);
    scene.answer("b /x/7", 404);
    scene.happen(Operation::Delete, &["8"]);
    assert_eq!((scene.got("ann"), scene.got("bob")), ("delete 7 - | delete 8 -".to_owned(), String::new()));
}

#[test]
fn what_changes_while_nobody_is_there_is_asked_about_anew() {
    for operation in [Operation::Update, Operation::Delete] {
        let mut scene = scene(LIMITS, Payload::Record);
        scene.join("ann", "a");
        scene.write("7");
        scene.answer("a /x/7", 200);
        scene.happen(Operation::Read, &["7"]);
        assert_eq!((scene.questions(), scene.got("ann").matches("read").count()), (String::new(), 1));
        scene.readers.clear();
        scene.happen(Operation::Read, &["7"]);
        scene.join("ann", "a");
        scene.happen(Operation::Read, &["7"]);
        assert_eq!(scene.questions(), "", "a read changes nothing");
        scene.readers.clear();
        scene.happen(operation, &["7"]);
        scene.join("ann", "a");
        scene.happen(Operation::Read, &["7"]);
        assert_eq!((scene.questions().as_str(), scene.got("ann").as_str()), ("a /x/7", ""), "{operation:?}");
    }
}

#[test]
fn after_lost_events_everything_is_asked_about_anew() {
    let mut scene = scene(LIMITS, Payload::Record);
    scene.join("ann", "a");
    for id in ["7", "8"] {
        scene.write(id);
    }
    scene.answer("a /x/7", 200);
    scene.hub.lose(None);
    // It was asked before.
    scene.answer("a /x/8", 200);
    drop(scene.got("ann"));
    for id in ["7", "8"] {
        scene.happen(Operation::Read, &[id]);
    }
    assert_eq!((scene.questions().as_str(), scene.got("ann").as_str()), ("a /x/7, a /x/8", ""));
    scene.answer("a /x/7", 200);
    scene.happen(Operation::Read, &["7"]);
    assert_eq!(scene.questions(), "a /x/8", "what was answered since holds");
}
