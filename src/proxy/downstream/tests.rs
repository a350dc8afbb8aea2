use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;

const PATIENCE: Duration = Duration::from_secs(1);
const PIECES: [&[u8]; 2] = [b"HTTP/1.1 200 OK\r\n\r\n", b"body"];

/// A connection with an answer in two pieces, and its client, who has not got it.
async fn answered() -> (Downstream, DuplexStream) {
    let (stream, mut client) = duplex(10_000);
    let mut downstream = Downstream::new(Box::new(stream), PATIENCE);
    for piece in PIECES {
        downstream.write_all(piece).await.unwrap();
    }
    assert!(waits(client.read_u8()));
    (downstream, client)
}

fn waits(future: impl Future) -> bool {
    std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

async fn got(mut client: DuplexStream) -> Vec<u8> {
    let mut bytes = vec![0; PIECES.concat().len()];
    client.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn small_pieces_leave_together_when_the_client_is_waited_for() {
    let (mut downstream, client) = answered().await;
    assert!(waits(downstream.read_u8()));
    assert_eq!(got(client).await, PIECES.concat());
}

#[tokio::test]
async fn what_was_written_leaves_with_the_end_of_the_connection() {
    let (downstream, client) = answered().await;
    drop(downstream);
    assert_eq!(got(client).await, PIECES.concat());
    let (mut downstream, client) = answered().await;
    pingora::protocols::Shutdown::shutdown(&mut downstream).await;
    assert_eq!(got(client).await, PIECES.concat());
}

#[tokio::test]
async fn what_is_large_waits_for_nothing_but_what_was_written_before() {
    let (mut downstream, client) = answered().await;
    downstream.write_all(&[b'x'; BUFFER_BYTES]).await.unwrap();
    assert_eq!(got(client).await, PIECES.concat());
}

/// Every frame that the hub sends would be copied once more, and the room for it kept.
#[tokio::test]
async fn a_connection_that_was_taken_over_keeps_nothing_back() {
    let (mut downstream, mut client) = answered().await;
    downstream.flush().await.unwrap();
    let mut stream = downstream.into_inner();
    stream.write_all(b"frame").await.unwrap();
    let mut bytes = Vec::new();
    client.read_buf(&mut bytes).await.unwrap();
    assert_eq!(bytes, [PIECES.concat(), b"frame".to_vec()].concat());
}
