//! Why an answer gave no record, or no certain event: for people, so it names the options that decided.

use crate::route::{Pointer, Route};

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
}

impl Reason {
    /// One sentence without a full stop, about an answer to a request of `route`.
    pub fn sentence(self, route: &Route) -> String {
        let text = match self {
            Self::NoAnswer => "no answer came",
            Self::NoBody => "the answer has no body",
            Self::Status => "an answer of this status holds no record",
            Self::NotJson => "the answer is not JSON, its Content-Type says",
            Self::CutOff => "the answer was cut off",
            Self::TooLarge => {
                "the answer is over tap.body_limit or tap.decoded_limit, or its list is too long"
            }
            Self::Undecodable => "the answer cannot be decoded, or is not valid JSON",
            Self::NoRecord => return format!("there is nothing at {} (record)", place(&route.record)),
            Self::NoObject => return format!("what is at {} (record) is no object", place(&route.record)),
            Self::NoId => return no_id(route),
            Self::Unsuccessful => return format!("{} holds another value", success_when(route)),
            Self::SuccessUnknown => {
                return format!("the answer cannot be read, so {} is not known", success_when(route));
            }
            Self::Elsewhere => "a 303 proves a write only with a Location on this host that a route covers",
            Self::MultiStatus => match &route.item_status {
                Some(_) => return format!("a 207 without a list at {} (list)", place(&route.list)),
                None => "a 207 may hold failures: item_status says where each element's status is",
            },
            Self::NoRecords => "no element of the list is a record",
            Self::NoItem => {
                return format!(
                    "no element of the list has a 2xx at {} (item_status)",
                    route.item_status.as_ref().map_or_else(String::new, place)
                );
            }
        };
        text.to_owned()
    }
}

fn place(pointer: &Pointer) -> String {
    let text = pointer.to_string();
    if text.is_empty() { "the top".to_owned() } else { text }
}

fn no_id(route: &Route) -> String {
    let parts: Vec<String> = route.id.parts.iter().map(place).collect();
    let reference = route.id.reference.as_ref();
    let reference = reference.map_or_else(String::new, |at| format!(", no reference at {at} (id_reference)"));
    format!("no id found at {} (id){reference}, in the path, or in a Location", parts.join(" and "))
}

fn success_when(route: &Route) -> String {
    let condition = route.success_when.as_ref();
    condition.map_or_else(String::new, |condition| format!("{} (success_when)", place(&condition.pointer)))
}
