//! What programs have said by a name, as the shipped system has it.

use super::*;
use crate::message::Shortcut;

const SYSTEM: &str = include_str!("../../../../deploy/socketio.toml");

fn system() -> Arc<dyn Dialect> {
    // The secret comes from the environment.
    let system = SYSTEM.replace("env:RESTCAST_JWT_SECRET", "0123456789012345678901234567890123456789");
    let config = Config::parse("socketio.toml", &system).unwrap_or_else(|error| panic!("{error}"));
    Arc::clone(&config.endpoints[0].dialect)
}

/// Where each push goes, as `namespace [rooms]`, and its message; or what is wrong.
fn said(name: &str, data: Value) -> Result<Vec<(String, Value)>, String> {
    let shortcuts: Vec<Arc<dyn Shortcut>> = system().shortcuts();
    let shortcut = shortcuts.iter().find(|shortcut| shortcut.name() == name).unwrap();
    assert_eq!(&**shortcut.endpoint(), "/socket.io");
    let Value::Object(data) = data else { panic!("no object") };
    let push = |push: &Push| {
        assert_eq!(push.to.endpoint.as_deref(), Some("/socket.io"));
        let to = format!("{} [{}]", push.to.namespace.as_deref().unwrap(), push.to.only.rooms.join("+"));
        (to, serde_json::from_str(push.message.as_str()).unwrap())
    };
    Ok(shortcut.pushes(data, UNIX_EPOCH)?.iter().map(push).collect())
}

fn check(name: &str, posted: Value, to: &[&str], mut data: Value) {
    data["timestamp"] = json!("1970-01-01T00:00:00.000000+00:00");
    let message = json!({"event": name, "data": data});
    let expected = to.iter().map(|to| ((*to).to_owned(), message.clone())).collect();
    assert_eq!(said(name, posted), Ok(expected));
}

#[test]
fn the_five_of_the_document_go_where_they_belong() {
    for (posted, to) in [
        (json!({"client_id": 3}), "/client [client_3]"),
        (json!({"client_id": "3"}), "/client [client_3]"),
        (json!({}), "/client [clients]"),
        (json!({"client_id": null}), "/client [clients]"),
    ] {
        check("config_sync", posted, &[to], json!({"type": "sync_required"}));
    }
    check(
        "admin_notification",
        json!({"type": "t", "message": "m"}),
        &["/admin [admin]"],
        json!({"type": "t", "message": "m", "severity": "info", "data": {}}),
    );
    check(
        "client_notification",
        json!({"type": "t", "message": "m", "data": {"a": 1}, "client_id": 3}),
        &["/client [client_3]"],
        json!({"type": "t", "message": "m", "data": {"a": 1}}),
    );
    for (target, to) in [
        ("all", &["/ []", "/admin []", "/client []"][..]),
        ("admins", &["/admin []"]),
        ("clients", &["/client [clients]"]),
        ("client_3", &["/client [client_3]"]),
    ] {
        let posted = json!({"message": "m", "target": target});
        check("announcement", posted, to, json!({"type": "info", "message": "m"}));
    }
    let metrics = |status: &str| json!({"status": status, "metrics": {"cpu": 1}});
    check("system_status", metrics("degraded"), &["/admin [admin]"], metrics("degraded"));
}

#[test]
fn a_critical_status_also_goes_to_everybody() {
    let pushes = said("system_status", json!({"status": "critical"})).unwrap();
    let to: Vec<&str> = pushes.iter().map(|(to, _)| to.as_str()).collect();
    assert_eq!(to, ["/admin [admin]", "/ []", "/admin []", "/client []"]);
    assert_eq!(pushes[0].1["data"]["metrics"], json!({}));
    assert_eq!(pushes[1].1["data"]["message"], "System experiencing issues");
}

