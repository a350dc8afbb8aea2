use crate::harness::*;

#[test]
fn a_write_through_the_proxy_reaches_a_reader() {
    let origin = Origin::json(201, r#"{"id":42,"name":"Ada"}"#);
    let proxy = Proxy::start(origin.address);
    let mut reader = proxy.reader("/ws");
    let answer = proxy.send("POST", "/api/authors", r#"{"name":"Ada"}"#);
    assert_eq!((answer.status, answer.text().as_str()), (201, r#"{"id":42,"name":"Ada"}"#));
    let event = reader.next();
    assert_eq!(event["id"], 42);
    assert_eq!(event["model"], "author");
}
