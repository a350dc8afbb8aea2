//! The words in which rows say what happens.

/// What happens in a row that does not say it. That the client has its first byte before the last one was
/// sent is part of it.
pub const STANDARD: &[&str] = &[
    "client sends request",
    "origin reads request",
    "origin sends head and first half",
    "client reads first byte",
    "origin sends the rest",
    "client reads answer",
];

/// One thing that client or backend does; `STEPS` has the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    ClientSendsRequest,
    ClientSendsHead,
    ClientSendsHalf,
    ClientSendsRest,
    ClientReadsHead,
    ClientReadsByte,
    ClientReadsInterim,
    ClientReadsAnswer,
    ClientReadsEnd,
    ClientStops,
    ClientCloses,
    ClientResets,
    OriginReadsHead,
    OriginReadsRequest,
    OriginReadsEnd,
    OriginSendsContinue,
    OriginSendsHints,
    OriginSendsHalfHead,
    OriginSendsHead,
    OriginSendsHalf,
    OriginSendsHeadAndHalf,
    OriginSendsRest,
    OriginSendsAnswer,
    OriginSendsBytes,
    OriginCloses,
    OriginResets,
    ProxySettles,
}

const STEPS: &[(&str, Step)] = &[
    ("client sends request", Step::ClientSendsRequest),
    ("client sends head", Step::ClientSendsHead),
    ("client sends half its body", Step::ClientSendsHalf),
    ("client sends the rest", Step::ClientSendsRest),
    ("client reads head", Step::ClientReadsHead),
    ("client reads first byte", Step::ClientReadsByte),
    ("client reads interim answer", Step::ClientReadsInterim),
    ("client reads answer", Step::ClientReadsAnswer),
    ("client reads end", Step::ClientReadsEnd),
    ("client stops sending", Step::ClientStops),
    ("client closes", Step::ClientCloses),
    ("client resets", Step::ClientResets),
    ("origin reads head", Step::OriginReadsHead),
    ("origin reads request", Step::OriginReadsRequest),
    ("origin reads end", Step::OriginReadsEnd),
    ("origin sends continue", Step::OriginSendsContinue),
    ("origin sends early hints", Step::OriginSendsHints),
    ("origin sends half its head", Step::OriginSendsHalfHead),
    ("origin sends head", Step::OriginSendsHead),
    ("origin sends first half", Step::OriginSendsHalf),
    ("origin sends head and first half", Step::OriginSendsHeadAndHalf),
    ("origin sends the rest", Step::OriginSendsRest),
    ("origin sends answer", Step::OriginSendsAnswer),
    ("origin sends answer byte by byte", Step::OriginSendsBytes),
    ("origin closes", Step::OriginCloses),
    ("origin resets", Step::OriginResets),
    ("proxy settles", Step::ProxySettles),
];

impl Step {
    pub fn read(text: &str) -> Self {
        let found = STEPS.iter().find(|(name, _)| *name == text);
        found.unwrap_or_else(|| panic!("{text:?} is no step; see tests/suite/step.rs")).1
    }

    pub fn name(self) -> &'static str {
        STEPS.iter().find(|(_, step)| *step == self).map_or("", |(name, _)| name)
    }
}
