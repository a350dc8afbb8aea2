//! A dialect with a bug.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::message::Message;

#[derive(Debug)]
struct Faulty;

impl Conversation for Faulty {
    fn receive(&mut self, _: Message, _: Now, _: &mut Turn) {
        panic!("as a dialect might");
    }
}

/// Counts connections.
#[derive(Debug, Default)]
struct Count(AtomicI64);

impl Backstage for Count {
    fn call(&self, call: Call, _: Caller) -> Returning {
        panic!("{call:?}")
    }

    fn announce(&self, _: Announcement) {}

    fn push(&self, _: Push) {}

    fn connections(&self, difference: i64) {
        self.0.fetch_add(difference, Ordering::Relaxed);
    }

    fn refused(&self, _: AttachError) {}

    fn subscriptions(&self, _: i64) {}

    fn exceeded(&self, _: Exceeded) {}
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_task_panics_is_no_longer_counted() {
    let (hub, count) = (hub(), Arc::new(Count::default()));
    let (stream, theirs) = tokio::io::duplex(1000);
    let socket = Newcomer::on_websocket(theirs, Vec::new(), Bytes::from(GREETING), LIMITS);
    let subscriber = hub.attach(socket.lane(), profile()).unwrap();
    let mut connection = JoinSet::new();
    let backstage = Arc::clone(&count) as Arc<dyn Backstage>;
    connection.spawn(socket.run((Box::new(Faulty), Turn::default()), subscriber, backstage, ()));
    let mut client = Client { stream, connection };
    client.bytes(GREETING.len()).await.unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    client.send(0x81, b"x").await;
    assert!(client.connection.join_next().await.unwrap().unwrap_err().is_panic());
    assert_eq!((count.0.load(Ordering::Relaxed), hub.connections()), (0, 0));
}
