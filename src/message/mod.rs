//! What clients and hub say to each other, independent of dialect and transport.

mod block;
mod caught;
mod close;
mod frame;
mod heard;
mod presence;
mod upstream;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Uri;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::event::{Event, Json, Position, Topic};
use crate::filter::Filter;
use crate::identity::{Credential, Identity};
pub use block::Block;
pub use caught::{Ack, Caught, Loss, Pick};
pub use close::CloseReason;
pub use frame::{Frame, Stamp};
pub use heard::{Fate, Heard};
pub use presence::{Announcement, Coming, Doorman};
pub use upstream::{Answer, POSITION, Upstream, UpstreamError};

/// One message of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// UTF-8 text.
    Text(String),
    /// Anything else.
    Binary(Bytes),
}

/// The present, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For people and other machines.
    pub time: SystemTime,
    /// For intervals: how long the connection has been open. Never goes back.
    pub age: Duration,
}

/// What a client asks of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Events of this topic from now on. Where it is subscribed to already under this tag, this filter takes
    /// the place of the former.
    Subscribe {
        /// Of what.
        topic: Topic,
        /// Which of them; `None`: all.
        filter: Option<Arc<Filter>>,
        /// What its frames say of it ([`Rendering::Tagged`]), where the dialect has several subscriptions of
        /// one topic.
        tag: Option<Tag>,
    },
    /// No more events of this topic under this tag. Nothing happens where it was not subscribed to.
    Unsubscribe {
        /// Of what.
        topic: Topic,
        /// As it was subscribed to.
        tag: Option<Tag>,
    },
    /// Some topics take the place of others in one step: of what the client was subscribed to before and is
    /// subscribed to afterwards, it misses nothing and gets nothing twice.
    Swap {
        /// No more events of these.
        leave: Vec<Topic>,
        /// Events of these instead, each with its filter.
        enter: Vec<(Topic, Option<Arc<Filter>>)>,
    },
    /// The client is this from now on.
    Identify(Identity),
}

impl Command {
    /// All events of this topic from now on.
    pub fn subscribe(topic: Topic) -> Self {
        Self::Subscribe { topic, filter: None, tag: None }
    }

    /// No more events of this topic.
    pub fn unsubscribe(topic: Topic) -> Self {
        Self::Unsubscribe { topic, tag: None }
    }
}

/// What tells several subscriptions of one topic apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// What its frames say of it.
    pub text: Arc<str>,
    /// Which form of the records its reader may see; 0: all that the event holds. A number of the dialect's own:
    /// see [`Encode::encode_variant`].
    pub variant: u32,
}

/// What a conversation needs to know from elsewhere before it can go on. Until the answer is there, further
/// messages of the client wait: answers come in the order of the questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Who bears this token?
    Identify(String),
    /// What is to be done about this message?
    Webhook(Delivery),
    /// What does the backend answer to this request, made with the client's own credentials?
    Upstream(Upstream),
}

/// A message for the service that handles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The service.
    pub webhook: Arc<Webhook>,
    /// What it gets: JSON.
    pub body: Bytes,
}

/// A service that handles what clients of an endpoint say.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Absolute, `http` or `https`.
    pub url: Uri,
    /// What our calls are signed with.
    pub secret: Vec<u8>,
    /// Who may speak for the host of an `https` URL, as PEM; `None`: whom the system believes.
    pub authorities: Option<Vec<u8>>,
    /// What one attempt may take.
    pub timeout: Duration,
    /// Attempts after the first.
    pub retries: usize,
}

impl fmt::Debug for Webhook {
    /// The URL may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (timeout, retries) = (self.timeout, self.retries);
        f.debug_struct("Webhook")
            .field("timeout", &timeout)
            .field("retries", &retries)
            .finish_non_exhaustive()
    }
}

/// Why nobody handled a message. The texts are for clients: none of them tells an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// As many messages as may be are being handled.
    #[error("too many messages are being handled")]
    Busy,
    /// No connection, or it broke off.
    #[error("the handler cannot be reached")]
    Unreachable,
    /// No answer in time.
    #[error("the handler did not answer in time")]
    Timeout,
    /// An answer that is no success.
    #[error("the handler answered with status {0}")]
    Status(u16),
    /// The answer is too large, or says what nobody can do.
    #[error("the handler's answer is not understood")]
    Answer,
}

/// The answer to a [`Call`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returned {
    /// Who bears the token.
    Credential(Credential),
    /// What the service answered; empty: there is nothing to be done.
    Webhook(Result<Bytes, WebhookError>),
    /// What the backend answered.
    Upstream(Result<Answer, UpstreamError>),
}

/// What a dialect wants done after it read a message. In this order: commands, frames to the client, what
/// others are to get, the call, the end.
#[derive(Debug, Default)]
pub struct Turn {
    /// For the hub.
    pub commands: Vec<Command>,
    /// What the client got last of what the commands subscribe to; `None`: it has not been there before.
    pub since: Option<Position>,
    /// Which of what it missed it gets.
    pub pick: Pick,
    /// For this client.
    pub frames: Vec<Frame>,
    /// Behind these, the answer to the commands.
    pub ack: Option<Ack>,
    /// For whoever subscribed to it.
    pub announcements: Vec<Announcement>,
    /// For connections by their address.
    pub pushes: Vec<Push>,
    /// For whoever asked for them.
    pub receipts: Vec<Receipt>,
    /// For whoever counts.
    pub heard: Vec<Heard>,
    /// To be answered before the next message is heard.
    pub call: Option<Call>,
    /// Ends the connection after all of this.
    pub close: Option<CloseReason>,
}

