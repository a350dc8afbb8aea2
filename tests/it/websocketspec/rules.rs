//! What the rules of a route keep from clients, with a real backend.

use super::*;
use crate::visibility::{JWT, now, sign};

const FIELDS: &str = "fields = [\"owner\", \"id\", \"salary\"]\n";
const RULES: &str = "[route.rules]\nforced = [{ column = \"owner\", value = \"{claims.sub}\" }]\n\
    forbidden = [\"role\"]\nmasks = [{ columns = [\"salary\"], unless_roles = [\"hr\"] }]\n";

fn join(proxy: &Proxy, user: &str, roles: &[&str]) -> Client {
    let claims = json!({"sub": user, "roles": roles, "exp": now() + 600});
    Client(proxy.reader(&format!("/ws?token={}", sign("a secret of more than thirty-two bytes", &claims))))
}

#[test]
fn everybody_has_to_do_with_his_own_records_alone_and_sees_no_more_of_them_than_he_may() {
    let Some(node) = tools::node() else { return };
    let backend = node.json_server();
    let tables = format!(
        "{USERS}visibility = \"authenticated\"\n{QUERY}{FIELDS}{RULES}{}{JWT}",
        endpoint("auth = \"required\"")
    );
    let proxy = Proxy::with(backend.address, &tables);
    let (mut ann, mut bob, mut hr) =
        (join(&proxy, "ann", &[]), join(&proxy, "bob", &["staff"]), join(&proxy, "ann", &["hr"]));
    let [of_ann, of_bob, of_hr] = [&mut ann, &mut bob, &mut hr].map(|client| client.subscribe(&Value::Null));
    let mine = json!({"owner": "ann", "salary": 5});
    assert_eq!(ann.data("create", &json!({"data": mine})), json!({"id": 1, "owner": "ann"}));
    assert_eq!(ann.told(&of_ann), told("create", json!({"id": 1, "owner": "ann"})));
    assert_eq!(hr.told(&of_hr), told("create", json!({"id": 1, "owner": "ann", "salary": 5})));
    bob.is_quiet();
    for (operation, inside) in [
        ("read", json!({"record_id": 1})),
        ("update", json!({"record_id": 1, "data": {"salary": 1}})),
        ("delete", json!({"record_id": 1})),
    ] {
        let (code, details) = bob.fails(operation, &inside);
        assert_eq!((code, details), (json!(format!("{operation}_error")), json!({"status": 404})));
    }
    assert_eq!(bob.data("read", &json!({})), json!([]));
    let theirs = json!({"options": {"filters": [{"column": "owner", "operator": "eq", "value": "ann"}]}});
    assert_eq!(bob.data("read", &theirs), json!([]));
    assert_eq!(bob.fails("create", &json!({"data": mine})).1, json!({"field": "owner"}));
    assert_eq!(bob.fails("create", &json!({"data": {"role": 1}})).1, json!({"field": "role"}));
    let by_salary = json!({"options": {"sort": [{"column": "salary"}]}});
    assert_eq!(ann.fails("read", &by_salary).0, "unauthorized");
    assert_eq!(hr.data("read", &by_salary), json!([{"id": 1, "owner": "ann", "salary": 5}]));
    assert_eq!(
        ann.data("update", &json!({"record_id": 1, "data": {"salary": 6}})),
        json!({"id": 1, "owner": "ann"})
    );
    assert_eq!(ann.told(&of_ann), told("update", json!({"id": 1, "owner": "ann"})));
    assert_eq!(hr.told(&of_hr).1["salary"], 6);
    assert_eq!(ann.data("meta", &json!({}))["columns"], json!(["owner", "id"]));
    assert_eq!(ann.data("delete", &json!({"record_id": 1})), json!({"deleted": true}));
    for client in [&mut ann, &mut bob, &mut hr] {
        client.is_quiet();
    }
    drop(of_bob);
}
