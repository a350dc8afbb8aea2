//! Filters where the backend says who may see what: they are held against what the reader gets, and nobody is
//! asked about what no reader wants.

use super::super::filters::subscribe;
use super::*;

fn filtered(payload: Payload, filter: &str) -> Scene {
    let mut scene = scene(LIMITS, payload);
    scene.join("ann", "a");
    scene.change("ann", filter);
    scene
}

impl Scene {
    fn change(&mut self, name: &str, filter: &str) {
        self.readers.get_mut(name).unwrap().1.handle(subscribe("all", filter));
    }
}

#[test]
fn nobody_is_asked_about_what_no_reader_wants() {
    let mut scene = filtered(Payload::Record, r#"{"n":1}"#);
    scene.write("1");
    assert_eq!(scene.questions(), "");
    scene.change("ann", r#"[{"column":"n","operator":"gt","value":0}]"#);
    scene.write("1");
    assert_eq!(scene.questions(), "");
    scene.happen(Operation::Update, &["1", "2"]);
    assert_eq!(scene.questions(), "a /x/1, a /x/2");
    scene.answer("a /x/1", 200);
    scene.answer("a /x/2", 200);
    assert_eq!(scene.got("ann"), r#"update 2 {"n":1}"#);
}

#[test]
fn what_the_writer_got_says_nothing_of_what_readers_get_by_their_own_get() {
    // (filter, what the reader's GET returns, gets)
    let rows = [
        (r#"{"n":0}"#, r#"{"m":1}"#, ""),
        (r#"{"n":0}"#, r#"{"n":0,"m":1}"#, r#"update 1 {"n":0,"m":1}"#),
        (r#"{"m":1}"#, r#"{"m":1}"#, r#"update 1 {"m":1}"#),
        (r#"{"n":null}"#, r#"{"m":1}"#, r#"update 1 {"m":1}"#),
    ];
    for (filter, record, gets) in rows {
        let mut scene = filtered(Payload::Refetch, filter);
        scene.write("1");
        scene.answer_with("a /x/1", 200, Some(record));
        assert_eq!((scene.got("ann").as_str(), scene.delivery.hidden), (gets, 0), "{filter} {record}");
    }
    let mut scene = filtered(Payload::Refetch, r#"{"id":2}"#);
    scene.write("1");
    assert_eq!(scene.questions(), "");
}

#[test]
fn what_is_wanted_is_what_is_wanted_when_the_answer_comes() {
    // (filter meanwhile, gets)
    let rows = [(r#"{"n":0}"#, r#"update 1 {"n":0}"#), ("null", r#"update 1 {"n":0}"#), (r#"{"n":1}"#, "")];
    for (filter, gets) in rows {
        let mut scene = filtered(Payload::Record, r#"{"n":0}"#);
        scene.write("1");
        scene.change("ann", filter);
        scene.answer("a /x/1", 200);
        assert_eq!(scene.got("ann"), gets, "{filter}");
    }
    let mut scene = filtered(Payload::Record, "null");
    scene.write("1");
    scene.readers.get_mut("ann").unwrap().1.handle(Command::unsubscribe(Topic::all()));
    scene.change("ann", "null");
    scene.answer("a /x/1", 200);
    assert_eq!(scene.got("ann"), "", "the event came before the subscription");
}

#[test]
fn an_operator_gets_what_its_filter_lets_through() {
    for payload in [Payload::Record, Payload::Refetch] {
        let mut scene = scene(LIMITS, payload);
        scene.join("op", "a");
        scene.readers.get_mut("op").unwrap().1.identify(Identity::Operator, None).unwrap();
        scene.change("op", r#"{"n":1}"#);
        scene.happen(Operation::Update, &["1", "2"]);
        assert_eq!((scene.got("op"), scene.questions()), (r#"update 2 {"n":1}"#.to_owned(), String::new()));
    }
}
