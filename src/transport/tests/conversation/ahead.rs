//! The answer to a call comes before the events that the call causes.

use super::*;

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
