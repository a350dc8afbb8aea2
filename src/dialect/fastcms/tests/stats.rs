//! What the statistics say, and to whom.

use super::*;
use crate::dialect::{Attendance, Attendee};

#[test]
fn the_statistics_count_connections_and_users_and_list_subscriptions() {
    let fastcms = dialect(&[("stats", "public"), ("schemas", "a b")]);
    let report = fastcms.report().unwrap();
    let empty = r#"{"total_connections":0,"authenticated_connections":0,"unique_users":0,"pubsub_backend":"memory","subscriptions":{}}"#;
    assert_eq!(report.write(&Attendance { broker: "memory", ..Attendance::default() }), empty);
    let attendee = |number: u128, credential: Credential, topics: &[&str]| Attendee {
        id: Uuid::from_u128(number),
        identity: credential.identity(),
        topics: topics.iter().map(|topic| Topic::parse(topic)).collect(),
    };
    let listed = vec![
        attendee(1, user("alice"), &["posts", "comments"]),
        attendee(2, user("alice"), &["all"]),
        attendee(3, user("bob"), &["a", "b"]),
        attendee(4, Credential::Missing, &[]),
    ];
    let id = |number| Uuid::from_u128(number);
    let expected = format!(
        r#"{{"total_connections":4,"authenticated_connections":3,"unique_users":2,"pubsub_backend":"memory","subscriptions":{{"{}":["comments","posts"],"{}":["*"],"{}":["__collections__"],"{}":[]}}}}"#,
        id(1),
        id(2),
        id(3),
        id(4)
    );
    let attendance = Attendance { broker: "memory", connections: 4, authenticated: 3, users: 2, listed };
    assert_eq!(report.write(&attendance), expected);
    assert_eq!(report.listed(), 1000);
}

#[test]
fn the_statistics_are_for_whom_the_endpoint_says() {
    let admits = |options: &[(&'static str, &'static str)]| {
        let fastcms = dialect(options);
        fastcms.report().map(|report| {
            [Credential::Missing, Credential::Invalid, user("bob")].map(|who| report.admits(&who))
        })
    };
    assert_eq!(admits(&[]), Some([false, false, true]));
    assert_eq!(admits(&[("stats", "public")]), Some([true, true, true]));
    assert_eq!(admits(&[("stats", "off")]), None);
}
