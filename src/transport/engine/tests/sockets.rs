//! Signs of life, and sockets that come and go on one connection.

use super::carrier::Carrier;
use super::*;
use crate::hub::{Full, Lane, Sent};
use crate::message::{CloseReason, Frame};
use crate::transport::link::{Link, State};
use crate::transport::wire::Wire as _;

async fn come(peer: &mut Peer, namespace: &str) {
    peer.say(&format!("40{namespace},")).await;
    assert!(peer.next().await.starts_with(&format!("40{namespace},{{\"sid\":\"")));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_a_ping_in_time_is_gone_and_who_does_stays() {
    let mut house = House::new(10);
    let mut peer = house.open_on().await;
    come(&mut peer, "/a").await;
    for _ in 0..3 {
        let start = Instant::now();
        assert_eq!(peer.next().await, "2");
        assert!(start.elapsed() <= Duration::from_secs(20));
        peer.say("3").await;
    }
    assert_eq!(peer.next().await, "2");
    let start = Instant::now();
    assert_eq!(peer.next().await, "close 1001");
    assert_eq!(start.elapsed().as_secs(), 5);
    drop(peer);
    house.ended().await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_into_no_namespace_is_gone_in_time_also_when_polled() {
    let mut house = House::new(10);
    let mut peer = house.open_on().await;
    assert_eq!(peer.next().await, "2");
    peer.say("3").await;
    assert_eq!(peer.next().await, "close 1008");
    drop(peer);
    house.ended().await;
    let handle = house.open();
    house.ended().await;
    assert!(handle.poll().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_an_operator_ends_leaves_the_connection_to_the_others() {
    let mut house = House::new(10);
    let mut peer = house.open_on().await;
    come(&mut peer, "/a").await;
    come(&mut peer, "/b").await;
    let at = |name: &str| Target { namespace: Some(Arc::from(name)), ..Target::default() };
    assert_eq!(house.hub.close(&at("/a"), CloseReason::Ended), 1);
    assert_eq!(peer.next().await, "41/a,");
    // What was on its way to it is no fault.
    peer.say(r#"42/a,["late"]"#).await;
    assert_eq!(house.push("/b", r#"{"event":"x","data":1}"#), 1);
    assert_eq!(peer.next().await, r#"42/b,["x",1]"#);
    assert_eq!(house.push("/a", r#"{"event":"x"}"#), 0);
    let left = async {
        while house.hub.connections() > 1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(FOREVER, left).await.expect("it stays a reader");
    come(&mut peer, "/a").await;
    peer.say("41/a,").await;
    come(&mut peer, "/a").await;
    assert_eq!(house.hub.close_all(CloseReason::GoingAway), 2);
    assert_eq!(peer.next().await, "close 1001");
    drop(peer);
    house.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_more_than_there_may_be_is_refused() {
    let mut house = House::new(2);
    let mut peer = house.open_on().await;
    let handle = house.open();
    assert_eq!(house.sessions.check_room(None), Err(AttachError::Full));
    assert!(house.sessions.open(NOBODY).is_err());
    come(&mut peer, "/a").await;
    come(&mut peer, "/b").await;
    // The hub is full too: it may come back when there is room.
    post(&handle, "40/a,").unwrap();
    assert_eq!(poll(&handle).await, None);
    timeout(FOREVER, house.tasks.join_next()).await.unwrap();
    assert_eq!(house.sessions.check_room(None), Ok(()));
}

#[test]
fn a_reader_that_was_too_slow_for_what_was_held_back_was_counted_nowhere() {
    let limits = OutboxLimits { frames: 10, bytes: 10_000 };
    let link: Link<Carrier<DuplexStream>> = Link::silent(Carrier::Polling, limits);
    Lane::hold(&link);
    let frame = Frame::text("event");
    for _ in 0..8 {
        assert_eq!(link.send(&frame), Sent::Queued);
        link.answer(frame.wire());
    }
    assert_eq!(link.release(), Err(Full));
    assert_eq!((link.state(), link.release()), (State::Closing, Ok(())));
}

/// Whoever showed a token in its handshake came in with that for as long as the connection lasted, and what it asked
/// for in the same breath was done.
#[tokio::test(start_paused = true)]
async fn a_token_of_the_handshake_that_has_expired_since_lets_nobody_in() {
    let mut house = House::new(10);
    let mut peer = house.open_on_as(user("7", std::time::SystemTime::UNIX_EPOCH)).await;
    peer.say("40/a,").await;
    assert_eq!(
        peer.next().await,
        r#"44/a,{"message":"Invalid authentication","data":{"code":"expired_token"}}"#
    );
    drop(peer);
    house.ended().await;
}
