//! Tokens that come and expire on an open connection.

use super::*;
use crate::access::{self, Question};
use crate::event::{Payload, Showing};
use crate::hub::{Ask, NotAsked};

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
