//! What a connection keeps as long as it is there.

use super::*;

/// As many as there are connections: an `async fn` had room for its argument, and for the variable that this becomes.
#[tokio::test]
async fn the_task_of_a_connection_does_not_keep_it_twice() {
    let (mut session, _) = House::new(1).sessions.open(NOBODY).unwrap();
    let bytes = size_of_val(&session);
    let task = async move {
        session.run().await;
        session.wait().await;
    };
    let task_bytes = size_of_val(&task);
    assert!(task_bytes <= bytes + 64, "{task_bytes} for {bytes}");
}
