//! What requests get and leave.

use super::*;
use crate::message::Message;

fn text(text: &str) -> Packet {
    Packet::Message(Message::Text(text.to_owned()))
}

async fn poll(handle: &Handle<DuplexStream>) -> String {
    let frames = timeout(FOREVER, handle.poll().unwrap()).await.expect("nothing comes").unwrap();
    encode(&frames).map_or_else(String::new, |body| String::from_utf8(body.to_vec()).unwrap())
}

/// One that is in `/a`.
async fn come(house: &mut House) -> Handle<DuplexStream> {
    let handle = house.open();
    handle.post(vec![text("0/a,{}")]).unwrap().await.unwrap();
    assert!(poll(&handle).await.starts_with(r#"40/a,{"sid":""#));
    handle
}

#[tokio::test(start_paused = true)]
async fn what_a_poll_took_and_could_not_write_comes_first_in_the_next() {
    let mut house = House::new(10);
    let handle = come(&mut house).await;
    house.push("/a", r#"{"event":"one","data":1}"#);
    let frames = handle.poll().unwrap().await.unwrap();
    house.push("/a", r#"{"event":"two","data":2}"#);
    handle.give_back(frames);
    assert_eq!(poll(&handle).await, "42/a,[\"one\",1]\u{1e}42/a,[\"two\",2]");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_hung_up_takes_nothing_and_is_no_second_one() {
    let mut house = House::new(10);
    let handle = come(&mut house).await;
    drop(handle.poll().unwrap());
    house.push("/a", r#"{"event":"one","data":1}"#);
    assert_eq!(poll(&handle).await, "42/a,[\"one\",1]");
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_connection_that_has_ended_do_not_wait() {
    let mut house = House::new(10);
    let handle = come(&mut house).await;
    let waiting = handle.poll().unwrap();
    house.sessions.close_all();
    assert_eq!(encode(&waiting.await.unwrap()), None, "the client is to come back");
    house.ended().await;
    assert!(handle.poll().is_err() && handle.post(vec![text("2/a,[\"x\"]")]).is_err());
    assert!(house.sessions.open(NOBODY).is_err(), "no more are taken");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_over_does_not_wait_for_answers_that_only_polls_could_take() {
    let mut house = House::new(10);
    let handle = come(&mut house).await;
    let (stream, theirs) = tokio::io::duplex(100_000);
    assert!(handle.begin_upgrade() && !handle.begin_upgrade(), "one at a time");
    let poll = handle.poll().unwrap();
    // More answers than may wait.
    let events: Vec<Packet> = (0..50).map(|number| text(&format!("2/a,{number}[\"unknown\"]"))).collect();
    let probe = again(&handle).upgrade(theirs, Vec::new(), Bytes::from(ANSWER));
    house.tasks.spawn(probe.run());
    let mut peer = Peer(stream);
    peer.0.read_exact(&mut vec![0; ANSWER.len()]).await.unwrap();
    peer.say("2probe").await;
    assert_eq!(peer.next().await, "3probe");
    assert_eq!(encode(&poll.await.unwrap()).unwrap(), "6", "it does not wait any more");
    timeout(FOREVER, handle.post(events).unwrap()).await.expect("it waits for ever").unwrap();
    peer.say("5").await;
    for number in 0..50 {
        assert_eq!(peer.next().await, format!("43/a,{number}[{{\"error\":\"unknown_event\"}}]"));
    }
    assert!(handle.poll().is_err(), "it polls no more");
}

/// The same connection.
fn again(handle: &Handle<DuplexStream>) -> Handle<DuplexStream> {
    Handle { shared: Arc::clone(&handle.shared), max_payload: handle.max_payload, outbox: handle.outbox }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_gives_up_going_over_is_polled_as_before() {
    let mut house = House::new(10);
    let handle = come(&mut house).await;
    let (stream, theirs) = tokio::io::duplex(4096);
    assert!(handle.begin_upgrade());
    house.tasks.spawn(again(&handle).upgrade(theirs, Vec::new(), Bytes::from(ANSWER)).run());
    let mut peer = Peer(stream);
    peer.0.read_exact(&mut vec![0; ANSWER.len()]).await.unwrap();
    peer.say("2probe").await;
    assert_eq!(peer.next().await, "3probe");
    drop(peer);
    house.tasks.join_next().await.unwrap().unwrap();
    let waiting = handle.poll().unwrap();
    house.push("/a", r#"{"event":"one","data":1}"#);
    assert_eq!(encode(&waiting.await.unwrap()).unwrap(), "42/a,[\"one\",1]");
    assert!(handle.begin_upgrade(), "it may try again");
}
