//! A write that no route takes gives no event: clients cannot make one.

use super::*;

/// The method of each write, or why it is refused, where the route of `/things` takes these methods.
fn sent(methods: &str, further: &str) -> [String; 3] {
    let things = resource("/things/{id}", &format!("methods = {methods}\n{further}"), "things");
    let (id, data, query) = (json("1"), json("{}"), Query::default());
    let wishes = [
        Wish::Create { data: &data, query: &query },
        Wish::Update { id: &id, data: &data, query: &query },
        Wish::Delete { id: &id, query: &query },
    ];
    wishes.map(|wish| {
        things.ask(wish).map_or_else(|error| error.to_string(), |asked| asked.request.method.to_string())
    })
}

#[test]
fn a_message_of_a_method_that_the_route_does_not_take_was_sent_untapped() {
    let refused = |name| QueryError::Operation(name).to_string();
    let (create, update, delete) = (refused("create"), refused("update"), refused("delete"));
    assert_eq!(sent(r#"["POST"]"#, ""), ["POST".into(), update.clone(), delete.clone()]);
    assert_eq!(sent(r#"["DELETE"]"#, ""), [create.clone(), update, "DELETE".into()]);
    assert_eq!(sent(r#"["PUT"]"#, ""), [create.clone(), "PUT".into(), delete.clone()]);
    assert_eq!(sent(r#"["PUT", "PATCH"]"#, ""), [create, "PATCH".into(), delete]);
}

#[test]
fn routes_of_one_path_share_the_methods() {
    let other = "[[route]]\npath = \"/things/{id}\"\nmodel = \"thing\"\nmethods = [\"PUT\", \"DELETE\"]\n";
    assert_eq!(sent(r#"["POST"]"#, other), ["POST", "PUT", "DELETE"]);
}
