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
