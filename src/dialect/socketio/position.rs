//! Where a client has been: it says with its CONNECT what it got last (`since`), and hears in the event `position` what
//! became of that, then what it missed, and then what comes.

use serde_json::Value;

use super::packet::Writer;
use crate::event::Position;
use crate::message::{Ack, Caught, Turn};

/// What is told to a client that says what it got last.
const EVENT: &str = "position";
/// What it says, and what events say.
const KEYS: (&str, &str) = ("since", "position");

/// What a client says of where it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Since {
    /// Nothing.
    #[default]
    Unsaid,
    /// It has not been there, and wants to know where it is.
    Nowhere,
    /// There.
    At(Position),
}

impl Since {
    /// As data has it.
    pub(super) fn read(data: Option<&Value>) -> Self {
        match data.and_then(|data| data.get(KEYS.0)) {
            None | Some(Value::Null) => Self::Unsaid,
            Some(Value::String(text)) if text.is_empty() => Self::Nowhere,
            // What is no text is no position, and that is said where a position is of no epoch.
            Some(said) => Self::At(Position::read(said.as_str().unwrap_or_default())),
        }
    }

    /// What the turn subscribes to is to go on from there.
    pub(super) fn follow(self, writer: &Writer, turn: &mut Turn) {
        if self == Self::Unsaid {
            return;
        }
        turn.since = match self {
            Self::At(position) => Some(position),
            Self::Nowhere | Self::Unsaid => None,
        };
        let (writer, since) = (writer.clone(), turn.since);
        turn.ack = Some(Ack::new(move |caught| writer.event(EVENT, &said(since, caught), None)));
    }
}

/// Where more follows that it missed, it is where it was: a client that loses the connection before that is to say so.
fn said(since: Option<Position>, caught: &Caught) -> String {
    let is_to_follow = caught.recovered == Some(Ok(()));
    let position = if is_to_follow { since } else { caught.position };
    let caught = Caught { position, ..*caught };
    // Its members have a comma before each.
    format!("{{{}}}", caught.members().trim_start_matches(','))
}

/// The data of an event with its position in it.
pub(super) fn within(mut data: String, position: Position) -> String {
    if position.is_told() && data.ends_with('}') {
        data.pop();
        let member = position.member();
        data.push_str(if data == "{" { member.trim_start_matches(',') } else { &member });
        data.push('}');
    }
    data
}

/// Whether data of these members has room for it.
pub(super) fn fits<T>(members: &[(String, T)]) -> bool {
    members.iter().all(|(name, _)| name != KEYS.1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::Epoch;

    #[test]
    fn what_a_client_says_of_where_it_was_is_read() {
        let at = Position { epoch: Epoch::new(1), offset: 7 };
        let rows = [
            (json!({}), Since::Unsaid),
            (json!({"since": null}), Since::Unsaid),
            (json!([1]), Since::Unsaid),
            (json!({"since": ""}), Since::Nowhere),
            (json!({"since": "0000000000000001.7"}), Since::At(at)),
            (json!({"since": "yesterday"}), Since::At(Position::untold(0))),
            (json!({"since": 7}), Since::At(Position::untold(0))),
        ];
        for (data, expected) in rows {
            assert_eq!(Since::read(Some(&data)), expected, "{data}");
        }
        assert_eq!(Since::read(None), Since::Unsaid);
    }

    #[test]
    fn a_position_is_the_last_member_of_an_object() {
        let at = Position { epoch: Epoch::new(1), offset: 7 };
        let rows = [
            (r#"{"a":1}"#, at, r#"{"a":1,"position":"0000000000000001.7"}"#),
            ("{}", at, r#"{"position":"0000000000000001.7"}"#),
            ("[1]", at, "[1]"),
            (r#"{"a":1}"#, Position::untold(7), r#"{"a":1}"#),
        ];
        for (data, position, expected) in rows {
            assert_eq!(within(data.to_owned(), position), expected);
        }
    }
}
