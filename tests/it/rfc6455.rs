//! RFC 6455 against the dialect that returns each message: what a client may do, and what it must not.

use std::io::Write as _;

use crate::frames::*;
use crate::harness::*;

const MIB: usize = 1024 * 1024;

pub fn echo(max_message: &str) -> Proxy {
    let endpoint =
        format!("[[endpoint]]\npath = \"/echo\"\ndialect = \"echo\"\nmax_message = \"{max_message}\"");
    // Who checks a protocol may talk as fast as it likes.
    let limits = "\n[limits]\nmessages_per_second = 0\n";
    Proxy::with(free_address(), &format!("{AUTHOR_ROUTE}{endpoint}{limits}"))
}

/// Runs each case on a connection of its own.
fn each<T>(cases: impl IntoIterator<Item = T>, run: impl Fn(T, &mut Raw)) {
    let proxy = echo("1MiB");
    for case in cases {
        run(case, &mut Raw::open(proxy.address, "/echo"));
    }
}

/// Sends these bytes, and the connection is closed with this code.
fn fails(cases: impl IntoIterator<Item = (Vec<u8>, u16)>) {
    each(cases, |(bytes, code), raw| raw.bytes(bytes).expect_close(code));
}

/// Bytes that are no UTF-8 by themselves and differ from place to place.
pub fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
}

pub fn end(raw: &mut Raw) {
    raw.send(FIN | CLOSE, closing(1000, b"")).expect_close(1000);
}

#[test]
fn frames_of_every_size_come_back() {
    each([0, 1, 125, 126, 127, 128, 65_535, 65_536, 100_000], |length, raw| {
        raw.send(FIN | TEXT, "*".repeat(length)).expect(FIN | TEXT, "*".repeat(length));
        raw.send(FIN | BINARY, noise(length)).expect(FIN | BINARY, noise(length));
        end(raw);
    });
}

#[test]
fn a_frame_may_come_in_chops_of_any_size() {
    each([1, 2, 7, 997, 2048, 2049], |size, raw| {
        let length = if size < 10 { 300 } else { 70_000 };
        for chop in frame(FIN | BINARY, &noise(length)).chunks(size) {
            raw.bytes(chop);
        }
        raw.expect(FIN | BINARY, noise(length));
        end(raw);
    });
}

#[test]
fn pings_are_answered_with_their_payload() {
    each([0, 1, 8, 124, 125], |length, raw| {
        raw.send(FIN | PING, noise(length)).expect(FIN | PONG, noise(length));
        end(raw);
    });
}

#[test]
fn each_of_many_pings_is_answered_in_order() {
    each([()], |(), raw| {
        for number in 0..100_u8 {
            raw.send(FIN | PING, [number]);
        }
        for number in 0..100_u8 {
            raw.expect(FIN | PONG, [number]);
        }
        end(raw);
    });
}

#[test]
fn a_pong_that_nobody_asked_for_is_ignored() {
    each([&b""[..], b"unsolicited"], |payload, raw| {
        raw.send(FIN | PONG, payload).send(FIN | PING, "after").expect(FIN | PONG, "after");
        end(raw);
    });
}

#[test]
fn control_frames_are_short_and_whole() {
    let long = vec![0; 126];
    fails([
        (frame(FIN | PING, &long), 1002),
        (frame(FIN | PONG, &long), 1002),
        (frame(FIN | CLOSE, &[&closing(1000, b"")[..], &long].concat()), 1002),
        (frame(PING, b"first part"), 1002),
        (frame(PONG, b"first part"), 1002),
        (frame(CLOSE, &closing(1000, b"")), 1002),
    ]);
}

#[test]
fn reserved_bits_fail_the_connection() {
    let bits = (1..=7).map(|bits| bits << 4);
    let opcodes = [TEXT, BINARY, PING, PONG, CLOSE];
    fails(bits.flat_map(|rsv| opcodes.map(|opcode| (frame(FIN | rsv | opcode, b""), 1002))));
}

#[test]
fn a_message_before_a_bad_frame_is_still_answered() {
    each([0x40 | TEXT, 0x3, 0xB], |bad, raw| {
        raw.bytes([frame(FIN | TEXT, b"good"), frame(FIN | bad, b"bad"), frame(FIN | PING, b"")].concat());
        raw.expect(FIN | TEXT, "good").expect_close(1002);
    });
}

#[test]
fn reserved_opcodes_fail_the_connection() {
    let opcodes = (0x3..=0x7).chain(0xB..=0xF);
    fails(
        opcodes.flat_map(|opcode| [&b""[..], b"payload"].map(|payload| (frame(FIN | opcode, payload), 1002))),
    );
}

#[test]
fn an_unmasked_frame_fails_the_connection() {
    let opcodes = [TEXT, BINARY, PING, CLOSE];
    fails(opcodes.map(|opcode| (unmasked(FIN | opcode, &closing(1000, b"")), 1002)));
}

