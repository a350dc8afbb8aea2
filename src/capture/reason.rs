//! Why an answer gave no record, or no certain event.

/// What stood in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is no answer.
    NoAnswer,
    /// The answer has no body.
    NoBody,
    /// Its status says that its body is no record.
    Status,
    /// Its body is of another type than JSON.
    NotJson,
    /// Its body was cut off.
    CutOff,
    /// Its body, or its list, is over the limits.
    TooLarge,
    /// Its body cannot be decoded, or is not one JSON document in UTF-8.
    Undecodable,
    /// There is nothing where the record should be.
    NoRecord,
    /// What is there is no object.
    NoObject,
    /// Nothing says which record it is.
    NoId,
    /// `success_when` does not hold.
    Unsuccessful,
    /// `success_when` cannot be judged.
    SuccessUnknown,
    /// A 303 that leads nowhere near a record.
    Elsewhere,
    /// A 207 whose parts cannot be told apart.
    MultiStatus,
    /// No element of a list succeeded.
    NoItem,
    /// No element of a list is a record.
    NoRecords,
    /// What the path calls the model is too long for a name.
    NoModel,
    /// Nothing says whose record it is.
    NoOwner,
    /// No path leads to the record.
    NoPath,
}

impl Reason {
    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoAnswer => "no_answer",
            Self::NoBody => "no_body",
            Self::Status => "status",
            Self::NotJson => "not_json",
            Self::CutOff => "cut_off",
            Self::TooLarge => "too_large",
            Self::Undecodable => "undecodable",
            Self::NoRecord => "no_record",
            Self::NoObject => "no_object",
            Self::NoId => "no_id",
            Self::Unsuccessful => "unsuccessful",
            Self::SuccessUnknown => "success_unknown",
            Self::Elsewhere => "elsewhere",
            Self::MultiStatus => "multi_status",
            Self::NoItem => "no_item",
            Self::NoRecords => "no_records",
            Self::NoModel => "no_model",
            Self::NoOwner => "no_owner",
            Self::NoPath => "no_path",
        }
    }
}
