//! Any filter against any record: it is one or says why not, a record passes the filter that it makes itself, and
//! whatever matches is found by its keys.

use restcast::event::{Item, Json, Operation};
use restcast::filter::{Deletes, Filter, FilterError, Record};

/// The input is a filter, a line break and a record.
pub fn run(data: &[u8]) {
    let (filter, record) = super::split(data, b"\n");
    let json = |bytes| std::str::from_utf8(bytes).ok().and_then(Json::parse);
    let Some(record) = json(record) else { return };
    let known = Record::read(&record);
    if let Ok(Some(itself)) = Filter::from_map(&record, Deletes::Judge) {
        assert!(itself.matches(&known), "{record:?} is not equal to itself");
    }
    let item = Item { id: Some(record.clone()), ..Item::default() };
    let (changed, deleted) = (Record::of(&item, Operation::Update), Record::of(&item, Operation::Delete));
    let Some(filter) = json(filter) else { return };
    for how in [Deletes::Judge, Deletes::Deliver, Deletes::Drop] {
        for filter in [Filter::from_map(&filter, how), Filter::from_list(&filter, how)] {
            match filter {
                Ok(None) => {}
                Ok(Some(filter)) => check(&filter, [&known, &changed, &deleted]),
                Err(error) => check_error(&error),
            }
        }
    }
}

fn check(filter: &Filter, records: [&Record<'_>; 3]) {
    for record in records {
        let is_match = filter.matches(record);
        if filter.takes_each(record.known()) {
            assert!(is_match);
        } else if is_match {
            let has = record.keys();
            assert!(filter.keys().iter().all(|group| group.iter().any(|key| has.contains(key))));
        }
    }
}

fn check_error(error: &FilterError) {
    let shown = error.to_string();
    assert!(!shown.is_empty() && shown.len() < 300, "{shown}");
}
