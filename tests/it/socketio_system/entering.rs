//! Who comes in, and by which transport: checks 1, 2, 4, 5 and 6.

use super::*;

/// What the document's example does and expects, by whatever transport; gives the one it begins with.
fn the_documents_admin(options: &Value) -> (System, Value) {
    let mut system = System::start().unwrap_or_else(|| panic!("no tools"));
    system.open("admin", "/admin", "owner", options);
    let entity = json!({"entity_type": "platform", "entity_id": 1});
    system.clients.emit("admin", &json!(["subscribe_entity_updates", entity]));
    let connected = system.clients.next("admin", "connect");
    let greeting = system.clients.event("admin", "admin_connected");
    assert_eq!(greeting, json!({"user_id": 7, "role": "owner", "permissions": ["all"]}));
    let room = json!({"entity_type": "platform", "entity_id": 1, "room": "platform_1"});
    assert_eq!(system.clients.event("admin", "subscribed"), room);
    (system, connected[2].clone())
}

fn has_tools() -> bool {
    tools::node().is_some() && tools::python().is_some()
}

#[test]
fn socketio_check_01_the_documents_admin_is_greeted_and_upgraded() {
    if !has_tools() {
        return;
    }
    let (mut system, _) = the_documents_admin(&json!({}));
    system.clients.upgraded("admin");
    system.clients.is_quiet("admin");
}

#[test]
fn socketio_check_02_the_same_by_polling_alone() {
    if !has_tools() {
        return;
    }
    let (mut system, begun) = the_documents_admin(&json!({"transports": ["polling"]}));
    assert_eq!(begun, "polling");
    // One poll after the other.
    for name in ["one", "two", "three"] {
        assert_eq!(system.write("PUT", "platforms/1", &json!({"display_name": name})), 200);
        assert_eq!(system.clients.event("admin", "platform_update")["data"]["display_name"], name);
    }
    system.clients.is_quiet("admin");
}

#[test]
fn socketio_check_02_the_same_by_a_websocket_from_the_start() {
    if !has_tools() {
        return;
    }
    let (mut system, begun) = the_documents_admin(&json!({"transports": ["websocket"]}));
    assert_eq!(begun, "websocket");
    system.clients.is_quiet("admin");
}

#[test]
fn socketio_check_04_whoever_may_not_come_in_is_told_why_and_hears_nothing() {
    let Some(mut system) = System::start() else { return };
    let clients = [
        ("bad", "/admin", json!({"token": "no.token"}), "Invalid authentication", "invalid_token"),
        ("none", "/admin", json!({}), "Authentication required", "missing_token"),
        (
            "expired",
            "/client",
            json!({"token": system.token_for("client3", -60)}),
            "Invalid authentication",
            "expired_token",
        ),
        (
            "customer",
            "/admin",
            json!({"token": system.token("client3")}),
            "Admin access required",
            "forbidden",
        ),
        ("guest", "/client", json!({"token": system.token("nobody")}), "Client access required", "forbidden"),
        ("anonymous", "/", json!({}), "Authentication required", "missing_token"),
    ];
    system.enter_both();
    for (who, namespace, auth, message, code) in &clients {
        let url = system.url(namespace);
        system.clients.open(who, &url, &json!({"auth": auth}));
        assert_eq!(
            system.clients.next(who, "connect_error"),
            json!([message, {"code": code}, false]),
            "{who}"
        );
    }
    assert_eq!(system.write("PUT", "platforms/1", &json!({"display_name": "new"})), 200);
    system.clients.event("admin", "platform_update");
    system.clients.event("client", "platform_update");
    for (who, ..) in &clients {
        assert_eq!(system.clients.unseen(who), 0, "{who}");
    }
}

#[test]
fn socketio_check_05_an_unknown_namespace_leaves_the_others_of_its_connection() {
    let Some(mut system) = System::start() else { return };
    let shared = json!({"forceNew": false});
    system.enter("admin", "/admin", "owner", &shared);
    system.open("lost", "/zzz", "owner", &shared);
    let error = system.clients.next("lost", "connect_error");
    assert_eq!(json!([error[0], error[2]]), json!(["Invalid namespace", false]));
    system.clients.is_quiet("admin");
}

#[test]
fn socketio_check_06_two_namespaces_share_a_connection_and_part() {
    let Some(mut system) = System::start() else { return };
    let shared = json!({"forceNew": false});
    system.open("admin", "/admin", "owner", &shared);
    system.open("client", "/client", "client3", &shared);
    let of_admin = system.clients.next("admin", "connect");
    let of_client = system.clients.next("client", "connect");
    assert_eq!(of_admin[1], of_client[1], "one connection");
    assert_ne!(of_admin[0], of_client[0], "two sockets");
    system.clients.greeted("admin", "/admin");
    system.clients.greeted("client", "/client");

    system.clients.close("admin");
    assert_eq!(system.clients.next("admin", "disconnect")[0], "io client disconnect");
    system.clients.is_quiet("client");
    assert_eq!(system.write("PUT", "platforms/1", &json!({"display_name": "new"})), 200);
    system.clients.event("client", "platform_update");
    assert_eq!(system.clients.unseen("admin"), 0);
}

#[test]
fn what_is_written_while_the_greeting_is_asked_for_is_told_behind_it() {
    let Some(mut system) = System::start() else { return };
    system.enter("admin", "/admin", "owner", &json!({}));
    system.fault("PUT", "held");
    system.open("client", "/client", "client3", &json!({}));
    system.clients.next("client", "connect");
    assert_eq!(system.write("PUT", "platforms/1", &json!({"display_name": "new"})), 200);
    system.clients.event("admin", "platform_update");
    system.fault("DELETE", "held");
    system.clients.greeted("client", "/client");
    system.clients.event("client", "platform_update");
}

#[test]
fn the_documents_connect_events_say_again_who_it_is() {
    let Some(mut system) = System::start() else { return };
    system.enter("admin", "/admin", "owner", &json!({}));
    let entity = json!({"entity_type": "platform", "entity_id": 1});
    system.clients.ask("admin", &json!(["subscribe_entity_updates", entity]), "subscribed");
    let token = system.token("owner");
    system.clients.emit_with_ack("admin", &json!(["admin_connect", {"token": token}]));
    assert_eq!(system.clients.next("admin", "ack"), json!([true]));
    assert_eq!(system.clients.greeted("admin", "/admin")["user_id"], 7);
    let token = system.token("client3");
    system.clients.emit_with_ack("admin", &json!(["admin_connect", {"token": token}]));
    assert_eq!(system.clients.error("admin"), "Admin access required");
    assert_eq!(system.clients.next("admin", "ack"), json!([false]));
    // It is still who it was.
    assert_eq!(system.write("PUT", "platforms/1", &json!({})), 200);
    system.clients.event("admin", "platform_update");
    system.clients.is_quiet("admin");
}