#[test]
fn fragments_come_back_as_one_message() {
    each([1, 2, 5, 60_000], |size, raw| {
        let message = "fragment".repeat(if size < 10 { 4 } else { 20_000 });
        let mut opcode = TEXT;
        let mut rest = message.as_bytes();
        while rest.len() > size {
            raw.send(opcode, &rest[..size]);
            (opcode, rest) = (CONTINUATION, &rest[size..]);
        }
        raw.send(FIN | opcode, rest).expect(FIN | TEXT, &message);
        end(raw);
    });
}

#[test]
fn empty_fragments_make_a_message_too() {
    each([TEXT, BINARY], |opcode, raw| {
        raw.send(opcode, "").send(CONTINUATION, "").send(FIN, "").expect(FIN | opcode, "");
        raw.send(opcode, "").send(CONTINUATION, "middle").send(FIN, "").expect(FIN | opcode, "middle");
        end(raw);
    });
}

#[test]
fn control_frames_may_come_between_fragments() {
    each([()], |(), raw| {
        raw.send(TEXT, "one ").send(FIN | PING, "between").expect(FIN | PONG, "between");
        raw.send(CONTINUATION, "two ")
            .send(FIN | PONG, "")
            .send(FIN | PING, "again")
            .expect(FIN | PONG, "again");
        raw.send(FIN | CONTINUATION, "three").expect(FIN | TEXT, "one two three");
        end(raw);
    });
}

#[test]
fn fragments_out_of_order_fail_the_connection() {
    fails([
        (frame(FIN | CONTINUATION, b"of nothing"), 1002),
        (frame(CONTINUATION, b"of nothing"), 1002),
        ([frame(TEXT, b"open"), frame(FIN | TEXT, b"new")].concat(), 1002),
        ([frame(TEXT, b"open"), frame(BINARY, b"new")].concat(), 1002),
    ]);
    each([()], |(), raw| {
        raw.send(TEXT, "whole").send(FIN, " message").expect(FIN | TEXT, "whole message");
        raw.send(FIN | CONTINUATION, "of nothing").expect_close(1002);
    });
}

#[test]
fn a_message_that_never_ends_is_given_up_when_the_client_leaves() {
    each([()], |(), raw| {
        raw.send(TEXT, "and").send(FIN | CLOSE, closing(1000, b"")).expect_close(1000);
    });
    each([()], |(), raw| {
        raw.send(TEXT, "and").shutdown();
        raw.expect_end();
    });
}

#[test]
fn valid_utf8_comes_back() {
    let texts = ["κόσμε", "ÄÖÜ", "\u{0}", "\u{80}", "\u{7FF}", "\u{800}", "\u{D7FF}", "\u{E000}", "\u{FFFD}"];
    let more = ["\u{FFFE}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}", "🎈 in a text", "\u{FEFF}after a mark"];
    each(texts.into_iter().chain(more), |text, raw| {
        raw.send(FIN | TEXT, text).expect(FIN | TEXT, text);
        end(raw);
    });
}

#[test]
fn a_code_point_may_be_split_across_frames_and_reads() {
    each([1, 2, 3], |size, raw| {
        let text = "aé世🎈".repeat(3);
        let mut opcode = TEXT;
        for part in text.as_bytes().chunks(size) {
            for byte in frame(opcode, part) {
                raw.bytes([byte]);
            }
            opcode = CONTINUATION;
        }
        raw.send(FIN, "").expect(FIN | TEXT, &text);
        end(raw);
    });
}

#[test]
fn invalid_utf8_fails_the_connection() {
    let texts: [&[u8]; 14] = [
        b"\x80",
        b"\xBF",
        b"\xC3",
        b"begin \xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80edited",
        b"\xC0\xAF",
        b"\xE0\x80\xAF",
        b"\xF0\x80\x80\xAF",
        b"\xED\xA0\x80",
        b"\xED\xBF\xBF",
        b"\xED\xA0\x80\xED\xB0\x80",
        b"\xF4\x90\x80\x80",
        b"\xF8\x88\x80\x80\x80",
        b"\xFE\xFF",
        b"good\xE4\xB8",
    ];
    fails(texts.map(|text| (frame(FIN | TEXT, text), 1007)));
    let split = |text: &[u8], at: usize| [frame(TEXT, &text[..at]), frame(FIN, &text[at..])].concat();
    fails(texts.iter().filter(|text| text.len() > 1).map(|text| (split(text, text.len() / 2), 1007)));
    each(texts, |text, raw| {
        raw.send(FIN | BINARY, text).expect(FIN | BINARY, text);
    });
}

#[test]
fn a_close_is_answered_with_its_code() {
    let codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999];
    each(codes, |code, raw| {
        raw.send(FIN | CLOSE, closing(code, b"bye")).expect_close(code);
    });
}

