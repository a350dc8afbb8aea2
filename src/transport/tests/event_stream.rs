//! An event stream as its client sees it.

use tokio::time::Instant;

use super::script::Script;
use super::*;
use crate::message::Block;

const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
const HEAD: &str = "HTTP/1.1 200 OK\r\n\r\n";

/// Says the event's path.
#[derive(Debug)]
struct Lines;

impl Encode for Lines {
    fn encode(&self, publication: &Publication) -> Rendering {
        Rendering::Whole(Block::default().data(&publication.event.http.as_ref().unwrap().path))
    }
}

fn hub() -> Arc<Hub> {
    let (path, encode) = (Arc::from("/events"), Arc::new(Lines));
    Arc::new(Hub::new(vec![Desk { path, app: None, namespace: None, encode, required: false }], 1000))
}

fn serve<S: Stream>(identity: Identity, (stream, early): (S, &[u8]), hub: &Arc<Hub>) -> JoinSet<()> {
    let newcomer = Newcomer::on_event_stream(stream, early.to_vec(), Bytes::from(HEAD), LIMITS);
    let turn = Turn { commands: vec![Command::subscribe(Topic::all())], ..Turn::default() };
    let subscriber = hub.attach(newcomer.lane(), Profile { identity, ..profile() }).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(newcomer.run((echo(), turn), subscriber, Arc::new(Alone), ()));
    tasks
}

/// Connects, with the head read.
async fn connect(hub: &Arc<Hub>, size: usize) -> Client {
    connect_as(Identity::Anonymous, hub, size).await
}

async fn connect_as(identity: Identity, hub: &Arc<Hub>, size: usize) -> Client {
    let (stream, theirs) = tokio::io::duplex(size);
    let connection = serve(identity, (theirs, b""), hub);
    let mut client = Client { stream, connection };
    client.read(HEAD).await;
    client
}

impl Client {
    async fn read(&mut self, expected: &str) {
        let bytes = self.bytes(expected.len()).await.expect("the stream has ended");
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    /// Nothing more comes, and the stream has ended.
    async fn read_end(&mut self) {
        assert_eq!(self.bytes(1).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn events_are_told_and_comments_show_that_somebody_is_there() {
    let (hub, start) = (hub(), Instant::now());
    let mut client = connect(&hub, 4096).await;
    publish(&hub, "one");
    client.read("data: one\n\n").await;
    // It never says anything.
    for number in 1..20 {
        client.read(": ping\n\n").await;
        assert_eq!(start.elapsed(), PING_INTERVAL * number);
    }
    publish(&hub, "two");
    client.read("data: two\n\n").await;
    assert_eq!(hub.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_end_is_said_and_then_comes() {
    let rows =
        [(CloseReason::GoingAway, 1001, "going away"), (CloseReason::Ended, 1008, "Ended by an operator")];
    for (reason, code, text) in rows {
        let hub = hub();
        let mut client = connect(&hub, 4096).await;
        hub.close_all(reason);
        client.read(&format!("event: close\ndata: {{\"code\":{code},\"reason\":\"{text}\"}}\n\n")).await;
        client.read_end().await;
        drop(client.stream);
        client.connection.join_next().await.unwrap().unwrap();
        assert_eq!(hub.connections(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_hang_up_behind_the_end_is_cut_off() {
    let hub = hub();
    let mut client = connect(&hub, 4096).await;
    let start = Instant::now();
    hub.close_all(CloseReason::GoingAway);
    client.ended().await;
    assert_eq!((start.elapsed(), hub.connections()), (CLOSE_TIMEOUT, 0));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_leaves_the_hub_at_once() {
    let hub = hub();
    let Client { stream, mut connection } = connect(&hub, 4096).await;
    let start = Instant::now();
    drop(stream);
    connection.join_next().await.unwrap().unwrap();
    assert_eq!((start.elapsed(), hub.connections()), (Duration::ZERO, 0));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_at_all_is_closed() {
    let (hub, start) = (hub(), Instant::now());
    let mut client = connect(&hub, 64).await;
    publish(&hub, &"x".repeat(400));
    client.ended().await;
    assert!(start.elapsed() <= PING_INTERVAL * 4, "took {:?}", start.elapsed());
    assert_eq!(hub.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_that_goes_on_reading_is_not_silent() {
    let hub = hub();
    let mut client = connect(&hub, 16).await;
    let event = "x".repeat(400);
    for _ in 0..10 {
        publish(&hub, &event);
    }
    let told = format!("data: {event}\n\n").repeat(10);
    for piece in told.as_bytes().chunks(16) {
        tokio::time::sleep(PING_INTERVAL / 2).await;
        client.read(std::str::from_utf8(piece).unwrap()).await;
    }
    assert_eq!(hub.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_lags_hears_why_it_ends_behind_what_had_begun_to_leave() {
    let hub = hub();
    let mut client = connect(&hub, 64).await;
    let event = "x".repeat(400);
    while publish(&hub, &event).overflowed == 0 {}
    client.read(&format!("data: {event}\n\n")).await;
    client.read("event: close\ndata: {\"code\":1013,\"reason\":\"reader too slow\"}\n\n").await;
    client.read_end().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_client_says_all_the_same_is_read_over_up_to_a_bound() {
    let hub = hub();
    let (stream, theirs) = tokio::io::duplex(64 * 1024);
    let connection = serve(Identity::Anonymous, (theirs, &[b'x'; 1024]), &hub);
    let mut client = Client { stream, connection };
    client.read(HEAD).await;
    client.stream.write_all(&[b'x'; 15 * 1024]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    publish(&hub, "still here");
    client.read("data: still here\n\n").await;
    client.stream.write_all(b"x").await.unwrap();
    client.read("event: close\ndata: {\"code\":1009,\"reason\":\"message too big\"}\n\n").await;
    client.read_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_whose_token_expires_is_told_and_closed() {
    let hub = hub();
    let mut client = connect_as(user(PING_INTERVAL / 2), &hub, 4096).await;
    client.read("event: close\ndata: {\"code\":1008,\"reason\":\"Token expired\"}\n\n").await;
    client.read_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_breaks_on_a_ping_ends_the_connection() {
    let hub = hub();
    let (script, stream) = Script::new();
    script.grant(usize::MAX, usize::MAX);
    let mut connection = serve(Identity::Anonymous, (stream, b""), &hub);
    tokio::task::yield_now().await;
    script.break_off();
    let ending = tokio::time::timeout(FOREVER, connection.join_next());
    ending.await.expect("the connection never ends").unwrap().unwrap();
    assert_eq!(hub.connections(), 0);
}
