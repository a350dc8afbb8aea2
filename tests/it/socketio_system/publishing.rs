//! What programs have clients hear: check 9, and what else the document's service has methods for.

use super::*;

/// Two administrators, two customers and one in the main namespace.
fn crowd() -> Option<System> {
    let mut system = System::start()?;
    system.enter("owner", "/admin", "owner", &json!({}));
    system.enter("helper", "/admin", "helper", &json!({}));
    system.enter("three", "/client", "client3", &json!({}));
    system.enter("four", "/client", "client4", &json!({}));
    system.enter("main", "/", "client4", &json!({}));
    Some(system)
}

const ALL: [&str; 5] = ["owner", "helper", "three", "four", "main"];

impl System {
    /// These hear the event with that data and a time, and nobody hears anything else.
    fn only_hear(&mut self, who: &[&str], event: &str, data: &Value) {
        for who in who {
            assert_eq!(timeless(self.clients.event(who, event)), *data, "{who}");
        }
        for who in ALL {
            self.clients.is_quiet(who);
        }
    }
}

#[test]
fn socketio_check_09_a_config_sync_reaches_one_customer_or_all() {
    let Some(mut system) = crowd() else { return };
    let sync = json!({"type": "sync_required"});
    for (body, hearers) in [(json!({"client_id": 3}), &["three"][..]), (json!({}), &["three", "four"])] {
        assert_eq!(system.publish("config_sync", &body), json!({"sent": hearers.len()}));
        system.only_hear(hearers, "config_sync", &sync);
    }
    assert_eq!(system.publish("config_sync", &json!({"client_id": 99})), json!({"sent": 0}));
    system.only_hear(&[], "config_sync", &sync);
}

#[test]
fn the_other_methods_of_the_documents_service_reach_those_they_are_for() {
    let Some(mut system) = crowd() else { return };
    let said = json!({"type": "note", "message": "hi"});
    system.publish("admin_notification", &said);
    let heard = json!({"type": "note", "message": "hi", "severity": "info", "data": {}});
    system.only_hear(&["owner", "helper"], "admin_notification", &heard);
    system.publish("client_notification", &json!({"type": "note", "message": "hi", "client_id": 4}));
    system.only_hear(&["four"], "client_notification", &json!({"type": "note", "message": "hi", "data": {}}));
    system.publish("system_status", &json!({"status": "degraded", "metrics": {"load": 2}}));
    let heard = json!({"status": "degraded", "metrics": {"load": 2}});
    system.only_hear(&["owner", "helper"], "system_status", &heard);
    system.publish("announcement", &json!({"message": "hi", "target": "clients"}));
    system.only_hear(&["three", "four"], "announcement", &json!({"type": "info", "message": "hi"}));
}

#[test]
fn a_critical_status_reaches_everybody() {
    let Some(mut system) = crowd() else { return };
    system.publish("system_status", &json!({"status": "critical", "metrics": {"load": 9}}));
    let of_admins = json!({"status": "critical", "metrics": {"load": 9}});
    let of_all = json!({"status": "critical", "message": "System experiencing issues"});
    for who in ["owner", "helper"] {
        let heard = [(); 2].map(|()| timeless(system.clients.event(who, "system_status")));
        assert!(heard.contains(&of_admins) && heard.contains(&of_all), "{heard:?}");
    }
    system.only_hear(&["three", "four", "main"], "system_status", &of_all);
}

#[test]
fn an_emit_reaches_each_socket_once_and_collects_their_answers() {
    let Some(mut system) = crowd() else { return };
    let mut emit = json!({
        "namespace": "/admin", "event": "restart", "data": {"timestamp": "2026-01-01T00:00:00+00:00", "at": "noon"},
        "rooms": ["admin", "admin_owner"], "except": {"users": [8]},
    });
    assert_eq!(system.publish("emit", &emit), json!({"sent": 1}));
    system.only_hear(&["owner"], "restart", &json!({"at": "noon"}));
    emit["except"] = json!([]);
    emit["ack"] = json!("10s");
    let answer = system.publish("emit", &emit);
    assert_eq!(json!([answer["sent"], answer["acked"]]), json!([2, 2]));
    let answers = answer["answers"].as_array().unwrap();
    let mut said: Vec<String> = answers.iter().map(|answer| answer["answer"].to_string()).collect();
    said.sort();
    assert_eq!(said, ["helper", "owner"].map(|who| format!(r#"[{{"heard":"restart","who":"{who}"}}]"#)));
    system.only_hear(&["owner", "helper"], "restart", &json!({"at": "noon"}));
}

#[test]
fn bytes_come_and_go_as_bytes_by_either_transport() {
    let Some(mut system) = System::start() else { return };
    system.enter("upgraded", "/admin", "owner", &json!({}));
    system.clients.upgraded("upgraded");
    system.enter("polling", "/admin", "helper", &json!({"transports": ["polling"]}));
    let bytes = json!({"type": "Buffer", "data": [0, 255, 30]});
    for who in ["upgraded", "polling"] {
        let data = json!({"message": {"bytes": [0, 255, 30]}, "target": "admins"});
        let sent = system.clients.ask(who, &json!(["broadcast_announcement", data]), "announcement_sent");
        assert_eq!(sent["message"], bytes);
        for hearer in ["upgraded", "polling"] {
            assert_eq!(system.clients.event(hearer, "announcement")["message"], bytes);
        }
    }
    let emit = json!({"namespace": "/admin", "event": "icon", "data": {"png": {"$binary": "AP8e"}}});
    assert_eq!(system.publish("emit", &emit), json!({"sent": 2}));
    for who in ["upgraded", "polling"] {
        assert_eq!(system.clients.event(who, "icon")["png"], bytes);
    }
}
