//! `[broker]`.

use super::*;

fn error(url: &str) -> String {
    let text = format!("{MINIMAL}[broker]\nkind = \"redis\"\nurl = {url}\n");
    Config::parse("proxy.toml", &text).map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn a_url_with_a_password_may_stand_elsewhere_and_is_never_shown() {
    let file = std::env::temp_dir().join(format!("restcast-url-{}", std::process::id()));
    std::fs::write(&file, "redis://:hidden@10.0.0.5\n").unwrap();
    let place = format!("file:{}", file.display());
    assert_eq!(error(&format!("\"{place}\"")), "");
    assert_eq!(error(&format!("[\"{place}\"]")), "");
    std::fs::write(&file, "http://:hidden@10.0.0.5\n").unwrap();
    let told = error(&format!("\"{place}\""));
    assert!(told.contains("redis://[user:password@]host") && !told.contains("hidden"), "{told}");
    std::fs::remove_file(file).unwrap();
    let told = error("\"env:RESTCAST_TEST_NOWHERE\"");
    assert!(told.contains("the environment variable RESTCAST_TEST_NOWHERE to be set"), "{told}");
}
