//! Whose record an event is about.

use super::*;
use crate::event::{Audience, Item};
use crate::route::{Pointer, Visibility};

fn notes() -> Routes {
    authors(|route| {
        let field = Pointer::parse("/owner").unwrap();
        route.visibility = Visibility::Owner { claim: Arc::from("sub"), field };
        route.fields = vec!["id".to_owned(), "name".to_owned()];
    })()
}

fn settle(owners: &Arc<Owners>, exchange: &str, overlapping: bool) -> Verdict {
    let routes = notes();
    let mut verdict = Exchange::parse(exchange).read(&routes);
    verdict.mark_overlapping(|_, _| overlapping);
    owners.begin().settle(routes.iter().next().unwrap(), &mut verdict);
    verdict.note_withheld(true);
    verdict
}

/// The owner of each exchange's event; `-` where nobody is. A `!` before one: it overlaps.
fn owners_of(owners: &Arc<Owners>, exchanges: &[&str]) -> Vec<String> {
    let owner = |exchange: &&str| {
        let verdict = settle(owners, exchange.trim_start_matches('!'), exchange.starts_with('!'));
        let event = verdict.event.unwrap();
        assert_eq!(event.audience, Audience::Owner(Arc::from("sub")));
        let named = |item: &Item| item.owner.as_ref().map_or("-".to_owned(), ToString::to_string);
        let owners: Vec<String> = event.items.iter().map(named).collect();
        let is_nobodys = owners.iter().all(|owner| owner == "-");
        assert_eq!(verdict.outcome == Outcome::Withheld, is_nobodys, "{exchange}");
        owners.join(" ")
    };
    exchanges.iter().map(owner).collect()
}

const CREATE: &str = r#"POST /api/authors -> 201 {"id":7,"owner":"alice"}"#;
const MOVE: &str = r#"PUT /api/authors/7 -> 200 {"id":7,"owner":"bob"}"#;
const DELETE: &str = "DELETE /api/authors/7 -> 204";
const CHANGE: &str = "PUT /api/authors/7 -> 204";

fn check(exchanges: &[&str], expected: &[&str]) {
    assert_eq!(owners_of(&Arc::default(), exchanges), expected, "{exchanges:#?}");
}

