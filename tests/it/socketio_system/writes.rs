//! What is told of writes, and to whom: checks 7 and 8.

use super::*;

fn platform(id: u64, name: &str, is_enabled: bool) -> Value {
    let shown = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
    json!({"id": id, "platform": name, "is_enabled": is_enabled, "display_name": shown, "active_clients": 2})
}

#[test]
fn socketio_check_07_an_admin_hears_once_of_each_write_that_succeeded() {
    let Some(mut system) = System::start() else { return };
    system.enter("admin", "/admin", "owner", &json!({}));
    let entity = json!({"entity_type": "platform", "entity_id": 1});
    system.clients.ask("admin", &json!(["subscribe_entity_updates", entity]), "subscribed");

    assert_eq!(system.write("PUT", "platforms/1", &json!({"active_clients": 2})), 200);
    let update = timeless(system.clients.event("admin", "platform_update"));
    let record = platform(1, "talabat", true);
    assert_eq!(update, json!({"type": "update", "platform_id": 1, "data": record}));

    assert_eq!(system.write("POST", "platforms/1/toggle", &json!({"is_enabled": false})), 200);
    let toggle = timeless(system.clients.event("admin", "platform_update"));
    let record = platform(1, "talabat", false);
    assert_eq!(toggle, json!({"type": "toggle", "platform_id": 1, "data": record}));

    assert_eq!(system.write("PUT", "platforms/1", &json!({"fail": 500})), 500);
    assert_eq!(system.write("POST", "platforms/1/toggle", &json!({"fail": 200})), 200);
    assert_eq!(system.write("PUT", "platforms/99", &json!({})), 404);
    system.clients.is_quiet("admin");

    // In its room no more, but an administrator still.
    system.clients.ask("admin", &json!(["unsubscribe_entity_updates", entity]), "unsubscribed");
    assert_eq!(system.write("PUT", "platforms/1", &json!({})), 200);
    system.clients.event("admin", "platform_update");
    system.clients.is_quiet("admin");
}

#[test]
fn socketio_check_08_customers_hear_of_platforms_features_and_packages() {
    let Some(mut system) = System::start() else { return };
    system.enter_both();
    system.enter("main", "/", "client4", &json!({}));
    for (table, event, key, kind) in [
        ("platforms/2", "platform_update", "platform_id", "update"),
        ("features/2", "feature_update", "feature_id", "update"),
        ("features/2/toggle", "feature_update", "feature_id", "toggle"),
        ("packages/2", "package_update", "package_id", "update"),
    ] {
        let method = if kind == "toggle" { "POST" } else { "PUT" };
        assert_eq!(system.write(method, table, &json!({"note": "new"})), 200);
        for who in ["admin", "client", "main"] {
            let data = timeless(system.clients.event(who, event));
            assert_eq!(
                json!([data["type"], data[key], data["data"]["note"]]),
                json!([kind, 2, "new"]),
                "{who}"
            );
        }
    }
}

#[test]
fn socketio_check_08_packages_and_features_reach_only_those_they_are_for() {
    let rooms = r#""clients", "client_{claims.client_id}""#;
    let of_package =
        r#"to = { "/admin" = ["admin", "package_{id}"], "/client" = ["clients"], "/" = ["global"] }"#;
    let of_feature =
        r#"to = { "/admin" = ["admin", "feature_{id}"], "/client" = ["clients"], "/" = ["global"] }"#;
    let changes = [
        (rooms, &*format!(r#"{rooms}, "package_{{claims.package_id}}""#)),
        (of_package, r#"to = { "/admin" = ["admin"], "/client" = ["package_{id}"] }"#),
        (of_feature, r#"to = { "/admin" = ["admin"], "/client" = ["client_{record.client_id}"] }"#),
    ];
    let Some(mut system) = System::with(&changes, Path::new("/nonexistent")) else { return };
    system.enter("admin", "/admin", "owner", &json!({}));
    system.enter("three", "/client", "client3", &json!({}));
    system.enter("four", "/client", "client4", &json!({}));

    assert_eq!(system.write("PUT", "packages/2", &json!({"price_kwd": 12.5})), 200);
    assert_eq!(system.clients.event("three", "package_update")["data"]["price_kwd"], 12.5);
    assert_eq!(system.write("PUT", "features/1", &json!({"client_id": 4})), 200);
    assert_eq!(system.clients.event("four", "feature_update")["feature_id"], 1);
    system.clients.event("admin", "package_update");
    system.clients.event("admin", "feature_update");
    for who in ["admin", "three", "four"] {
        system.clients.is_quiet(who);
    }
}
