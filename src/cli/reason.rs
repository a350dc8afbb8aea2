//! Why an answer gave no record, or no certain event: for people, so it names the options that decided.

use crate::capture::Reason;
use crate::route::{Pointer, Route, Visibility};

/// One sentence without a full stop, about an answer to a request of `route`.
pub(super) fn sentence(reason: Reason, route: &Route) -> String {
    let text = match reason {
        Reason::NoAnswer => "no answer came",
        Reason::NoBody => "the answer has no body",
        Reason::Status => "an answer of this status holds no record",
        Reason::NotJson => "the answer is not JSON, its Content-Type says",
        Reason::CutOff => "the answer was cut off",
        Reason::TooLarge => "the answer is over tap.body_limit or tap.decoded_limit, or its list is too long",
        Reason::Undecodable => "the answer cannot be decoded, or is not valid JSON",
        Reason::NoRecord => return format!("there is nothing at {} (record)", place(&route.record)),
        Reason::NoObject => return format!("what is at {} (record) is no object", place(&route.record)),
        Reason::NoId => return no_id(route),
        Reason::Unsuccessful => return format!("{} holds another value", success_when(route)),
        Reason::SuccessUnknown => {
            return format!("the answer cannot be read, so {} is not known", success_when(route));
        }
        Reason::Elsewhere => "a 303 proves a write only with a Location on this host that a route covers",
        Reason::MultiStatus => match &route.item_status {
            Some(_) => return format!("a 207 without a list at {} (list)", place(&route.list)),
            None => "a 207 may hold failures: item_status says where each element's status is",
        },
        Reason::NoModel => "the path names the model, and models have names of up to 128 bytes",
        Reason::NoOwner => return no_owner(route),
        Reason::NoPath => {
            "no path leads to its record: the id is not known, or no route of the model has a path that ends with it"
        }
        Reason::NoRecords => "no element of the list is a record",
        Reason::NoItem => {
            return format!(
                "no element of the list has a 2xx at {} (item_status)",
                route.item_status.as_ref().map_or_else(String::new, place)
            );
        }
    };
    text.to_owned()
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

fn no_owner(route: &Route) -> String {
    let Visibility::Owner { field, .. } = &route.visibility else {
        return "its owner is not known".to_owned();
    };
    format!(
        "whose it is is not known: the answer says nothing at {field} (visibility), or its records belong to \
         several, and no earlier answer counts"
    )
}
