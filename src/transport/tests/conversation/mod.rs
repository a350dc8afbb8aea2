//! What a conversation can ask of its connection: answers from elsewhere, to be woken, words to others, and
//! an end.

mod ahead;
mod opening;
mod subscribing;
mod tokens;
mod waiting;

use std::sync::Mutex;

use http::HeaderMap;
use tokio::sync::Semaphore;

use super::*;
use crate::access::Credentials;
use crate::event::{Audience, Item, Json};
use crate::hub::AttachError;
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
    Announcement { model, action, item: Item::default(), audience: Audience::Everyone, coming: None }
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

impl Office {
    fn new() -> Arc<Self> {
        let answers = Arc::new(Semaphore::new(0));
        Arc::new(Self { answers, notes: Mutex::default(), aheads: Mutex::default() })
    }
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
        let office = Office::new();
        let socket =
            Newcomer::on_websocket(theirs, Vec::new(), Bytes::from(GREETING), Limits { expiry, ..LIMITS });
        let subscriber = hub.attach(socket.lane(), profile()).unwrap();
        let credentials = |keys| Arc::new(Credentials::new(keys, HeaderMap::new(), None));
        subscriber.bear(hub.may_ask().then(|| credentials(hub.keys())));
        let frames = vec![Frame::text("welcome")];
        let turn = Turn { commands: vec![Command::subscribe(Topic::all())], frames, ..Turn::default() };
        let backstage = Arc::clone(&office) as Arc<dyn Backstage>;
        let running = socket.run((Box::new(Obedient::default()), turn), subscriber, backstage, ());
        let mut client = Client::of(stream, running).await;
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
