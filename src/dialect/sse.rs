//! Dialect `sse`: the events of dialect `canonical` for `EventSource` and whatever else reads lines (HTML, section 9.2).
//!
//! The query says what a client wants, and `Last-Event-ID`, which browsers send by themselves, what it got last. First
//! of all it hears what became of that, as the event `subscribed`; all others have no name, so that `onmessage` gets
//! them, and their position for an id.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderName, request};
use serde_json::Value;
use uuid::Uuid;

use super::canonical;
use super::listener::{Listener, MAX_TOPIC_BYTES, value, values};
use super::snapshot::{self, MakeAck, Showing, Snapshots, Words};
use super::{Conversation, Dialect, Medium, Opening};
use crate::event::{Position, Topic};
use crate::message::{Ack, Block, Caught, Command, Encode, Frame, Publication, Push, Rendering, Turn};

/// Of one connection.
const MAX_TOPICS: usize = 64;
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Who loses the connection comes back after this and a part of the next, by chance: all do when a process stops.
const PAUSE: Duration = Duration::from_secs(1);
const SPREAD_MILLIS: u64 = 4000;

#[derive(Debug, Default)]
pub(super) struct Sse(pub(super) Arc<Snapshots>);

impl Dialect for Sse {
    fn medium(&self) -> Medium {
        Medium::EventStream
    }

    fn fault(&self, request: &request::Parts) -> Option<&'static str> {
        let mut names = values(request.uri.query().unwrap_or_default(), "topic");
        if names.clone().count() > MAX_TOPICS {
            Some("one connection has at most 64 topics")
        } else {
            let is_strange = names.any(|name| !is_topic(&name));
            let strange = is_strange.then_some("a topic has at most 512 bytes, and no control character");
            strange.or_else(|| self.0.fault(request, &topics(request.uri.query().unwrap_or_default())))
        }
    }

    fn calls(&self) -> Option<&[HeaderName]> {
        self.0.calls()
    }

    fn open(&self, opening: &Opening<'_>, turn: &mut Turn) -> Box<dyn Conversation> {
        let topics = topics(opening.request.uri.query().unwrap_or_default());
        turn.commands.extend(topics.iter().cloned().map(Command::subscribe));
        turn.since = since(opening.request);
        let (since, pause, shown) = (turn.since, pause(opening.connection), topics.clone());
        let ack: MakeAck =
            Box::new(move |since| Ack::new(move |caught| answer(&topics, since, pause, caught)));
        if since.is_none() && snapshot::is_wanted(opening.request) {
            let words: Words = |said| Block::default().event("snapshot").data(said);
            return Showing::open(&self.0, shown, (words, ack), turn);
        }
        turn.ack = Some(ack(since));
        Box::new(Listener)
    }
}

impl Encode for Sse {
    fn encode(&self, publication: &Publication) -> Rendering {
        let json = canonical::json(publication);
        Rendering::Whole(Block::default().id(publication.position).data(&json))
    }

    /// Without an id: nobody gets it again.
    fn push(&self, push: &Push, _: SystemTime, _: Position) -> Option<Frame> {
        Some(Block::default().data(push.message.as_str()))
    }
}

fn is_topic(name: &str) -> bool {
    name.len() <= MAX_TOPIC_BYTES && !name.contains(char::is_control)
}

