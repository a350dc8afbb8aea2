//! What requests get and leave.

use super::*;

/// One that is in `/a`.
async fn come(house: &mut House) -> Handle<DuplexStream> {
    let handle = house.open();
    post(&handle, "40/a,{}").unwrap().await.unwrap();
    assert!(poll(&handle).await.unwrap().starts_with(r#"40/a,{"sid":""#));
    handle
}

#[tokio::test(start_paused = true)]
async fn what_a_poll_took_and_could_not_write_comes_first_in_the_next() {
    let mut house = House::new(10);
    let handle = come(&mut house).await;
    house.push("/a", r#"{"event":"one","data":1}"#);
    let polled = handle.poll().unwrap().await.unwrap();
    house.push("/a", r#"{"event":"two","data":2}"#);
    // The next does not get what comes behind that before.
    let mut next = handle.poll().unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(next.try_recv().is_err());
    drop(polled);
    let polled = next.await.unwrap();
    assert_eq!(encode(polled.frames()).unwrap(), "42/a,[\"one\",1]\u{1e}42/a,[\"two\",2]");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_hung_up_takes_nothing_and_is_no_second_one() {
    let mut house = House::new(10);
    let handle = come(&mut house).await;
    drop(handle.poll().unwrap());
    house.push("/a", r#"{"event":"one","data":1}"#);
    assert_eq!(poll(&handle).await.unwrap(), "42/a,[\"one\",1]");
}

#[tokio::test(start_paused = true)]
async fn what_a_poll_got_as_it_hung_up_was_lost() {
    let mut house = House::new(10);
    let handle = come(&mut house).await;
    let waiting = handle.poll().unwrap();
    house.push("/a", r#"{"event":"one","data":1}"#);
    // It is there, and nobody has looked at it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(waiting);
    assert_eq!(poll(&handle).await.unwrap(), "42/a,[\"one\",1]");
}

#[tokio::test(start_paused = true)]
async fn of_a_second_post_nothing_is_read() {
    let mut house = House::new(10);
    let handle = come(&mut house).await;
    let first = handle.post().unwrap();
    drop(first);
    // That one has hung up.
    let first = handle.post().unwrap();
    assert!(handle.post().is_err());
    assert_eq!(poll(&handle).await.unwrap(), "1");
    house.ended().await;
    assert!(first.say(Payload::read(Bytes::from_static(b"3")).unwrap()).is_err());
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_connection_that_has_ended_do_not_wait() {
    let mut house = House::new(10);
    let handle = come(&mut house).await;
    let waiting = handle.poll().unwrap();
    house.sessions.retire().into_iter().for_each(|sid| house.sessions.end(sid));
    assert_eq!(encode(waiting.await.unwrap().frames()), None, "the client is to come back");
    house.ended().await;
    assert!(handle.poll().is_err() && handle.post().is_err());
    assert!(house.sessions.open(NOBODY).is_err(), "no more are taken");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_over_does_not_wait_for_answers_that_only_polls_could_take() {
    let mut house = House::new(10);
    let handle = come(&mut house).await;
    let (stream, theirs) = tokio::io::duplex(100_000);
    assert!(handle.begin_upgrade() && !handle.begin_upgrade(), "one at a time");
    let waiting = handle.poll().unwrap();
    // More answers than may wait.
    let events: Vec<String> = (0..50).map(|number| format!("42/a,{number}[\"unknown\"]")).collect();
    let probe = again(&handle).upgrade(theirs, Vec::new(), Bytes::from(ANSWER));
    house.tasks.spawn(probe.run());
    let mut peer = Peer(stream);
    peer.0.read_exact(&mut vec![0; ANSWER.len()]).await.unwrap();
    peer.say("2probe").await;
    assert_eq!(peer.next().await, "3probe");
    let polled = waiting.await.unwrap();
    assert_eq!(encode(polled.frames()).unwrap(), "6", "it does not wait any more");
    timeout(FOREVER, post(&handle, &events.join("\u{1e}")).unwrap())
        .await
        .expect("it waits for ever")
        .unwrap();
    peer.say("5").await;
    // Its poll has not been answered yet, and what comes behind that waits.
    assert!(timeout(Duration::from_secs(1), peer.0.read_u8()).await.is_err());
    polled.delivered();
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
    house.push("/a", r#"{"event":"one","data":1}"#);
    assert_eq!(poll(&handle).await.unwrap(), "42/a,[\"one\",1]");
    assert!(handle.begin_upgrade(), "it may try again");
}

/// A WebSocket that `handle` tries, over a pipe of so many bytes, whose greeting has left.
async fn tried(house: &mut House, handle: &Handle<DuplexStream>, size: usize) -> Peer {
    let (stream, theirs) = tokio::io::duplex(size);
    assert!(handle.begin_upgrade());
    house.tasks.spawn(again(handle).upgrade(theirs, Vec::new(), Bytes::from(ANSWER)).run());
    tokio::task::yield_now().await;
    Peer(stream)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_tried_a_websocket_and_read_nothing_had_answers_wait_without_bound() {
    let mut house = House::new(10);
    let handle = come(&mut house).await;
    let mut peer = tried(&mut house, &handle, 1000).await;
    let ping = [&[0x89, 0xFD, 0, 0, 0, 0][..], &[b'x'; 125]].concat();
    let mut taken = 0;
    // It is given up in the end, and not before.
    while taken < 1000 && peer.0.write_all(&ping).await.is_ok() {
        taken += 1;
    }
    assert!(taken < 50, "{taken} pings were read, and nobody read an answer");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_said_again_and_again_that_it_tries_a_websocket_was_answered_each_time() {
    let mut house = House::new(10);
    let handle = come(&mut house).await;
    let mut peer = tried(&mut house, &handle, 4096).await;
    peer.0.read_exact(&mut vec![0; ANSWER.len()]).await.unwrap();
    peer.say("2probe").await;
    assert_eq!(peer.next().await, "3probe");
    peer.say("2probe").await;
    assert_eq!(peer.next().await, "close 1002");
}

#[tokio::test(start_paused = true)]
async fn who_went_over_in_the_same_breath_did_not_get_all_of_the_answer_before_it() {
    let mut house = House::new(10);
    let handle = come(&mut house).await;
    // With room for a half of the answer behind the greeting.
    let mut peer = tried(&mut house, &handle, ANSWER.len() + 4).await;
    peer.say("2probe").await;
    peer.say("5").await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    peer.0.read_exact(&mut vec![0; ANSWER.len()]).await.unwrap();
    assert_eq!(peer.next().await, "3probe");
    house.push("/a", r#"{"event":"one","data":1}"#);
    assert_eq!(peer.next().await, r#"42/a,["one",1]"#);
}
