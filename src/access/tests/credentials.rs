//! Which headers are whose.

use super::*;

#[test]
fn credentials_are_told_apart_by_what_the_backend_is_told_but_for_where_they_come_from() {
    type Lines<'a> = &'a [(&'static str, &'a str)];
    let keys = Keys::default();
    let make = |lines: Lines<'_>, client: Option<&str>| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        Credentials::new(&keys, headers, client.map(|client| client.parse().unwrap()))
    };
    let ann: Lines<'_> = &[("host", "a"), ("authorization", "Bearer t"), ("cookie", "s=1")];
    let rows: &[(Lines<'_>, bool)] = &[
        (ann, true),
        (&[("cookie", "s=1"), ("host", "a"), ("authorization", "Bearer t")], true),
        (&[("x-forwarded-for", "::1"), ("forwarded", "x"), ann[0], ann[1], ann[2]], true),
        (&[("host", "b"), ann[1], ann[2]], false),
        (&[ann[0], ("authorization", "Bearer u"), ann[2]], false),
        (&[ann[0], ann[1], ("cookie", "s=2")], false),
        (&[ann[0], ann[1]], false),
        (&[ann[0], ann[1], ann[2], ("cookie", "")], false),
        (&[("host", "a"), ("authorization", "Bearer tcookies=1")], false),
        (&[], false),
    ];
    let first = make(ann, None);
    for (lines, same) in rows {
        assert_eq!(make(lines, Some("192.0.2.1")) == first, *same, "{lines:?}");
    }
    assert!(credentials(&Keys::default(), "t") != credentials(&Keys::default(), "t"), "keys are secret");
    assert!(!format!("{first:?}").contains("Bearer"));
}