impl Turn {
    /// The commands are done: what is said of that goes behind the other frames.
    pub fn settle(&mut self, caught: &Caught) {
        self.frames.extend(self.ack.take().map(|ack| ack.frame(caught)));
    }
}

/// Which connections are meant: those for which all that is said holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The application of their endpoint.
    pub app: Option<Arc<str>>,
    /// The path of their endpoint.
    pub endpoint: Option<Arc<str>>,
    /// The namespace of their dialect.
    pub namespace: Option<Arc<str>>,
    /// They are one of these; an empty group: whoever they are.
    pub only: Group,
    /// They are none of these.
    pub except: Group,
}

/// Connections by what they are known by: each that one of the names means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Ids of their users.
    pub users: Vec<Arc<str>>,
    /// Their own ids.
    pub connections: Vec<Uuid>,
    /// Rooms of the target's namespace; without a namespace nobody is in any.
    pub rooms: Vec<Arc<str>>,
}

impl Group {
    /// All connections of one user.
    pub fn user(id: Arc<str>) -> Self {
        Self { users: vec![id], ..Self::default() }
    }

    /// One connection.
    pub fn connection(id: Uuid) -> Self {
        Self { connections: vec![id], ..Self::default() }
    }

    /// It names nothing.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.connections.is_empty() && self.rooms.is_empty()
    }
}

/// A message to connections by their address, past all topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Who gets it.
    pub to: Target,
    /// A JSON object, which each dialect dresses as its own messages.
    pub message: Json,
    /// Under which number clients are asked to say that they have got it; `None`: they are not.
    pub receipt: Option<u64>,
}

impl Push {
    /// One that nobody is asked about.
    pub fn new(to: Target, message: Json) -> Self {
        Self { to, message, receipt: None }
    }
}

/// Something that programs beside the backend may have said by its name, as an endpoint's config has it.
pub trait Shortcut: Send + Sync + fmt::Debug {
    /// What it is called.
    fn name(&self) -> &str;

    /// The path of its endpoint.
    fn endpoint(&self) -> &Arc<str>;

    /// What is said of this JSON.
    ///
    /// # Errors
    /// What would be right.
    fn pushes(&self, data: Map<String, Value>, time: SystemTime) -> Result<Vec<Push>, String>;
}

/// A client has got what it was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// As it was asked.
    pub number: u64,
    /// What it says to it: a JSON array.
    pub answer: Json,
}

/// An event at its position.
#[derive(Debug, Clone)]
pub struct Publication {
    /// Where it stands.
    pub position: Position,
    /// When the hub got it.
    pub time: SystemTime,
    /// What was written.
    pub event: Event,
}

impl Publication {
    /// What the frame of the item at this place says of where it stands, where each has a frame of its own: who has
    /// the last one has all of the event, and who lost the connection before that gets the event again.
    pub fn position_of(&self, place: usize) -> Position {
        let is_last = place + 1 >= self.event.items.len();
        let Position { epoch, offset } = self.position;
        if is_last { self.position } else { Position { epoch, offset: offset.saturating_sub(1) } }
    }
}

/// What an event is in one dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendering {
    /// The dialect has no words for it.
    Nothing,
    /// One frame for all of its items: only for readers that may see each of them.
    Whole(Frame),
    /// One frame for each item, in their order; `None` for one that the dialect has no words for.
    Each(Vec<Option<Frame>>),
    /// The same for each subscription that wants the item: the text of its tag stands between the halves.
    Tagged(Vec<Option<Halves>>),
}

/// A text message of which a part is said by each subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halves {
    /// What stands before it.
    pub before: Box<str>,
    /// What stands behind it.
    pub behind: Box<str>,
}

impl Halves {
    /// The message of the subscription whose tag has this text.
    pub fn frame(&self, text: &str) -> Frame {
        Frame::text(&[&*self.before, text, &*self.behind].concat())
    }
}

impl Rendering {
    /// All that is said, in its order, to somebody without a tag.
    pub fn into_frames(self) -> Vec<Frame> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Whole(frame) => vec![frame],
            Self::Each(frames) => frames.into_iter().flatten().collect(),
            Self::Tagged(items) => items.into_iter().flatten().map(|halves| halves.frame("")).collect(),
        }
    }
}

/// Renders in one dialect, as one endpoint speaks it. Frames are shared by all its readers.
pub trait Encode: Send + Sync + fmt::Debug {
    /// An event.
    fn encode(&self, publication: &Publication) -> Rendering;

    /// The same for subscriptions of a variant other than 0 ([`Tag`]), item by item: [`Rendering::Tagged`], or
    /// they get nothing. Once for each event and variant while it is delivered, and again for those who missed it.
    fn encode_variant(&self, _publication: &Publication, _variant: u32) -> Rendering {
        Rendering::Nothing
    }

    /// Why no client would take this message for what it is; `None`: all of them do.
    fn refusal(&self, _message: &Json) -> Option<String> {
        None
    }

    /// A message that was pushed at `time`; as it is, unless the dialect dresses its messages.
    fn push(&self, push: &Push, _time: SystemTime, _position: Position) -> Option<Frame> {
        Some(Frame::text(push.message.as_str()))
    }
}
