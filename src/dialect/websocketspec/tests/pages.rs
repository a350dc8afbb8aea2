//! A part of a list that begins in the middle of a page.

use super::*;

const QUERY: &str = "[route.query]\npage = \"page={page}&size={limit}\"\nitems = \"/rows\"\n";

/// The requests that become of a part of users, answered with these pages, and what the client is told.
fn part(query: &str, (offset, limit): (u64, u64), pages: &[&str]) -> (Vec<String>, String) {
    let options = format!(r#"{{"offset":{offset},"limit":{limit}}}"#);
    let dialect =
        with_routes(&format!("[[route]]\npath = \"/users/{{id}}\"\nmodel = \"user\"\n{QUERY}{query}\n"), "");
    let (conversation, _) = open(&*dialect, "/ws", ANYBODY, NOW);
    let mut talk = Talk(conversation);
    let read =
        format!(r#"{{"id":"r","type":"request","operation":"read","entity":"users","options":{options}}}"#);
    let mut asked = talk.say(&read);
    for page in pages {
        asked.extend(talk.come_back(Returned::Upstream(Ok(answer(200, page)))));
    }
    let answer = asked.pop().unwrap();
    (asked, answer)
}

fn pages(numbers: &[u8], size: u8) -> Vec<String> {
    numbers.iter().map(|page| format!("ask GET /users?page={page}&size={size}")).collect()
}

fn of(inside: &str, total: &str, count: u8) -> String {
    done("r", &format!(r#""data":[{inside}],"metadata":{{{total}"count":{count}}}"#))
}

#[test]
fn two_pages_are_asked_for_and_the_part_is_put_together() {
    let two = part("", (1, 2), &[r#"{"rows":[{"id":1}, {"id":2}]}"#, r#"{"rows":[ {"id":3},{"id":4}]}"#]);
    assert_eq!(two, (pages(&[1, 2], 2), of(r#"{"id":2},{"id":3}"#, "", 2)));
    let last = part("", (1, 2), &[r#"{"rows":[{"id":1},{"id":2}]}"#, r#"{"rows":[{"id":3}]}"#]);
    assert_eq!(last.1, of(r#"{"id":2},{"id":3}"#, r#""total":3,"#, 2));
    let total = "total = \"/n\"";
    let told = part(total, (5, 3), &[r#"{"n":9,"rows":[4,5,6]}"#, r#"{"n":9,"rows":[7,8,9]}"#]);
    assert_eq!(told, (pages(&[2, 3], 3), of("6,7,8", r#""total":9,"#, 3)));
}

#[test]
fn a_page_behind_the_last_one_is_not_asked_for() {
    // Some backends refuse it.
    let short = part("", (1, 3), &[r#"{"rows":[{"id":1},{"id":2}]}"#]);
    assert_eq!(short, (pages(&[1], 3), of(r#"{"id":2}"#, r#""total":2,"#, 1)));
    let full = part("total = \"/n\"", (1, 3), &[r#"{"n":3,"rows":[1,2,3]}"#]);
    assert_eq!(full, (pages(&[1], 3), of("2,3", r#""total":3,"#, 2)));
    let none = part("", (4, 3), &[r#"{"rows":[]}"#]);
    assert_eq!(none, (pages(&[2], 3), of("", "", 0)));
}

#[test]
fn a_page_that_fails_fails_the_read() {
    let query = "[[route]]\npath = \"/users/{id}\"\nmodel = \"user\"\n";
    let (conversation, _) = open(&*with_routes(&format!("{query}{QUERY}"), ""), "/ws", ANYBODY, NOW);
    let mut talk = Talk(conversation);
    let part = r#"{"offset":1,"limit":2}"#;
    talk.say(&format!(
        r#"{{"id":"r","type":"request","operation":"read","entity":"users","options":{part}}}"#
    ));
    talk.come_back(Returned::Upstream(Ok(answer(200, r#"{"rows":[1,2]}"#))));
    let told = talk.returned(Ok(answer(500, "")));
    assert_eq!(told, failed_with(r#""r""#, "read_error", "Internal Server Error", r#"{"status":500}"#));
}