#[test]
fn a_close_may_be_empty_or_have_a_long_reason() {
    each([()], |(), raw| {
        raw.send(FIN | CLOSE, "").expect(FIN | CLOSE, "").expect_end();
    });
    each([()], |(), raw| {
        raw.send(FIN | CLOSE, closing(1000, &[b'*'; 123])).expect_close(1000);
    });
}

#[test]
fn a_malformed_close_fails_the_connection() {
    let codes = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
    fails(codes.map(|code| (frame(FIN | CLOSE, &closing(code, b"")), 1002)));
    fails([
        (frame(FIN | CLOSE, &[3]), 1002),
        (frame(FIN | CLOSE, &closing(1000, b"\xCE\xBA\xE1\xBD\xB9\xED\xA0\x80")), 1007),
    ]);
}

#[test]
fn what_follows_a_close_is_ignored() {
    each([frame(FIN | TEXT, b"late"), frame(FIN | PING, b"late"), vec![0xFF; 5000]], |late, raw| {
        raw.bytes([frame(FIN | CLOSE, &closing(1000, b"")), late].concat()).expect_close(1000);
    });
}

#[test]
fn messages_come_back_before_the_close_that_follows_them() {
    each([()], |(), raw| {
        raw.bytes([frame(FIN | TEXT, b"last words"), frame(FIN | CLOSE, &closing(1001, b""))].concat());
        raw.expect(FIN | TEXT, "last words").expect_close(1001);
    });
}

#[test]
fn a_message_of_sixteen_megabytes_comes_back_when_the_limit_allows_it() {
    let proxy = echo("16MiB");
    let message = noise(16 * MIB);
    let mut raw = Raw::open(proxy.address, "/echo");
    raw.send(FIN | BINARY, &message).expect(FIN | BINARY, &message);
    let text = "*".repeat(16 * MIB);
    raw.send(FIN | TEXT, &text).expect(FIN | TEXT, &text);
    let mut opcode = BINARY;
    for fragment in message.chunks(64 * 1024) {
        raw.send(opcode, fragment);
        opcode = CONTINUATION;
    }
    raw.send(FIN, "").expect(FIN | BINARY, &message);
    end(&mut raw);
}

#[test]
fn a_message_over_the_limit_closes_with_1009() {
    let proxy = echo("64KiB");
    let limit = 64 * 1024;
    let open = |bytes: Vec<u8>| {
        let mut raw = Raw::open(proxy.address, "/echo");
        raw.bytes(bytes);
        raw
    };
    open(frame(FIN | BINARY, &noise(limit))).expect(FIN | BINARY, noise(limit));
    open(frame(FIN | BINARY, &noise(limit + 1))).expect_close(1009);
    let half = noise(limit / 2);
    let parts = [frame(BINARY, &half), frame(CONTINUATION, &half), frame(FIN, b"1")].concat();
    open(parts).expect_close(1009);
    // The header alone is enough: nothing of the rest was sent.
    for length in [1 << 17, 1 << 33, 1 << 63, u64::MAX] {
        open([&[FIN | BINARY, 0xFF], &length.to_be_bytes()[..], &[0; 4]].concat()).expect_close(1009);
    }
}

#[test]
fn a_thousand_messages_sent_at_once_come_back_in_order() {
    each([0, 16, 256, 4096], |length, raw| {
        let message = |number: usize| [&number.to_be_bytes()[..], &noise(length)].concat();
        let all: Vec<u8> = (0..1000).flat_map(|number| frame(FIN | BINARY, &message(number))).collect();
        std::thread::scope(|scope| {
            let mut writer = raw.writer();
            scope.spawn(move || writer.write_all(&all).unwrap());
            for number in 0..1000 {
                raw.expect(FIN | BINARY, message(number));
            }
        });
        end(raw);
    });
}

/// More than the queue of a slow reader holds: who does not read his replies is not read, and not closed.
#[test]
fn a_client_that_reads_late_gets_every_reply() {
    for length in [500, 20_000, 900_000] {
        let proxy = echo("1MiB");
        let mut raw = Raw::open(proxy.address, "/echo");
        let payload = noise(length);
        let bytes = frame(FIN | BINARY, &payload);
        let sent = raw.send_until_stuck(|_| bytes.clone());
        for _ in 0..sent / bytes.len() {
            raw.expect(FIN | BINARY, &payload);
        }
    }
}

#[test]
fn a_client_that_vanishes_in_the_middle_of_a_frame_leaves_nothing_behind() {
    let proxy = echo("1MiB");
    for bytes in [&b""[..], b"\x82", b"\x82\xFE\x01", &frame(FIN | BINARY, &noise(1000))[..500]] {
        Raw::open(proxy.address, "/echo").bytes(bytes);
    }
    let open = "restcast_connections{dialect=\"echo\"}";
    eventually("all connections are gone", || (proxy.metric(open) == 0.0).then_some(()));
}
