//! Any filter against any record: it is one or says why not, a record passes the filter that it makes itself, and
//! whatever matches is found by its keys.

use restcast::event::Json;
use restcast::filter::{Filter, FilterError, Record, Unknown};

/// The input is a filter, a line break and a record.
pub fn run(data: &[u8]) {
    let (filter, record) = super::split(data, b"\n");
    let json = |bytes| std::str::from_utf8(bytes).ok().and_then(Json::parse);
    let Some(record) = json(record) else { return };
    let known = Record::known(&record);
    let unknown = Record::unknown(Some(&record));
    if let Ok(Some(itself)) = Filter::from_map(&record, Unknown::Judge) {
        assert!(itself.matches(&known), "{record:?} is not equal to itself");
    }
    let Some(filter) = json(filter) else { return };
    for how in [Unknown::Judge, Unknown::Deliver, Unknown::Drop] {
        for filter in [Filter::from_map(&filter, how), Filter::from_list(&filter, how)] {
            match filter {
                Ok(None) => {}
                Ok(Some(filter)) => check(&filter, [&known, &unknown]),
                Err(error) => check_error(&error),
            }
        }
    }
}

fn check(filter: &Filter, records: [&Record<'_>; 2]) {
    for record in records {
        let by_itself = !record.is_known() && filter.takes_unknown();
        if filter.matches(record) && !by_itself {
            let has = record.keys();
            assert!(filter.keys().iter().all(|group| group.iter().any(|key| has.contains(key))));
        }
        assert!(!by_itself || filter.matches(record));
    }
}

fn check_error(error: &FilterError) {
    let shown = error.to_string();
    assert!(!shown.is_empty() && shown.len() < 300, "{shown}");
}
