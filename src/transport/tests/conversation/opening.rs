//! What comes before all else, and to whom nothing comes at all.

use super::*;

/// A connection whose dialect says `turn` first of all; the hub pushes as soon as it knows of it.
async fn pushed_at_once(mut turn: Turn) -> (Client, u64) {
    let (hub, (stream, theirs)) = (hub(), tokio::io::duplex(4096));
    let socket = Newcomer::on_websocket(theirs, Vec::new(), Bytes::from(GREETING), LIMITS);
    socket.greet(&mut turn);
    let subscriber = hub.attach(socket.lane(), profile()).unwrap();
    let push = Push::new(Target::default(), Json::string("push"));
    let reached = hub.push(&push, SystemTime::UNIX_EPOCH, || {}).reached;
    (Client::of(stream, socket.run((echo(), turn), subscriber, Arc::new(Alone), ())).await, reached)
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
        let office = Office::new();
        let limits = Limits { expiry: Expiry::Demote, ..LIMITS };
        let socket = Newcomer::on_websocket(theirs, Vec::new(), Bytes::from(GREETING), limits);
        let call = Some(Call::Identify(token.to_owned()));
        let mut turn = Turn { commands: vec![Command::subscribe(Topic::all())], call, ..Turn::default() };
        socket.greet(&mut turn);
        let mut subscriber = hub.attach(socket.lane(), Profile { identity, ..profile() }).unwrap();
        subscriber.handle(Command::subscribe(Topic::model("m")));
        publish(&hub, "early");
        let backstage = Arc::clone(&office) as Arc<dyn Backstage>;
        let running = socket.run((Box::new(Gate), turn), subscriber, backstage, ());
        let mut client = Client::of(stream, running).await;
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