#[test]
fn a_record_says_whose_it_is_and_what_does_not_say_it_has_the_last_known_owner() {
    check(&[CREATE, CHANGE, DELETE, DELETE], &["alice", "alice", "alice", "-"]);
    check(&[CREATE, MOVE, CHANGE, DELETE], &["alice", "bob", "bob", "bob"]);
    check(&[DELETE], &["-"]);
    check(&[CHANGE, MOVE], &["-", "bob"]);
    check(&[CREATE, r#"DELETE /api/authors/7 -> 200 {"deleted":true}"#], &["alice", "alice"]);
    check(&[r#"DELETE /api/authors/7 -> 200 {"id":7,"owner":5}"#], &["5"]);
}

#[test]
fn a_record_that_does_not_say_whose_it_is_is_nobodys() {
    for record in
        [r#"{"id":7}"#, r#"{"id":7,"owner":null}"#, r#"{"id":7,"owner":""}"#, r#"{"id":7,"owner":["alice"]}"#]
    {
        let update = format!("PUT /api/authors/7 -> 200 {record}");
        // Nor is its end the business of who had it before.
        check(&[CREATE, &update, DELETE], &["alice", "-", "-"]);
    }
    let long = format!(r#"PUT /api/authors/7 -> 200 {{"id":7,"owner":"{}"}}"#, "a".repeat(257));
    check(&[&long], &["-"]);
}

#[test]
fn a_list_belongs_to_its_owners_record_by_record() {
    let list = |one: &str, two: &str| {
        format!(r#"POST /api/authors -> 201 [{{"id":7,"owner":"{one}"}},{{"id":8,"owner":"{two}"}}]"#)
    };
    let (same, mixed) = (list("alice", "alice"), list("alice", "bob"));
    check(&[&same, DELETE], &["alice alice", "alice"]);
    check(&[&mixed, DELETE, "DELETE /api/authors/8 -> 204"], &["alice bob", "alice", "bob"]);
    check(&[r#"POST /api/authors -> 201 [{"id":7,"owner":"alice"},{"id":8}]"#], &["alice -"]);
    check(&["POST /api/authors -> 201 []"], &[""]);
}

#[test]
fn overlapping_writes_that_disagree_about_the_owner_are_nobodys() {
    let overlapping = format!("!{MOVE}");
    check(&[CREATE, &overlapping, DELETE], &["alice", "-", "-"]);
    check(&[MOVE, &overlapping, DELETE], &["bob", "bob", "bob"]);
}

#[test]
fn a_full_table_forgets_the_oldest_and_what_is_forgotten_is_nobodys() {
    let owners = Arc::new(Owners::new(10));
    owners_of(&owners, &[CREATE]);
    for id in 100..120 {
        owners_of(&owners, &[&format!(r#"PUT /api/authors/{id} -> 200 {{"id":{id},"owner":"bob"}}"#)]);
    }
    assert_eq!(owners_of(&owners, &[DELETE, "DELETE /api/authors/119 -> 204"]), ["-", "bob"]);
}

#[test]
fn a_write_that_nobody_settled_may_have_moved_anything() {
    let owners = Arc::default();
    owners_of(&owners, &[CREATE]);
    drop(owners.begin());
    assert_eq!(owners_of(&owners, &[DELETE]), ["-"]);
}

#[test]
fn the_owner_counts_also_where_readers_do_not_get_its_field() {
    let verdict =
        settle(&Arc::default(), r#"PUT /api/authors/7 -> 200 {"id":7,"name":"x","owner":"alice"}"#, false);
    let event = verdict.event.unwrap();
    assert_eq!(event.items[0].record.as_ref().unwrap().as_str(), r#"{"id":7,"name":"x"}"#);
    assert_eq!(event.audience, Audience::Owner("sub".into()));
    assert_eq!(event.items[0].owner.as_deref(), Some("alice"));
}

/// Whose each record was that is another's now; `-` for all others.
fn losers_of(exchanges: &[&str]) -> Vec<String> {
    let owners = Arc::default();
    let loser = |exchange: &&str| {
        let verdict = settle(&owners, exchange.trim_start_matches('!'), exchange.starts_with('!'));
        let items = verdict.event.unwrap().items;
        let named = |item: &Item| item.was.as_ref().map_or("-".to_owned(), ToString::to_string);
        items.iter().map(named).collect::<Vec<_>>().join(" ")
    };
    exchanges.iter().map(loser).collect()
}

#[test]
fn a_record_that_moves_is_lost_by_its_old_owner_and_nothing_else_is() {
    let back = r#"PATCH /api/authors/7 -> 200 {"owner":"alice"}"#;
    assert_eq!(losers_of(&[CREATE, CHANGE, MOVE, MOVE, back, DELETE]), ["-", "-", "alice", "-", "bob", "-"]);
    // Unknown before, silent about it, in doubt, or gone.
    assert_eq!(losers_of(&[MOVE]), ["-"]);
    assert_eq!(losers_of(&[CREATE, r#"PUT /api/authors/7 -> 200 {"id":7}"#, MOVE]), ["-", "-", "-"]);
    assert_eq!(losers_of(&[CREATE, &format!("!{MOVE}"), MOVE]), ["-", "-", "-"]);
    let deleted = r#"DELETE /api/authors/7 -> 200 {"id":7,"owner":"bob"}"#;
    assert_eq!(losers_of(&[CREATE, deleted]), ["-", "-"]);
    let list = r#"POST /api/authors -> 201 [{"id":7,"owner":"bob"},{"id":8,"owner":"bob"}]"#;
    assert_eq!(losers_of(&[CREATE, list]), ["-", "alice -"]);
}

#[test]
fn a_record_that_a_list_holds_twice_is_not_lost_by_whom_its_last_place_names() {
    let list = |owners: &[&str]| {
        let record = |owner: &&str| format!(r#"{{"id":7,"owner":"{owner}"}}"#);
        let records: Vec<String> = owners.iter().map(record).collect();
        format!("POST /api/authors -> 201 [{}]", records.join(","))
    };
    for (places, owners, losers) in [
        (&["bob", "alice"][..], "- alice", "- -"),
        (&["alice", "bob"], "- bob", "- alice"),
        (&["carol", "bob"], "- bob", "- alice"),
        (&["bob", "alice", "bob"], "bob - bob", "- - alice"),
    ] {
        let list = list(places);
        let last = places[places.len() - 1];
        check(&[CREATE, &list, DELETE], &["alice", owners, last]);
        assert_eq!(losers_of(&[CREATE, &list, DELETE]), ["-", losers, "-"], "{list}");
    }
    // The last place does not say whose it is.
    let silent = r#"POST /api/authors -> 201 [{"id":7,"owner":"alice"},{"id":7}]"#;
    check(&[CREATE, silent, DELETE], &["alice", "- -", "-"]);
}
