//! Where the backend is asked for the records of an event.

use super::*;
use crate::event::{Audience, Payload};
use crate::route::Visibility;

#[test]
fn an_event_says_where_each_of_its_records_is() {
    // (exchange, paths, outcome without and with identities)
    let rows: &[(&str, &[Option<&str>], Outcome)] = &[
        (r#"POST /api/authors -> 201 {"id":7}"#, &[Some("/api/authors/7")], Outcome::Event),
        (r#"PUT /api/authors/7/ -> 200 {"id":7}"#, &[Some("/api/authors/7/")], Outcome::Event),
        ("DELETE /api/authors/7 -> 204", &[Some("/api/authors/7")], Outcome::Event),
        (
            r#"POST /api/authors -> 201 [{"id":7},{"name":"b"},{"id":9}]"#,
            &[Some("/api/authors/7"), None, Some("/api/authors/9")],
            Outcome::Event,
        ),
        (r#"POST /api/authors -> 201 {"name":"a"}"#, &[None], Outcome::Withheld),
        ("POST /api/authors -> 201 []", &[], Outcome::Withheld),
        (r#"POST /api/authors -> 201 {"id":".."}"#, &[None], Outcome::Withheld),
    ];
    let routes = authors(|route| route.visibility = Visibility::Upstream(Payload::Refetch))();
    for (exchange, paths, outcome) in rows {
        for identities in [false, true] {
            let mut verdict = Exchange::parse(exchange).read(&routes);
            verdict.note_withheld(identities);
            assert_eq!(verdict.outcome, *outcome, "{exchange}");
            let is_withheld = *outcome == Outcome::Withheld;
            assert_eq!(verdict.reason == Some(Reason::NoPath), is_withheld, "{exchange}");
            let Audience::Upstream(showing) = verdict.event.unwrap().audience else { panic!("{exchange}") };
            assert_eq!(showing.payload, Payload::Refetch);
            let shown: Vec<Option<&str>> = showing.paths.iter().map(Option::as_deref).collect();
            assert_eq!(shown, *paths, "{exchange}");
        }
    }
}
