//! What would let in or through whom nobody meant.

use super::*;

fn errors(old: &str, new: &str) -> String {
    assert!(CONFIG.contains(old), "{old}");
    match Config::parse("test", &CONFIG.replacen(old, new, 1)) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

/// Each of these was taken, and the check that it looks like was never made.
#[test]
fn a_check_that_would_never_be_made_is_no_config() {
    let allowed = "allowed = { entity_type = [\"platform\"] }";
    let own = "own = { client_id = \"{claims.client_id}\" }";
    let admit = "admit = [{ claim = \"client_id\" }]";
    for (old, new, expected) in [
        (allowed, "allowed = { entity_type = \"platform\" }", "expected what each may be"),
        (allowed, "allowed = { entity_type = [] }", "expected what each may be"),
        (allowed, "allowed = { \"entity.type\" = [\"platform\"] }", "without dots, not \"entity.type\""),
        (own, "own = { \"client.id\" = \"{claims.client_id}\" }", "without dots, not \"client.id\""),
        (admit, &format!("{admit}\nauth = \"optional\""), "lets in whoever shows none"),
    ] {
        let errors = errors(old, new);
        assert!(errors.contains(expected), "{new}: {errors}");
    }
}

/// `restcast check` had nothing to say of a config in which any customer could listen to all others.
#[test]
fn a_room_that_tokens_put_others_in_and_anybody_joins_is_warned_of() {
    let rooms = "rooms = [\"clients\", \"client_{claims.client_id}\"]";
    let joins = |join: &str, rest: &str| {
        let request = format!(
            "[[endpoint.request]]\nnamespace = \"/client\"\nevent = \"join\"\njoin = \"{join}\"\n{rest}\n"
        );
        let text = format!("{CONFIG}{request}");
        assert!(text.contains(rooms));
        let config = Config::parse("test", &text).unwrap_or_else(|error| panic!("{error}"));
        let expected = "endpoint /socket.io: by \"join\" any client in /client joins rooms like \
                        \"client_{claims.client_id}\", in which others are";
        let warnings = config.warnings();
        assert!(warnings.iter().all(|warning| warning.starts_with(expected)), "{warnings:?}");
        !warnings.is_empty()
    };
    for join in [
        "{data.room}",
        "{data.type}_{data.id}",
        "c{data.x}",
        "client_{data.id}",
        "{claims.kind}_{data.id}",
        "{data.id}_of",
    ] {
        assert!(joins(join, ""), "{join}");
    }
    for join in ["clients", "p_{data.id}", "client_{data.client_id}", "client_{claims.client_id}"] {
        assert!(!joins(join, ""), "{join}");
    }
    let entity = "{data.type}_{data.id}";
    assert!(joins(entity, "allowed = { type = [\"platform\", \"client\"] }"));
    for rest in [
        "allowed = { type = [\"platform\", \"clients\"] }",
        "permit = [{ claim = \"role\", is = [\"support\"] }]",
        "request = \"GET /api/{data.type}/{data.id}\"",
    ] {
        assert!(!joins(entity, rest), "{rest}");
    }
}
