//! What a conversation can ask of its connection: answers from elsewhere, to be woken, words to others, and
//! an end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderMap;
use tokio::sync::Semaphore;

use super::*;
use crate::access::{self, Credentials, Question};
use crate::event::{Audience, Item, Json, Payload, Showing};
use crate::hub::{Ask, NotAsked};
use crate::message::{Message, Returned, Target};

/// Does what it is told: `ask TOKEN`, `wake SECONDS`, `announce NAME`, `push TEXT`, `bye`, `word`; and says what
/// happens to it.
#[derive(Debug, Default)]
struct Obedient {
    alarm: Option<Duration>,
}

fn say(turn: &mut Turn, text: &str) {
    turn.frames.push(Frame::text(text));
}

fn announcement(name: &str) -> Announcement {
    let (model, action) = (Arc::from("presence"), Arc::from(name));
    Announcement { model, action, item: Item::default(), audience: Audience::Everyone }
}

impl Conversation for Obedient {
    fn receive(&mut self, message: Message, now: Now, turn: &mut Turn) {
        let Message::Text(text) = message else { return };
        let (what, about) = text.split_once(' ').unwrap_or((text.as_str(), ""));
        match what {
            "ask" => turn.call = Some(Call::Identify(about.to_owned())),
            "wake" => self.alarm = Some(now.age + Duration::from_secs(about.parse().unwrap())),
            "announce" => turn.announcements.push(announcement(about)),
            "push" => {
                let message = Json::string(about);
                turn.pushes.push(Push::new(Target::default(), message));
            }
            "bye" => turn.close = Some(CloseReason::RateLimit),
            word => say(turn, word),
        }
    }

    fn returned(&mut self, returned: Returned, _: Now, turn: &mut Turn) {
        let Returned::Credential(credential) = returned else { panic!("{returned:?}") };
        let identity = credential.identity();
        say(turn, if identity == Identity::Anonymous { "nobody" } else { "somebody" });
        turn.commands.push(Command::Identify(identity));
    }

    fn alarm(&self) -> Option<Duration> {
        self.alarm
    }

    fn wake(&mut self, now: Now, turn: &mut Turn) {
        assert!(self.alarm.take().is_some_and(|alarm| alarm <= now.age), "it was not time yet");
        say(turn, "good morning");
    }

    fn expired(&mut self, _: Now, turn: &mut Turn) {
        say(turn, "your token has expired");
    }

    fn ended(&mut self, _: Now, turn: &mut Turn) {
        turn.announcements.push(announcement("left"));
    }
}

/// Answers when the test lets it, and notes the rest.
#[derive(Debug)]
struct Office {
    answers: Arc<Semaphore>,
    notes: Mutex<Vec<String>>,
    aheads: Mutex<Vec<Ahead>>,
}

impl Backstage for Office {
    fn call(&self, call: Call, caller: Caller) -> Returning {
        self.aheads.lock().unwrap().push(caller.ahead);
        let Call::Identify(token) = call else { panic!("{call:?}") };
        let answers = Arc::clone(&self.answers);
        Box::pin(async move {
            answers.acquire().await.unwrap().forget();
            let days = Duration::from_secs(token.parse().unwrap_or(0));
            let is_good = !days.is_zero();
            Returned::Credential(if is_good { Credential::Valid(user(days)) } else { Credential::Invalid })
        })
    }

    fn announce(&self, announcement: Announcement) {
        self.notes.lock().unwrap().push(announcement.action.to_string());
    }

    fn push(&self, push: Push) {
        self.notes.lock().unwrap().push(push.message.as_str().to_owned());
    }

    fn subscriptions(&self, difference: i64) {
        self.notes.lock().unwrap().push(format!("{difference}"));
    }

    fn connections(&self, _: i64) {}

    fn refused(&self, error: AttachError) {
        panic!("{error}")
    }

    fn exceeded(&self, limit: Exceeded) {
        self.notes.lock().unwrap().push(format!("{limit:?}"));
    }
}

struct Setup {
    client: Client,
    office: Arc<Office>,
    hub: Arc<Hub>,
}

