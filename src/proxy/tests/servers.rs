//! Which servers there are, and which of them is asked.

use std::time::Duration;

use super::upstreams;
use crate::proxy::upstream::Needs;
use crate::proxy::{ServerAddress, Upstreams};

#[test]
fn addresses_of_servers_are_read_with_their_default_ports() {
    for (text, expected) in [
        ("http://backend", "backend 80 backend"),
        ("http://backend/", "backend 80 backend"),
        ("http://backend:80", "backend 80 backend"),
        ("http://backend:5000", "backend 5000 backend:5000"),
        ("https://backend", "backend 443 backend tls"),
        ("https://backend:80", "backend 80 backend:80 tls"),
        ("http://127.0.0.1:5000", "127.0.0.1 5000 127.0.0.1:5000"),
        ("http://[::1]:5000", "::1 5000 [::1]:5000"),
        ("https://[::1]", "::1 443 [::1] tls"),
        ("backend:5000", "-"),
        ("ftp://backend", "-"),
        ("http://", "-"),
        ("http://backend/api", "-"),
        ("http://backend?x=1", "-"),
        ("http://user@backend", "-"),
        ("http://backend:99999", "-"),
        ("http://backend:", "-"),
        ("http://backend:0", "-"),
        ("http://[::1]:99999", "-"),
        ("", "-"),
    ] {
        let read = ServerAddress::parse(text).map_or("-".to_owned(), |address| {
            let tls = if address.tls { " tls" } else { "" };
            format!("{} {} {}{tls}", address.host, address.port, address.authority())
        });
        assert_eq!(read, expected, "{text}");
    }
}

fn picks(upstreams: &Upstreams, count: usize) -> Vec<String> {
    (0..count)
        .map(|_| {
            upstreams.pick(Needs::default()).map_or_else(String::new, |choice| choice.authority.to_string())
        })
        .collect()
}

#[test]
fn servers_are_used_in_turn_before_any_was_tried() {
    let servers = ["a", "b", "c"].map(|port| format!("http://127.0.0.{}", 1 + port.as_bytes()[0] - b'a'));
    let upstreams = upstreams(&servers);
    assert_eq!(picks(&upstreams, 4), ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.1"]);
    assert!(!upstreams.is_ready());
}

#[test]
fn a_name_that_is_not_resolved_is_no_choice() {
    assert_eq!(picks(&upstreams(&["http://backend.invalid".to_owned()]), 1), [""]);
}

#[test]
fn a_server_of_a_name_that_is_not_resolved_is_passed_over() {
    let servers = ["http://backend.invalid".to_owned(), "http://127.0.0.1".to_owned()];
    assert_eq!(picks(&upstreams(&servers), 3), ["127.0.0.1"; 3]);
}

#[tokio::test]
async fn servers_that_are_up_go_first() {
    let listen = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (down, one, two) = (listen(), listen(), listen());
    let addresses = [&down, &one, &two].map(|listener| listener.local_addr().unwrap().to_string());
    drop(down);
    let upstreams = upstreams(&addresses.each_ref().map(|address| format!("http://{address}")));
    upstreams.check().await;
    assert!(upstreams.is_ready());
    let [_, one, two] = &addresses;
    assert!(picks(&upstreams, 9).iter().all(|choice| choice == one || choice == two));
    upstreams.failed(one.parse().unwrap());
    assert_eq!(picks(&upstreams, 3), [two.as_str(); 3]);
    upstreams.failed(two.parse().unwrap());
    assert!(!upstreams.is_ready());
    assert!(picks(&upstreams, 3).contains(one), "a server that is down is better than none");
}

#[test]
fn a_silent_answer_is_waited_for_without_end_only_where_it_streams() {
    let upstreams = upstreams(&["http://127.0.0.1".to_owned()]);
    let timeout = |streaming| upstreams.pick(streaming).unwrap().peer.options.read_timeout;
    let streaming = Needs { streaming: true, uploading: false };
    assert_eq!((timeout(Needs::default()), timeout(streaming)), (Some(Duration::from_mins(1)), None));
}
