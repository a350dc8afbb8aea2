//! What clients ask for, and what they are answered: checks 10 to 14.

use super::*;

#[test]
fn socketio_check_10_the_dashboard_comes_from_the_backend_or_an_error_does() {
    let Some(mut system) = System::start() else { return };
    system.enter("admin", "/admin", "owner", &json!({}));
    let overview = json!({"type": "all", "data": {"clients": 2, "platforms": 3}});
    for data in [json!(["request_dashboard_update", {"type": "all"}]), json!(["request_dashboard_update"])] {
        assert_eq!(timeless(system.clients.ask("admin", &data, "dashboard_update")), overview);
    }
    let metrics = system.clients.ask("admin", &json!(["request_system_metrics"]), "system_metrics_update");
    assert_eq!(timeless(metrics), json!({"metrics": {"database": "ok"}}));

    system.fault("PUT", "broken");
    for (event, message) in [
        ("request_dashboard_update", "Failed to fetch dashboard data"),
        ("request_activity_feed", "Failed to fetch activity feed"),
        ("request_system_metrics", "Failed to fetch system metrics"),
    ] {
        system.clients.emit("admin", &json!([event, {"type": "all"}]));
        assert_eq!(system.clients.error("admin"), message);
    }
    system.fault("DELETE", "broken");
    system.clients.ask("admin", &json!(["request_dashboard_update"]), "dashboard_update");
}

#[test]
fn socketio_check_11_the_activity_feed_comes_in_pages() {
    let Some(mut system) = System::start() else { return };
    system.enter("admin", "/admin", "owner", &json!({}));
    for (asked, ids, has_more) in [
        (json!({"limit": 2}), json!([1, 2]), true),
        (json!({"limit": 2, "offset": 2}), json!([3, 4]), true),
        (json!({"limit": 2, "offset": 4}), json!([5]), false),
        (json!({}), json!([1, 2, 3, 4, 5]), false),
    ] {
        let event = json!(["request_activity_feed", asked]);
        let feed = timeless(system.clients.ask("admin", &event, "activity_feed_update"));
        let got: Vec<&Value> = feed["activities"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
        assert_eq!(json!([got, feed["has_more"]]), json!([ids, has_more]));
    }
}

#[test]
fn socketio_check_12_announcements_reach_those_they_are_for() {
    let Some(mut system) = System::start() else { return };
    system.enter("admin", "/admin", "owner", &json!({}));
    system.enter("helper", "/admin", "helper", &json!({}));
    system.enter("three", "/client", "client3", &json!({}));
    system.enter("four", "/client", "client4", &json!({}));
    system.enter("main", "/", "client4", &json!({}));
    for (target, hearers) in [
        ("admins", &["helper"][..]),
        ("clients", &["three", "four"]),
        ("client_3", &["three"]),
        ("client_", &[]),
        ("unknown", &[]),
        ("all", &["helper", "three", "four", "main"]),
    ] {
        let data = json!({"type": "warning", "message": target, "target": target});
        system.clients.emit("admin", &json!(["broadcast_announcement", data]));
        let sent = system.clients.event("admin", "announcement_sent");
        assert_eq!(sent, json!({"target": target, "message": target}));
        let is_own = matches!(target, "admins" | "all");
        for who in hearers.iter().chain(is_own.then_some(&"admin")) {
            let heard = timeless(system.clients.event(who, "announcement"));
            assert_eq!(heard, json!({"type": "warning", "message": target}), "{who}");
        }
    }
    // It is for all, and an information, where nothing else is said.
    system.clients.ask("admin", &json!(["broadcast_announcement", {"message": "hi"}]), "announcement_sent");
    for who in ["admin", "helper", "three", "four", "main"] {
        let heard = timeless(system.clients.event(who, "announcement"));
        assert_eq!(heard, json!({"type": "info", "message": "hi"}));
    }
    system.clients.emit("admin", &json!(["broadcast_announcement", {"target": "all"}]));
    assert_eq!(system.clients.error("admin"), "Message is required");
    // A customer announces nothing.
    system.clients.emit_with_ack("three", &json!(["broadcast_announcement", {"message": "hi"}]));
    assert_eq!(system.clients.next("three", "ack"), json!([{"error": "unknown_event"}]));
    for who in ["admin", "helper", "three", "four", "main"] {
        system.clients.is_quiet(who);
    }
}

#[test]
fn socketio_check_13_a_heartbeat_is_answered_and_acknowledged() {
    let Some(mut system) = System::start() else { return };
    system.enter("client", "/client", "client3", &json!({}));
    let beat = json!(["heartbeat", {"client_id": 3}]);
    assert_eq!(timeless(system.clients.ask("client", &beat, "heartbeat_ack")), json!({}));
    system.clients.emit_with_ack("client", &beat);
    system.clients.event("client", "heartbeat_ack");
    assert_eq!(system.clients.next("client", "ack"), json!([]));
}

#[test]
fn socketio_check_14_customers_ask_for_what_is_theirs() {
    let Some(mut system) = System::start() else { return };
    let config = json!({
        "features": {"reports": true, "exports": true, "webhooks": true, "of": 3},
        "platforms": ["talabat", "jahez", "deliveroo"],
    });
    let greeting = system.enter("client", "/client", "client3", &json!({}));
    assert_eq!(
        json!([greeting["client_id"], greeting["message"]]),
        json!([3, "Connected to real-time updates"])
    );
    assert_eq!(
        json!([greeting["features"], greeting["platforms"]]),
        json!([config["features"], config["platforms"]])
    );

    let clients = &mut system.clients;
    for data in [json!({"client_id": 3}), json!({"client_id": "3"}), json!({})] {
        let update = clients.ask("client", &json!(["config_check", data]), "config_update");
        assert_eq!(timeless(update), config);
    }
    for (asked, sub, is_enabled) in [
        (json!({"client_id": 3, "feature_key": "reports"}), Value::Null, true),
        (json!({"feature_key": "exports", "sub_key": "pdf"}), json!("pdf"), false),
    ] {
        let result =
            timeless(clients.ask("client", &json!(["feature_check", asked]), "feature_check_result"));
        let key = &asked["feature_key"];
        assert_eq!(result, json!({"feature_key": key, "sub_key": sub, "is_enabled": is_enabled}));
    }
    let report = json!(["report_metrics", {"client_id": 3, "metrics": {"orders": 5}}]);
    assert_eq!(timeless(clients.ask("client", &report, "metrics_received")), json!({"status": "success"}));

    for (event, message) in [
        (json!(["config_check", {"client_id": 4}]), "Client access required"),
        (json!(["feature_check", {"client_id": 4, "feature_key": "reports"}]), "Client access required"),
        (json!(["report_metrics", {"client_id": 4, "metrics": {}}]), "Client access required"),
        (json!(["feature_check", {"client_id": 3}]), "Client ID and feature key required"),
        (json!(["config_check", "no object"]), "The data must be an object"),
    ] {
        clients.emit("client", &event);
        assert_eq!(clients.error("client"), message, "{event}");
    }
    system.fault("PUT", "broken");
    for (event, message) in [
        (json!(["config_check"]), "Failed to fetch configuration"),
        (json!(["feature_check", {"feature_key": "reports"}]), "Failed to check feature"),
    ] {
        system.clients.emit("client", &event);
        assert_eq!(system.clients.error("client"), message, "{event}");
    }
    system.clients.is_quiet("client");
}