impl Setup {
    async fn new(expiry: Expiry) -> Self {
        Self::at(hub(), expiry).await
    }

    async fn at(hub: Arc<Hub>, expiry: Expiry) -> Self {
        let (stream, theirs) = tokio::io::duplex(4096);
        let office = Arc::new(Office {
            answers: Arc::new(Semaphore::new(0)),
            notes: Mutex::default(),
            aheads: Mutex::default(),
        });
        let socket = WebSocket::new(theirs, Vec::new(), Bytes::from(GREETING), Limits { expiry, ..LIMITS });
        let subscriber = hub.attach(socket.lane(), profile()).unwrap();
        let credentials = |keys| Arc::new(Credentials::new(keys, HeaderMap::new(), None));
        subscriber.bear(hub.may_ask().then(|| credentials(hub.keys())));
        let frames = vec![Frame::text("welcome")];
        let turn = Turn { commands: vec![Command::subscribe(Topic::all())], frames, ..Turn::default() };
        let backstage = Arc::clone(&office) as Arc<dyn Backstage>;
        let mut connection = JoinSet::new();
        connection.spawn(socket.run(Box::new(Obedient::default()), subscriber, backstage, turn));
        let mut client = Client { stream, connection };
        client.bytes(GREETING.len()).await.unwrap();
        client.expect(&["text welcome"]).await;
        Self { client, office, hub }
    }

    async fn say(&mut self, text: &str) {
        self.client.send(0x81, text.as_bytes()).await;
    }

    fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.office.notes.lock().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn messages_wait_while_an_answer_is_awaited_and_events_still_arrive() {
    let mut setup = Setup::new(Expiry::Close).await;
    for word in ["one", "ask 0", "two", "ask 999", "three"] {
        setup.say(word).await;
    }
    setup.client.expect(&["text one"]).await;
    publish(&setup.hub, "event");
    setup.client.expect(&["text event"]).await;
    setup.office.answers.add_permits(1);
    setup.client.expect(&["text nobody", "text two"]).await;
    publish(&setup.hub, "another");
    setup.client.expect(&["text another"]).await;
    setup.office.answers.add_permits(1);
    setup.client.expect(&["text somebody", "text three"]).await;
}

#[tokio::test(start_paused = true)]
async fn more_messages_than_may_wait_are_read_later_and_lose_nothing() {
    let mut setup = Setup::new(Expiry::Close).await;
    let words: Vec<String> = (0..3 * LIMITS.waiting).map(|number| number.to_string()).collect();
    setup.say("ask 0").await;
    for word in &words {
        setup.say(word).await;
    }
    setup.say("ask 999").await;
    setup.office.answers.add_permits(2);
    setup.client.expect(&["text nobody"]).await;
    for word in &words {
        setup.client.expect(&[&format!("text {word}")]).await;
    }
    setup.client.expect(&["text somebody"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_ping_was_not_answered_while_an_answer_was_awaited() {
    let mut setup = Setup::new(Expiry::Close).await;
    setup.say("ask 0").await;
    setup.client.send(0x89, b"there?").await;
    setup.client.expect(&["pong there?"]).await;
    setup.office.answers.add_permits(1);
    setup.client.expect(&["text nobody"]).await;
}

#[tokio::test(start_paused = true)]
async fn events_that_a_call_causes_come_behind_its_answer() {
    let mut setup = Setup::new(Expiry::Close).await;
    setup.say("ask 0").await;
    setup.client.send(0x89, b"").await;
    setup.client.expect(&["pong"]).await;
    publish(&setup.hub, "before");
    setup.client.expect(&["text before"]).await;
    let ahead = setup.office.aheads.lock().unwrap().pop().unwrap();
    ahead.hold();
    publish(&setup.hub, "own");
    publish(&setup.hub, "other");
    setup.office.answers.add_permits(1);
    setup.client.expect(&["text nobody", "text own", "text other"]).await;
    ahead.hold();
    publish(&setup.hub, "later");
    setup.client.expect(&["text later"]).await;
    setup.say("ask 999").await;
    setup.office.answers.add_permits(1);
    ahead.hold();
    publish(&setup.hub, "last");
    let mut got = [setup.client.next().await, setup.client.next().await];
    got.sort();
    assert_eq!(got, ["text last", "text somebody"], "a former call holds nothing back");
}

#[tokio::test(start_paused = true)]
async fn what_was_held_back_for_a_user_came_behind_the_end_of_its_token() {
    let mut setup = Setup::new(Expiry::Demote).await;
    setup.office.answers.add_permits(1);
    setup.say("ask 5").await;
    setup.client.expect(&["text somebody"]).await;
    setup.say("ask 0").await;
    setup.client.send(0x89, b"").await;
    setup.client.expect(&["pong"]).await;
    setup.office.aheads.lock().unwrap().pop().unwrap().hold();
    publish(&setup.hub, "own");
    setup.client.expect(&["text own", "text your token has expired"]).await;
    setup.office.answers.add_permits(1);
    setup.client.expect(&["text nobody"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_for_whom_too_much_is_held_back_is_closed() {
    let mut setup = Setup::new(Expiry::Close).await;
    setup.say("ask 0").await;
    setup.say("unheard").await;
    setup.client.send(0x89, b"").await;
    setup.client.expect(&["pong"]).await;
    setup.office.aheads.lock().unwrap().pop().unwrap().hold();
    let sent: Vec<_> = (0..=LIMITS.outbox.frames).map(|_| publish(&setup.hub, "event").overflowed).collect();
    assert_eq!((sent.iter().sum::<u64>(), sent.last()), (1, Some(&1)));
    setup.client.expect(&["close 1013 reader too slow"]).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_an_answer_is_not_taken_for_dead() {
    let mut setup = Setup::new(Expiry::Close).await;
    setup.say("ask 0").await;
    setup.client.expect(&["ping", "ping", "ping", "ping"]).await;
    setup.office.answers.add_permits(1);
    setup.client.expect(&["text nobody"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_woken_when_it_asked_for_it_and_pings_go_on() {
    let mut setup = Setup::new(Expiry::Close).await;
    let start = tokio::time::Instant::now();
    setup.say("wake 45").await;
    setup.client.expect(&["ping"]).await;
    setup.client.send(0x8A, b"").await;
    setup.client.expect(&["text good morning"]).await;
    assert_eq!(start.elapsed().as_secs(), 45);
    setup.client.expect(&["ping"]).await;
    assert_eq!(start.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_new_token_counts_from_then_on_and_its_end_is_told() {
    for (expiry, after) in [(Expiry::Close, "close 1008 Token expired"), (Expiry::Demote, "text event")] {
        let mut setup = Setup::new(expiry).await;
        let start = tokio::time::Instant::now();
        setup.office.answers.add_permits(2);
        setup.say("ask 5").await;
        setup.say("ask 20").await;
        setup.client.expect(&["text somebody", "text somebody", "text your token has expired"]).await;
        assert!((15..=20).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        publish(&setup.hub, "event");
        setup.client.expect(&[after]).await;
    }
}

/// Keeps with which token the backend is to be asked.
#[derive(Debug, Default)]
struct Asked(Mutex<Vec<String>>);

impl Ask for Asked {
    fn ask(&self, question: Question) -> Result<(), NotAsked> {
        let token = question.who.headers().get("authorization").map(|value| value.to_str().unwrap());
        self.0.lock().unwrap().push(token.unwrap_or("nobody").to_owned());
        Ok(())
    }
}

fn asking(asked: &Arc<Asked>) -> Arc<Hub> {
    let limits = access::Limits {
        ttl: PING_INTERVAL,
        at_once: 10,
        at_once_each: 10,
        waiting: 10,
        waiting_each: 10,
        patience: PING_INTERVAL,
        remembered: 10,
        waiters: 10,
        bytes: 100_000,
    };
    let hub = Arc::into_inner(hub()).unwrap();
    Arc::new(hub.asking(limits, LIMITS.outbox, Arc::clone(asked) as Arc<dyn Ask>))
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_looked_at_while_the_former_expires_is_borne_afterwards() {
    let asked = Arc::new(Asked::default());
    let mut setup = Setup::at(asking(&asked), Expiry::Demote).await;
    let who = |record: &str| {
        let mut event = Event::sample("m", record);
        let paths = vec![Some(Arc::from(record))];
        event.audience = Audience::Upstream(Arc::new(Showing { payload: Payload::Record, paths }));
        setup.hub.deliver(event, SystemTime::UNIX_EPOCH, || {});
        std::mem::take(&mut *asked.0.lock().unwrap())
    };
    setup.office.answers.add_permits(1);
    setup.client.send(0x81, b"ask 5").await;
    setup.client.expect(&["text somebody"]).await;
    assert_eq!(who("1"), ["Bearer 5"]);
    setup.client.send(0x81, b"ask 20").await;
    setup.client.expect(&["text your token has expired"]).await;
    assert_eq!(who("2"), ["nobody"]);
    setup.office.answers.add_permits(1);
    setup.client.expect(&["text somebody"]).await;
    assert_eq!(who("3"), ["Bearer 20"]);
}

#[tokio::test(start_paused = true)]
async fn what_others_are_to_get_is_passed_on_and_the_end_comes_after_the_last_word() {
    let mut setup = Setup::new(Expiry::Close).await;
    assert_eq!(setup.notes(), ["1"]);
    for word in ["announce joined", "push hello", "word", "bye", "unheard"] {
        setup.say(word).await;
    }
    setup.client.expect(&["text word", "close 1008 Rate limit exceeded"]).await;
    assert_eq!(setup.notes(), ["joined", "\"hello\""]);
    setup.client.ended().await;
    assert_eq!(setup.notes(), ["left", "-1"]);
    assert_eq!(setup.hub.connections(), 0);
}

/// A connection whose dialect says `turn` first of all; the hub pushes as soon as it knows of it.
async fn pushed_at_once(mut turn: Turn) -> (Client, u64) {
    let (hub, (stream, theirs)) = (hub(), tokio::io::duplex(4096));
    let socket = WebSocket::new(theirs, Vec::new(), Bytes::from(GREETING), LIMITS);
    socket.greet(&mut turn);
    let subscriber = hub.attach(socket.lane(), profile()).unwrap();
    let push = Push::new(Target::default(), Json::string("push"));
    let reached = hub.push(&push, SystemTime::UNIX_EPOCH, || {}).reached;
    let mut connection = JoinSet::new();
    connection.spawn(socket.run(echo(), subscriber, Arc::new(Alone), turn));
    let mut client = Client { stream, connection };
    client.bytes(GREETING.len()).await.unwrap();
    (client, reached)
}

#[tokio::test(start_paused = true)]
async fn what_is_said_first_comes_before_every_push() {
    let frames = vec![Frame::text("welcome"), Frame::text("to you")];
    let (mut client, reached) = pushed_at_once(Turn { frames, ..Turn::default() }).await;
    client.expect(&["text welcome", "text to you", "text \"push\""]).await;
    assert_eq!(reached, 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_pushed_to_whom_nobody_lets_in() {
    let close = Some(CloseReason::Unauthenticated);
    let (mut client, reached) = pushed_at_once(Turn { close, ..Turn::default() }).await;
    client.expect(&["close 1008 Authentication required"]).await;
    assert_eq!(reached, 0);
    client.ended().await;
}

/// Subscribes, unsubscribes, and answers.
#[derive(Debug)]
struct Following;

impl Conversation for Following {
    fn receive(&mut self, message: Message, _: Now, turn: &mut Turn) {
        let Message::Text(text) = message else { return };
        let topic = Topic::all();
        let command = if text == "on" { Command::subscribe(topic) } else { Command::unsubscribe(topic) };
        turn.commands.push(command);
        say(turn, &text);
    }
}

/// Ends the other thread, also if the test fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Events come from another thread all the time.
#[test]
fn an_event_came_before_the_answer_to_its_subscription() {
    const ROUNDS: usize = 300;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let hub = hub();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                publish(&hub, "event");
                std::thread::yield_now();
            }
        });
        let _ending = Ending(&done);
        runtime.block_on(async {
            let (stream, theirs) = tokio::io::duplex(1 << 20);
            let socket = WebSocket::new(theirs, Vec::new(), Bytes::from(GREETING), LIMITS);
            let subscriber = hub.attach(socket.lane(), profile()).unwrap();
            let mut connection = JoinSet::new();
            connection.spawn(socket.run(Box::new(Following), subscriber, Arc::new(Alone), Turn::default()));
            let mut client = Client { stream, connection };
            client.bytes(GREETING.len()).await.unwrap();
            for _ in 0..ROUNDS {
                client.send(0x81, b"on").await;
                client.expect(&["text on", "text event"]).await;
                client.send(0x81, b"off").await;
                while client.next().await != "text off" {}
            }
        });
    });
}

/// Asks somebody whether its client may be, and says `welcome` or ends it.
#[derive(Debug)]
struct Gate;

impl Conversation for Gate {
    fn receive(&mut self, _: Message, _: Now, _: &mut Turn) {}

    fn returned(&mut self, returned: Returned, _: Now, turn: &mut Turn) {
        match returned {
            Returned::Credential(Credential::Valid(_)) => say(turn, "welcome"),
            Returned::Credential(_) | Returned::Webhook(_) | Returned::Upstream(_) => {
                turn.close = Some(CloseReason::Refused);
            }
        }
    }

    fn expired(&mut self, _: Now, turn: &mut Turn) {
        say(turn, "your token has expired");
    }
}

impl Setup {
    /// A client about whom somebody is asked, while pushes come.
    async fn gated(token: &str, identity: Identity) -> Self {
        let (hub, (stream, theirs)) = (hub(), tokio::io::duplex(4096));
        let answers = Arc::new(Semaphore::new(0));
        let office = Arc::new(Office { answers, notes: Mutex::default(), aheads: Mutex::default() });
        let limits = Limits { expiry: Expiry::Demote, ..LIMITS };
        let socket = WebSocket::new(theirs, Vec::new(), Bytes::from(GREETING), limits);
        let call = Some(Call::Identify(token.to_owned()));
        let mut turn = Turn { commands: vec![Command::subscribe(Topic::all())], call, ..Turn::default() };
        socket.greet(&mut turn);
        let mut subscriber = hub.attach(socket.lane(), Profile { identity, ..profile() }).unwrap();
        subscriber.handle(Command::subscribe(Topic::model("m")));
        publish(&hub, "early");
        let backstage = Arc::clone(&office) as Arc<dyn Backstage>;
        let mut connection = JoinSet::new();
        connection.spawn(socket.run(Box::new(Gate), subscriber, backstage, turn));
        let mut client = Client { stream, connection };
        client.bytes(GREETING.len()).await.unwrap();
        client.send(0x89, b"there?").await;
        client.expect(&["pong there?"]).await;
        publish(&hub, "meanwhile");
        Self { client, office, hub }
    }
}

#[tokio::test(start_paused = true)]
async fn pushes_reached_a_client_that_nobody_had_let_in() {
    let mut setup = Setup::gated("no", Identity::Anonymous).await;
    setup.office.answers.add_permits(1);
    let refused = format!("close {} {}", CloseReason::Refused.code(), CloseReason::Refused.text());
    setup.client.expect(&[&refused]).await;

    let mut setup = Setup::gated("5", Identity::Anonymous).await;
    setup.office.answers.add_permits(1);
    setup.client.expect(&["text welcome"]).await;
    let got = [setup.client.next().await, setup.client.next().await];
    assert!(got.iter().all(|text| text == "text early" || text == "text meanwhile"), "{got:?}");
    publish(&setup.hub, "later");
    setup.client.expect(&["text later"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_a_user_who_was_not_let_in_yet_came_behind_the_end_of_its_token() {
    let mut setup = Setup::gated("5", user(Duration::from_secs(1))).await;
    setup.client.expect(&["text your token has expired"]).await;
    setup.office.answers.add_permits(1);
    setup.client.expect(&["text welcome"]).await;
    publish(&setup.hub, "later");
    setup.client.expect(&["text later"]).await;
}
