//! Bodies, as they were captured (`protocols.md`, section 4.1.1).

use super::*;
use crate::message::{CloseReason, Frame, Message};

/// Its packets.
fn read(body: &'static [u8]) -> Option<Vec<Packet>> {
    Payload::read(Bytes::from_static(body)).ok().map(Iterator::collect)
}

#[test]
fn a_body_is_the_packets_between_its_separators() {
    let text = |text: &str| Packet::Message(Message::Text(text.to_owned()));
    let rows: [(&'static [u8], Option<Vec<Packet>>); 13] = [
        (b"40/admin,{\"token\":\"adm\"}", Some(vec![text("0/admin,{\"token\":\"adm\"}")])),
        (b"42[\"a\"]\x1e3\x1e1", Some(vec![text("2[\"a\"]"), Packet::Pong, Packet::Close])),
        (b"4", Some(vec![text("")])),
        (b"bAAEC", Some(vec![Packet::Message(Message::Binary(Bytes::from_static(&[0, 1, 2])))])),
        (b"5\x1e6", Some(vec![Packet::Upgrade, Packet::Noop])),
        ("4ä".as_bytes(), Some(vec![text("ä")])),
        (b"", None),
        (b"3\x1e", None),
        (b"0{}", None),
        (b"2probe", None),
        (b"7", None),
        (b"b!", None),
        (b"4\xFF", None),
    ];
    for (body, expected) in rows {
        assert_eq!(read(body), expected, "{:?}", String::from_utf8_lossy(body));
    }
}

#[test]
fn frames_for_websockets_are_packets_again_in_a_body() {
    let wire = |frames: &[Frame]| frames.iter().map(|frame| frame.wire().clone()).collect::<Vec<_>>();
    let (middle, long) = ("y".repeat(200), "x".repeat(70_000));
    let attached = Frame::with_attachments("451-[]", &[Bytes::from_static(&[0, 1, 2]), Bytes::new()]);
    let rows: [(&[Frame], Option<&str>); 8] = [
        (&[], Some("6")),
        (&[Frame::text("2")], Some("2")),
        (&[Frame::text("42[]"), Frame::text(&middle), Frame::text(&long)], None),
        (&[attached, Frame::text("2")], Some("451-[]\u{1e}bAAEC\u{1e}b\u{1e}2")),
        (&[Frame::ping(), Frame::text("2")], Some("2")),
        (&[Frame::text("41"), Frame::close(CloseReason::Protocol)], Some("41\u{1e}1")),
        (&[Frame::text("41"), Frame::close(CloseReason::GoingAway)], Some("41")),
        (&[Frame::close(CloseReason::Overflow)], Some("over")),
    ];
    for (frames, expected) in rows {
        let body = encode(&wire(frames)).map(|body| String::from_utf8(body.to_vec()).unwrap());
        let expected = match expected {
            None => Some(format!("42[]\u{1e}{middle}\u{1e}{long}")),
            Some("over") => None,
            Some(text) => Some(text.to_owned()),
        };
        assert_eq!(body, expected);
    }
}

/// They were apart all at once, each of many times its size.
#[test]
fn packets_stay_in_their_body_until_their_turn_comes() {
    let body = Bytes::from(vec!["3"; 1000].join("\u{1e}"));
    let mut packets = Payload::read(body.clone()).unwrap();
    assert!(!body.is_unique());
    assert_eq!(packets.by_ref().filter(|packet| *packet == Packet::Pong).count(), 1000);
    assert!(packets.is_empty() && body.is_unique());
}
