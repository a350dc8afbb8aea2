//! Clients whose connections break off, and who come back.

use http::{HeaderName, HeaderValue};

use super::*;
use crate::access::{Credentials, Keys};
use crate::message::CloseReason;

/// In `/a`; with the name by which it comes back.
async fn come(peer: &mut Peer) -> String {
    peer.say("40/a,").await;
    pid(&peer.next().await)
}

fn pid(connected: &str) -> String {
    let said: serde_json::Value = serde_json::from_str(connected.strip_prefix("40/a,").unwrap()).unwrap();
    said["pid"].as_str().unwrap().to_owned()
}

async fn come_back(house: &mut House, pid: &str) -> Peer {
    let mut peer = house.open_on().await;
    peer.say(&format!(r#"40/a,{{"pid":"{pid}"}}"#)).await;
    peer
}

fn tell(house: &House, number: usize) {
    assert_eq!(house.push("/a", &format!(r#"{{"event":"x","data":{number}}}"#)), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_stayed_open_as_long_as_its_client_might_come_back() {
    let mut house = House::waiting(10);
    let mut peer = house.open_on().await;
    come(&mut peer).await;
    // It never reads, and hears no ping.
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(peer.0.write_all(b"pong").await.is_err(), "nobody is there");
    assert_eq!(house.hub.connections(), 1);
    house.ended().await;
}

#[tokio::test(start_paused = true)]
async fn who_was_away_a_second_time_was_given_up_at_the_end_of_the_first() {
    let mut house = House::waiting(10);
    let mut peer = house.open_on().await;
    let name = come(&mut peer).await;
    for number in 0..3 {
        drop(peer);
        tokio::time::sleep(Duration::from_secs(100)).await;
        tell(&house, number);
        peer = come_back(&mut house, &name).await;
        assert_eq!(pid(&peer.next().await), name, "it goes on");
        // It does not say what it has.
        for missed in 0..=number {
            assert!(peer.next().await.starts_with(&format!(r#"42/a,["x",{missed},"#)));
        }
        // Nobody waits for who is back.
        timeout(Duration::from_secs(1), house.tasks.join_next()).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_closed_because_events_were_lost_was_told_that_it_had_missed_nothing() {
    let mut house = House::waiting(10);
    let mut peer = house.open_on().await;
    let name = come(&mut peer).await;
    tell(&house, 1);
    assert!(peer.next().await.starts_with(r#"42/a,["x",1,"#));
    assert_eq!(house.hub.lose(None), 1);
    assert_eq!(peer.next().await, format!("close {}", CloseReason::Lagging.code()));
    // The former connection may not have ended yet.
    for _ in 0..2 {
        let mut back = come_back(&mut house, &name).await;
        assert_ne!(pid(&back.next().await), name, "it begins anew");
    }
    drop(peer);
    let mut back = come_back(&mut house, &name).await;
    assert_ne!(pid(&back.next().await), name, "it begins anew");
}

#[tokio::test(start_paused = true)]
async fn one_claim_is_awaited_for_each_namespace() {
    let mut house = House::waiting(10);
    let mut peer = house.open_on().await;
    let name = come(&mut peer).await;
    let claim = format!(r#"40/a,{{"pid":"{name}"}}"#);
    let handle = house.open();
    post(&handle, &format!("{claim}\u{1e}{claim}")).unwrap();
    assert_eq!(poll(&handle).await.unwrap(), "1", "it has not waited for the answer");
}

#[tokio::test(start_paused = true)]
async fn of_two_that_claim_one_name_at_once_the_last_goes_on_and_the_other_begins_anew() {
    let mut house = House::waiting(10);
    let mut peer = house.open_on().await;
    let name = come(&mut peer).await;
    let both = [house.open(), house.open()];
    // No task has run between the two.
    for handle in &both {
        drop(post(handle, &format!(r#"40/a,{{"pid":"{name}"}}"#)).unwrap());
    }
    let mut names = Vec::new();
    for handle in &both {
        names.push(pid(&poll(handle).await.unwrap()));
    }
    assert_eq!(names.iter().filter(|said| **said == name).count(), 1, "{names:?}");
    tell_both(&house).await;
    for handle in &both {
        assert!(handle.poll().is_ok(), "neither ends the other");
    }
}

async fn tell_both(house: &House) {
    tokio::time::sleep(Duration::from_secs(19)).await;
    assert_eq!(house.push("/a", r#"{"event":"x","data":1}"#), 2);
}

#[tokio::test(start_paused = true)]
async fn who_claims_what_it_has_begins_anew_and_loses_nothing() {
    let mut house = House::waiting(10);
    let mut peer = house.open_on().await;
    let name = come(&mut peer).await;
    peer.say(&format!(r#"40/b,{{"pid":"{name}"}}"#)).await;
    assert!(peer.next().await.starts_with(r#"40/b,{"sid":"#));
    tell(&house, 1);
    assert!(peer.next().await.starts_with(r#"42/a,["x",1,"#));
}

/// By its cookie alone, for example: on the same page another has logged in meanwhile.
#[tokio::test(start_paused = true)]
async fn who_comes_back_by_another_handshake_went_on_as_who_was_there_before() {
    let mut house = House::waiting(10);
    let somebody = Visitor { credential: Credential::Valid(Identity::Operator), ..NOBODY };
    let mut peer = house.open_on_as(somebody.clone()).await;
    let name = come(&mut peer).await;
    drop(peer);
    let mut peer = house.open_on_as(somebody).await;
    peer.say(&format!(r#"40/a,{{"pid":"{name}"}}"#)).await;
    assert_eq!(pid(&peer.next().await), name);
    drop(peer);
    let mut peer = come_back(&mut house, &name).await;
    assert_ne!(pid(&peer.next().await), name, "it begins anew");
    assert_eq!(house.hub.connections(), 1);
}

/// The backend knows it by a cookie, or by a header that is forwarded.
#[tokio::test(start_paused = true)]
async fn who_is_known_to_the_backend_alone_went_on_as_another_by_its_name() {
    let keys = Keys::default();
    let known_by = |name: &'static str, value: &'static str| {
        let headers = [(HeaderName::from_static(name), HeaderValue::from_static(value))];
        let credentials = Credentials::new(&keys, headers.into_iter().collect(), None);
        Visitor { credentials: Some(Arc::new(credentials)), ..NOBODY }
    };
    for name in ["cookie", "x-api-key"] {
        for (back, is_same) in
            [(known_by(name, "alice"), true), (known_by(name, "bob"), false), (NOBODY, false)]
        {
            let mut house = House::waiting(10);
            let mut peer = house.open_on_as(known_by(name, "alice")).await;
            let own = come(&mut peer).await;
            drop(peer);
            let mut peer = house.open_on_as(back).await;
            peer.say(&format!(r#"40/a,{{"pid":"{own}"}}"#)).await;
            assert_eq!(pid(&peer.next().await) == own, is_same, "{name}");
            assert_eq!(house.hub.connections(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_missed_much_in_two_namespaces_was_closed_for_it_again_and_again() {
    let mut house = House::waiting(10);
    let mut peer = house.open_on().await;
    let name = come(&mut peer).await;
    peer.say("40/b,").await;
    let other = peer.next().await.replace("40/b,", "40/a,");
    drop(peer);
    tokio::time::sleep(Duration::from_secs(1)).await;
    for number in 0..8 {
        tell(&house, number);
        assert_eq!(house.push("/b", &format!(r#"{{"event":"x","data":{number}}}"#)), 1);
    }
    let handle = house.open();
    let claims = [("/a", name), ("/b", pid(&other))];
    let claims = claims.map(|(namespace, name)| format!(r#"40{namespace},{{"pid":"{name}"}}"#));
    let posted = post(&handle, &claims.join("\u{1e}")).unwrap();
    // It has to take the first part before the second claim is heard.
    let said = poll(&handle).await.expect("it is closed");
    assert_eq!(said.split('\u{1e}').count(), 1 + 8, "{said}");
    posted.await.unwrap();
    // Before it polls again, as much may wait as ever.
    (8..18).for_each(|number| tell(&house, number));
    let said = poll(&handle).await.expect("it is closed");
    assert_eq!(said.split('\u{1e}').count(), 1 + 8 + 10, "{said}");
}
