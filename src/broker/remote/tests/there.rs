//! What one process writes, and others follow.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_writes_reaches_the_readers_of_all_in_one_order() {
    let server = Server::new();
    server.lock().skips = 7;
    let mut nodes = [Node::start(&server, 1), Node::start(&server, 2)];
    for node in &mut nodes {
        node.begin().await;
    }
    for id in 1..=200 {
        nodes[usize::from(id % 3 == 0)].write(id);
    }
    // The last may be one that is not told; the next shows that it is missing.
    nodes[0].hear(|heard| heard.len() >= 196).await;
    nodes[1].write(201);
    let heard = nodes[0].hear(|heard| heard.len() == 201).await;
    assert_eq!(heard, nodes[1].hear(|heard| heard.len() == 201).await);
    let offsets = heard.iter().map(|line| line.split_once(' ').unwrap().0.parse::<u64>().unwrap());
    assert!(offsets.eq(1..=201), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_goes_on_at_another_process_and_at_one_that_starts() {
    let server = Server::new();
    let mut node = Node::start(&server, 1);
    node.begin().await;
    (1..=6).for_each(|id| node.write(id));
    node.hear(|heard| heard.len() == 6).await;
    let position = node.subscriber.as_mut().unwrap().catch_up(None, Pick::All, 0).0.position.unwrap();
    let since = crate::event::Position { offset: 2, ..position };
    drop(node);
    let mut other = Node::start(&server, 2);
    other.begin().await;
    let heard = async {
        loop {
            let (caught, frames) =
                other.subscriber.as_mut().unwrap().catch_up(Some(since), Pick::All, 1 << 16);
            // It may be reading yet.
            if caught.recovered == Some(Ok(())) && frames.len() == 4 {
                return frames;
            }
            other.join();
            sleep(Duration::from_millis(5)).await;
        }
    };
    let frames = timeout(SOON, heard).await.unwrap();
    let texts: Vec<_> =
        frames.iter().map(|frame| String::from_utf8(frame.payload().to_vec()).unwrap()).collect();
    assert_eq!(texts, lines((3..=6).zip(3..=6)));
}

#[test]
fn large_entries_take_more_room() {
    let room = |bytes: usize| room_for(&Entry { offset: 1, bytes: vec![0; bytes].into() });
    assert_eq!([0, 100, 20_000, 1 << 20].map(room), [1, 1, 2, 65]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_event_counted_as_not_delivered_for_ever() {
    let server = Server::new();
    let mut node = Node::start(&server, 1);
    node.begin().await;
    node.write(1);
    node.hear(|heard| heard.len() == 1).await;
    let lag = || {
        let all = node.remote.metrics.render(0);
        let line = all.lines().find(|line| line.starts_with("restcast_broker_lag_events"));
        line.and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
    };
    let is_read = async {
        while lag().as_deref() != Some("0") {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, is_read).await.unwrap_or_else(|_| panic!("{:?}", lag()));
}
