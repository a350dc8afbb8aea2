//! What one client may have.

use super::*;

fn of(host: u8) -> Visitor {
    Visitor { address: Some([127, 0, 0, host].into()), ..NOBODY }
}

fn sharing(per_address: usize) -> Shares {
    Shares { per_address: Some(per_address), per_user: None }
}

#[tokio::test(start_paused = true)]
async fn who_came_into_no_namespace_took_places_without_end() {
    let mut house = House::with(10, CONFIG, (sharing(2), None));
    for _ in 0..2 {
        let (session, _) = house.sessions.open(of(1)).unwrap();
        house.start(session);
    }
    let refused = Err(AttachError::TooMany(Whose::Address));
    assert_eq!(house.sessions.check_room(of(1).address), refused);
    assert!(house.sessions.open(of(1)).is_err());
    house.sessions.open(of(2)).unwrap();
    house.ended().await;
    assert_eq!(house.sessions.check_room(of(1).address), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn who_reloaded_its_page_was_kept_out_by_who_it_had_been() {
    let mut house = House::with(3, &waiting(), (sharing(2), None));
    for _ in 0..10 {
        let mut peer = house.open_on_as(of(1)).await;
        peer.say("40/a,").await;
        assert!(peer.next().await.starts_with(r#"40/a,{"sid":"#));
        drop(peer);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(house.hub.connections(), 2, "as many are kept as one may have");
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(house.hub.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_was_refused_again_and_again_stayed() {
    let jwt = "[auth.jwt]\nalgorithms = [\"HS256\"]\nsecret = \"a secret of more than thirty-two bytes\"\n";
    let config = CONFIG.replace("auth = \"none\"\n", "").replace("auth = \"optional\"\n", "");
    let mut house = House::with(10, &format!("{jwt}{config}"), (Shares::default(), None));
    let mut peer = house.open_on().await;
    let start = Instant::now();
    let mut said = String::new();
    while !said.starts_with("close") {
        assert!(start.elapsed() < Duration::from_mins(1), "{said}");
        peer.say("40/a,").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        said = peer.next().await;
    }
    assert_eq!(said, "close 1008");
}

#[tokio::test(start_paused = true)]
async fn who_left_and_came_again_might_say_as_much_again() {
    let rate = Some(Rate { per_second: 1, burst: 9 });
    for round in ["40/nowhere,", "40/a,\u{1e}41/a,", "40/a,\u{1e}42/a,[\"x\"]\u{1e}42/a,[\"x\"]\u{1e}41/a,"] {
        let mut house = House::with(10, CONFIG, (Shares::default(), rate));
        let handle = house.open();
        post(&handle, &[round; 10].join("\u{1e}")).unwrap();
        let mut answers = 0;
        loop {
            let said = poll(&handle).await.unwrap();
            if said == "1" {
                break;
            }
            answers += said.split('\u{1e}').count();
            assert!(answers <= 9, "{round}: {said}");
        }
        house.ended().await;
    }
}

/// Nobody hears it, but it is read.
#[tokio::test(start_paused = true)]
async fn who_went_on_to_where_it_had_left_was_read_without_end() {
    let rate = Some(Rate { per_second: 1, burst: 9 });
    for more in ["41/a,", r#"42/a,["x"]"#] {
        let mut house = House::with(10, CONFIG, (Shares::default(), rate));
        let mut peer = house.open_on().await;
        peer.say("40/a,").await;
        assert!(peer.next().await.starts_with(r#"40/a,{"sid":"#));
        peer.say("41/a,").await;
        // Two are said, seven more are heard, and nine are dropped.
        for _ in 0..7 + 9 {
            peer.say(more).await;
        }
        peer.say(more).await;
        assert_eq!(peer.next().await, "close 1008", "{more}");
        drop(peer);
        house.ended().await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_namespace_had_as_much_to_say_as_all() {
    let rate = Some(Rate { per_second: 1, burst: 4 });
    let mut house = House::with(10, CONFIG, (Shares::default(), rate));
    let mut peer = house.open_on().await;
    for (said, answer) in [
        ("40/a,", "40/a,{"),
        ("40/b,", "40/b,{"),
        (r#"42/a,1["x"]"#, r#"43/a,1[{"error":"unknown_event"}]"#),
        (r#"42/b,1["x"]"#, r#"43/b,1[{"error":"unknown_event"}]"#),
        (r#"42/a,2["x"]"#, r#"42/a,["error",{"message":"Rate limit exceeded"}]"#),
        (r#"42/b,2["x"]"#, r#"42/b,["error",{"message":"Rate limit exceeded"}]"#),
        ("40/nowhere,", "close 1008"),
    ] {
        peer.say(said).await;
        let heard = peer.next().await;
        assert!(heard.starts_with(answer), "{said}: {heard}");
    }
    drop(peer);
    house.ended().await;
}
