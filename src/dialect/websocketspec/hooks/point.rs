//! The points at which an application may be asked.

/// Before something is done, or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum When {
    Before,
    After,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    Read,
    Create,
    Update,
    Delete,
    Subscribe,
    Unsubscribe,
    Connect,
    Disconnect,
}

const KINDS: [(&str, Kind); 8] = [
    ("read", Kind::Read),
    ("create", Kind::Create),
    ("update", Kind::Update),
    ("delete", Kind::Delete),
    ("subscribe", Kind::Subscribe),
    ("unsubscribe", Kind::Unsubscribe),
    ("connect", Kind::Connect),
    ("disconnect", Kind::Disconnect),
];
const TIMES: [(&str, When); 2] = [("before", When::Before), ("after", When::After)];

/// See the module's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Point {
    pub(in super::super) when: When,
    pub(in super::super) kind: Kind,
}

impl Point {
    pub(in super::super) fn before(kind: Kind) -> Self {
        Self { when: When::Before, kind }
    }

    pub(in super::super) fn after(kind: Kind) -> Self {
        Self { when: When::After, kind }
    }

    /// Each of them.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().flat_map(|(_, kind)| [Self::before(*kind), Self::after(*kind)])
    }

    /// `before_read`.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::all().find(|point| point.name() == name)
    }

    /// `before_read`.
    pub(in super::super) fn name(self) -> String {
        let when = TIMES.iter().find(|(_, when)| *when == self.when).map_or("", |(name, _)| name);
        let kind = KINDS.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name);
        format!("{when}_{kind}")
    }

    /// A bit of its own.
    pub(super) fn bit(self) -> u32 {
        1 << (self.kind as u32 * 2 + self.when as u32)
    }
}
