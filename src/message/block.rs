//! Frames of `text/event-stream` (HTML, section 9.2.5): blocks of lines, each with an empty one behind it.

use std::time::Duration;

use super::{CloseReason, Frame};
use crate::event::Position;

/// A block while it is put together.
#[derive(Debug, Default)]
pub struct Block(String);

impl Block {
    /// What the client gives back when it comes again; nothing where nobody is told.
    #[must_use]
    pub fn id(self, position: Position) -> Self {
        if position.is_told() { self.line("id", &position.to_string()) } else { self }
    }

    /// What it is called, for a client that listens for that; without it, it is a `message`.
    #[must_use]
    pub fn event(self, name: &'static str) -> Self {
        self.line("event", name)
    }

    /// How long the client waits before it comes again, once it has lost the connection.
    #[must_use]
    pub fn retry(self, pause: Duration) -> Self {
        self.line("retry", &pause.as_millis().to_string())
    }

    /// What is said. Each of its lines is one here, and to the client they are one text again; what ended them is a line
    /// feed then, which in JSON means the same.
    pub fn data(mut self, text: &str) -> Frame {
        if memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_none() {
            self.0.reserve_exact(text.len() + "data: \n\n".len());
            return self.line("data", text).end();
        }
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        text.split('\n').fold(self, |block, line| block.line("data", line)).end()
    }

    fn line(mut self, name: &str, value: &str) -> Self {
        for part in [name, ": ", value, "\n"] {
            self.0.push_str(part);
        }
        self
    }

    fn end(mut self) -> Frame {
        self.0.push('\n');
        Frame::verbatim(self.0)
    }

    /// A comment, which clients read over; of the rest they keep what they have got, if that is known.
    pub fn ping(position: Option<Position>) -> Frame {
        position.into_iter().fold(Self(": ping\n".to_owned()), Self::id).end()
    }

    /// The last words to a client: what the close frame of a WebSocket says.
    pub fn close(reason: CloseReason) -> Frame {
        let (code, text) = (reason.code(), reason.text());
        let position =
            if let CloseReason::Restart(position) = reason { position } else { Position::untold(0) };
        Self::default().id(position).event("close").data(&format!(r#"{{"code":{code},"reason":"{text}"}}"#))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Epoch;

    fn text(frame: &Frame) -> String {
        String::from_utf8(frame.wire().to_vec()).unwrap()
    }

    #[test]
    fn a_block_is_lines_with_an_empty_one_behind_them() {
        let position = Position { epoch: Epoch::new(1), offset: 7 };
        let frame = Block::default().retry(Duration::from_millis(1500)).id(position).event("e").data("{}");
        assert_eq!(text(&frame), "retry: 1500\nid: 0000000000000001.7\nevent: e\ndata: {}\n\n");
        assert_eq!(text(&Block::default().id(Position::untold(7)).data("x")), "data: x\n\n");
        assert_eq!(text(&Block::ping(None)), ": ping\n\n");
        assert_eq!(text(&Block::ping(Some(position))), ": ping\nid: 0000000000000001.7\n\n");
        let close = "event: close\ndata: {\"code\":1001,\"reason\":\"going away\"}\n\n";
        assert_eq!(text(&Block::close(CloseReason::GoingAway)), close);
        let reason = CloseReason::Restart(position);
        let close = "id: 0000000000000001.7\nevent: close\n\
                     data: {\"code\":1012,\"reason\":\"service restart; since=0000000000000001.7\"}\n\n";
        assert_eq!(text(&Block::close(reason)), close);
        let untold = "event: close\ndata: {\"code\":1012,\"reason\":\"service restart\"}\n\n";
        assert_eq!(text(&Block::close(CloseReason::Restart(Position::untold(7)))), untold);
    }

    #[test]
    fn a_line_break_of_a_record_does_not_end_its_block() {
        let rows = [
            ("{\n  \"id\": 1\n}", "data: {\ndata:   \"id\": 1\ndata: }\n\n"),
            ("{\r\n}", "data: {\ndata: }\n\n"),
            ("{\r\r}", "data: {\ndata: \ndata: }\n\n"),
            ("{\n\n}", "data: {\ndata: \ndata: }\n\n"),
            ("\"\u{2028}\u{85}\"", "data: \"\u{2028}\u{85}\"\n\n"),
            ("", "data: \n\n"),
        ];
        for (said, expected) in rows {
            assert_eq!(text(&Block::default().data(said)), expected);
        }
    }

    /// What a client makes of a block (HTML, section 9.2.6): its data, if it is whole and nothing else is in it.
    fn read(block: &str) -> Option<String> {
        let block = block.replace("\r\n", "\n").replace('\r', "\n");
        let lines = block.strip_suffix("\n\n")?.split('\n');
        let lines: Option<Vec<&str>> = lines.map(|line| line.strip_prefix("data: ")).collect();
        Some(lines?.join("\n"))
    }

    proptest! {
        #[test]
        fn any_text_is_one_block_and_comes_out_as_it_was(said in "[a\\r\\n: {}\u{2028}\0]{0,40}") {
            let expected = said.replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(read(&text(&Block::default().data(&said))), Some(expected));
        }
    }
}