#[test]
fn what_a_shortcut_needs_is_said() {
    for (name, data, expected) in [
        ("admin_notification", json!({"type": "t"}), "message: is missing, or none of what it may be"),
        (
            "admin_notification",
            json!({"type": "t", "message": ""}),
            "message: is missing, or none of what it may be",
        ),
        (
            "admin_notification",
            json!({"type": "t", "message": "m", "severity": "loud"}),
            "severity: is missing, or none of what it may be",
        ),
        ("system_status", json!({}), "status: is missing, or none of what it may be"),
        ("announcement", json!({"message": "m", "target": "someone"}), "this is for nobody"),
        ("config_sync", json!({"client_id": [3]}), "this is for nobody"),
    ] {
        assert_eq!(said(name, data), Err(expected.to_owned()), "{name}");
    }
}

#[test]
fn what_is_wrong_with_a_shortcut_of_the_config_is_said() {
    let parse = |shortcut: &str| Config::parse("t", &format!("{CONFIG}{shortcut}")).unwrap_err().to_string();
    let emit = "[[endpoint.shortcut.emit]]\nevent = \"e\"\nto = { \"/admin\" = [] }\n";
    let named = |name: &str| format!("[[endpoint.shortcut]]\nname = \"{name}\"\n{emit}");
    for name in ["", "emit", "a/b", "a b"] {
        assert!(parse(&named(name)).contains("endpoint.shortcut[1].name"), "{name}");
    }
    assert!(parse(&(named("a") + &named("a"))).contains("another [[endpoint.shortcut]] has it"));
    let elsewhere = parse(&named("a").replace("/admin", "/nowhere"));
    assert!(elsewhere.contains("no [[endpoint.namespace]] has the name \"/nowhere\""), "{elsewhere}");
    // Nobody's token is there.
    let claims = parse(&named("a").replace("[] }", "[\"{claims.x}\"] }"));
    assert!(claims.contains("expected one of data, time"), "{claims}");
}

#[test]
fn what_no_client_would_take_for_an_event_is_refused() {
    let admin = namespace("/admin");
    let refusal = |message: &str| admin.refusal(&Json::parse(message).unwrap());
    for message in [
        r#"{"event":"connect","data":1}"#,
        r#"{"event":"disconnect","data":1}"#,
        r#"{"event":"","data":1}"#,
        r#"{"event":"e","data":{"a":{"$binary":"not base64"}}}"#,
        r#"{"event":"e","data":[{"$binary":7}]}"#,
    ] {
        assert!(refusal(message).is_some(), "{message}");
    }
    let many = format!(r#"{{"event":"e","data":[{}]}}"#, vec![r#"{"$binary":"AAE="}"#; 17].join(","));
    assert!(refusal(&many).unwrap().contains("up to 16 times"));
    for message in [
        r#"{"event":"e","data":{"a":{"$binary":"AAE="}}}"#,
        r#"{"event":"e","data":{"$binary":"x","b":1}}"#,
        r#"{"event":"e","data":"$binary"}"#,
        r#"{"event":"e"}"#,
        "1",
    ] {
        assert_eq!(refusal(message), None, "{message}");
    }
}

/// One client could have all others break off, by bytes and a placeholder of its own in what they hear of it.
#[test]
fn a_placeholder_that_somebody_made_up_is_told_to_nobody() {
    let said = |data: &str| {
        let frame = binary::event(&packet::Writer::new("/"), "e", (data, ""), None);
        let payload = frame.payload();
        String::from_utf8_lossy(payload.split(|byte| *byte == 0x82).next().unwrap()).into_owned()
    };
    for forged in [r#"{"_placeholder":true,"num":7}"#, r#"{"_placeholder":1,"num":0}"#] {
        assert_eq!(
            said(&format!(r#"{{"a":{{"$binary":"AAE="}},"b":[{forged}]}}"#)),
            r#"451-["e",{"a":{"_placeholder":true,"num":0},"b":[null]}]"#
        );
        // Without bytes it is nothing special.
        assert_eq!(said(forged), format!(r#"42["e",{forged}]"#));
    }
}