/// Each that the query names, once; all events where it names none.
fn topics(query: &str) -> Vec<Topic> {
    let mut topics: Vec<Topic> = Vec::new();
    for name in values(query, "topic").filter(|name| is_topic(name)).take(MAX_TOPICS) {
        let topic = Topic::parse(&name);
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    if values(query, "topic").next().is_none() {
        topics.push(Topic::all());
    }
    topics
}

/// What the client got last. The header is newer: the query is that of its first connection.
fn since(request: &request::Parts) -> Option<Position> {
    let header = request.headers.get(LAST_EVENT_ID).filter(|id| !id.is_empty());
    let query = || value(request.uri.query()?, "since").filter(|since| !since.is_empty());
    match header {
        Some(id) => Some(Position::read(id.to_str().unwrap_or_default())),
        None => query().map(|since| Position::read(&since)),
    }
}

fn pause(connection: Uuid) -> Duration {
    PAUSE + Duration::from_millis(connection.as_u64_pair().1 % SPREAD_MILLIS)
}

/// Its id is what the client has got when it has read it: where more follows that it missed, what it had before.
fn answer(topics: &[Topic], since: Option<Position>, pause: Duration, caught: &Caught) -> Frame {
    let names: Vec<String> = topics.iter().map(|topic| Value::from(topic.to_string()).to_string()).collect();
    let got = if caught.recovered == Some(Ok(())) { since } else { caught.position };
    let block = Block::default().retry(pause).event("subscribed");
    let block = got.into_iter().fold(block, Block::id);
    block.data(&format!(r#"{{"topics":[{}]{}}}"#, names.join(","), caught.members()))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::dialect::tests::item;
    use crate::event::{Epoch, Event, Json};
    use crate::identity::Credential;
    use crate::message::{Loss, Now, Target};

    const NOW: Now = Now { time: SystemTime::UNIX_EPOCH, age: Duration::ZERO };

    fn at(offset: u64) -> Position {
        Position { epoch: Epoch::new(1), offset }
    }

    fn request(query: &str, last: Option<&str>) -> request::Parts {
        let request = Request::builder().uri(format!("/events{query}"));
        let request = last.into_iter().fold(request, |request, last| request.header(LAST_EVENT_ID, last));
        request.body(()).unwrap().into_parts().0
    }

    fn open(request: &request::Parts) -> Turn {
        let (connection, credential) = (Uuid::from_u128(4500), &Credential::Missing);
        let opening = Opening { request, connection, credential, required: false, resume: None, now: NOW };
        let mut turn = Turn::default();
        drop(Sse::default().open(&opening, &mut turn));
        turn
    }

    fn text(frame: &Frame) -> String {
        String::from_utf8(frame.wire().to_vec()).unwrap()
    }

    #[test]
    fn each_topic_of_the_query_is_subscribed_to_once() {
        let long = "x".repeat(513);
        let rows = [
            ("", "all"),
            ("?topic=", "all"),
            ("?topics=author", "all"),
            ("?topic=author", "author"),
            ("?topic=author&topic=book%2F7", "author book/7"),
            ("?topic=author&topic=Author&token=t&topic=author", "author"),
            ("?topic=author&topic=", "author all"),
            (&format!("?topic={long}&topic=b"), "b"),
            (&format!("?topic={long}"), ""),
            ("?topic=%01n%01room", ""),
        ];
        for (query, expected) in rows {
            let turn = open(&request(query, None));
            let subscribe = |topic: &str| Command::subscribe(Topic::parse(topic));
            assert_eq!(
                turn.commands,
                expected.split_whitespace().map(subscribe).collect::<Vec<_>>(),
                "{query}"
            );
        }
        assert_eq!(open(&request(&format!("?{}", numbered(100)), None)).commands.len(), MAX_TOPICS);
    }

    fn numbered(topics: usize) -> String {
        (0..topics).map(|number| format!("topic=t{number}&")).collect()
    }

    #[test]
    fn what_cannot_be_a_topic_is_refused() {
        let long = "x".repeat(513);
        let rows = [
            (String::new(), false),
            ("topic=author&topic=book".to_owned(), false),
            (format!("topic={long}"), true),
            ("topic=a%0Ab".to_owned(), true),
            (numbered(64), false),
            (numbered(65), true),
        ];
        for (query, is_refused) in rows {
            assert_eq!(
                Sse::default().fault(&request(&format!("?{query}"), None)).is_some(),
                is_refused,
                "{query}"
            );
        }
    }

    #[test]
    fn the_header_says_what_a_client_got_last_and_else_the_query() {
        let position = "0000000000000001.7";
        let rows = [
            ("", None, None),
            ("?since=", Some(""), None),
            ("?since=0000000000000001.7", None, Some(at(7))),
            ("?since=0000000000000001.7", Some("0000000000000001.9"), Some(at(9))),
            ("", Some(position), Some(at(7))),
            ("", Some("yesterday"), Some(Position::untold(0))),
            ("", Some("g\u{fc}n"), Some(Position::untold(0))),
        ];
        for (query, last, expected) in rows {
            assert_eq!(open(&request(query, last)).since, expected, "{query} {last:?}");
        }
    }

    #[test]
    fn a_client_that_is_yet_to_get_what_it_missed_has_the_id_that_it_had() {
        let rows = [
            (Some(at(9)), None, "id: 0000000000000001.9\n", r#","position":"0000000000000001.9""#),
            (
                Some(at(9)),
                Some(Ok(())),
                "id: 0000000000000001.7\n",
                r#","position":"0000000000000001.9","recovered":true"#,
            ),
            (
                Some(at(9)),
                Some(Err(Loss::Expired)),
                "id: 0000000000000001.9\n",
                r#","position":"0000000000000001.9","recovered":false,"reason":"expired""#,
            ),
            (None, None, "", ""),
        ];
        for (position, recovered, id, members) in rows {
            let ack = open(&request("?topic=a", Some("0000000000000001.7"))).ack.unwrap();
            assert_eq!(
                text(&ack.frame(&Caught { position, recovered })),
                format!("retry: 1500\nevent: subscribed\n{id}data: {{\"topics\":[\"a\"]{members}}}\n\n")
            );
        }
    }

    #[test]
    fn an_event_is_that_of_canonical_with_its_position_as_id() {
        let mut event = Event::sample("author", "1");
        event.items = vec![item("1", "{\r\n  \"name\": \"Ada\\n\"\n}")];
        let publication = Publication { position: at(7), time: SystemTime::UNIX_EPOCH, event };
        let told = text(&Sse::default().encode(&publication).into_frames()[0]);
        let (first, rest) = told.split_once('\n').unwrap();
        assert_eq!(first, "id: 0000000000000001.7");
        let lines: Vec<&str> =
            rest.trim_end().lines().map(|line| line.strip_prefix("data: ").unwrap()).collect();
        assert_eq!(lines.join("\n"), canonical::json(&publication).replace("\r\n", "\n"));
        assert!(rest.ends_with("}\n\n") && lines.len() == 3);
    }

    #[test]
    fn a_push_has_no_id_since_nobody_gets_it_again() {
        let push = Push::new(Target::default(), Json::parse("{\n}").unwrap());
        let frame = Sse::default().push(&push, SystemTime::UNIX_EPOCH, at(7)).unwrap();
        assert_eq!(text(&frame), "data: {\ndata: }\n\n");
    }

    #[test]
    fn clients_come_back_at_different_times() {
        let pauses: Vec<Duration> = (0..9).map(|number| pause(Uuid::from_u128(number * 977))).collect();
        assert!(pauses.iter().all(|pause| (PAUSE..PAUSE * 5).contains(pause)), "{pauses:?}");
        assert!(pauses.windows(2).all(|two| two[0] != two[1]), "{pauses:?}");
    }
}
