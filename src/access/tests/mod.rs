//! Scenes as text: who asks what and when, what is asked of the backend, who is told what.

mod loaded;
mod property;

use std::collections::HashMap;

use http::{HeaderMap, HeaderValue};

use super::*;

const LIMITS: Limits = Limits {
    ttl: Duration::from_secs(10),
    at_once: 100,
    at_once_each: 100,
    waiting: 100,
    waiting_each: 100,
    waiters: 100,
    bytes: 10_000,
    patience: Duration::from_secs(5),
    remembered: 100,
};

struct Scene {
    access: Access<String>,
    keys: Keys,
    tickets: HashMap<String, Ticket>,
}

fn credentials(keys: &Keys, token: &str) -> Credentials {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_str(token).unwrap());
    Credentials::new(keys, headers, None)
}

fn told(told: Vec<(String, Verdict)>) -> String {
    let words = |(waiter, verdict): (String, Verdict)| format!("{waiter} {}", word(verdict));
    told.into_iter().map(words).collect::<Vec<_>>().join(", ")
}

fn word(verdict: Verdict) -> String {
    let before = if verdict.before { "+" } else { "" };
    let superseded = if verdict.superseded { " old" } else { "" };
    format!("{:?}{before}{superseded}", verdict.answer).to_lowercase()
}

impl Scene {
    fn act(&mut self, now: Duration, words: &[&str]) -> String {
        match words {
            ["change", record, position] => {
                self.access.changed(record, position.parse().unwrap());
                String::new()
            }
            ["forget", position] => {
                self.access.forget(position.parse().unwrap());
                String::new()
            }
            ["ask", who, record, change, position] => {
                let change = match *change {
                    "write" => Change::Changed,
                    "read" => Change::Unchanged,
                    _ => Change::Deleted,
                };
                let asking = Asking {
                    who: Arc::new(credentials(&self.keys, who)),
                    record: Arc::from(*record),
                    position: position.parse().unwrap(),
                    change,
                    fresh: false,
                };
                match self.access.ask(asking, format!("{who}{position}"), now) {
                    Asked::Known(verdict) => word(verdict),
                    other @ (Asked::Waits | Asked::Full) => format!("{other:?}").to_lowercase(),
                }
            }
            ["due"] => {
                let due = self.access.due(now);
                let name = |question: &Question| {
                    let who = question.who.headers()["authorization"].to_str().unwrap();
                    format!("{who} {}", question.record)
                };
                let asked: Vec<String> = due.ask.iter().map(name).collect();
                self.tickets
                    .extend(asked.iter().cloned().zip(due.ask.iter().map(|question| question.ticket)));
                let late = told(due.late);
                if late.is_empty() { asked.join(", ") } else { format!("{}; late {late}", asked.join(", ")) }
            }
            ["answer", who, record, status] => {
                let ticket = self.tickets.remove(&format!("{who} {record}")).unwrap();
                told(self.access.returned(ticket, Answer::of_status(status.parse().unwrap()), now))
            }
            ["load", who, record, status, began] => {
                let began = Duration::from_secs(began.parse().unwrap());
                let answer = Answer::of_status(status.parse().unwrap());
                self.access.loaded(&credentials(&self.keys, who), record, answer, began);
                String::new()
            }
            _ => panic!("{words:?}"),
        }
    }
}

/// Plays lines of `SECONDS ACTION… => what comes of it`.
fn play(limits: Limits, script: &str) -> Access<String> {
    let keys = Keys::default();
    let access = Access::new(limits, keys.clone());
    let mut scene = Scene { access, keys, tickets: HashMap::new() };
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (action, expected) = line.split_once("=>").unwrap_or((line, ""));
        let words: Vec<&str> = action.split_whitespace().collect();
        let now = Duration::from_secs(words[0].parse().unwrap());
        assert_eq!(scene.act(now, &words[1..]), expected.trim(), "{line}");
    }
    scene.access
}

#[test]
fn one_credential_asks_once_and_each_credential_for_itself() {
    let access = play(
        LIMITS,
        "0 change /a 1
         0 ask ann /a write 1 => waits
         0 ask bob /a write 1 => waits
         0 ask ann /a write 1 => waits
         0 due => ann /a, bob /a
         0 ask ann /a write 1 => waits
         0 due =>
         1 answer ann /a 200 => ann1 seen, ann1 seen, ann1 seen
         1 answer bob /a 404 => bob1 hidden
         1 ask ann /a write 1 => seen+
         1 ask bob /a write 1 => hidden",
    );
    assert_eq!(access.questions(), (0, 0));
}

#[test]
fn statuses_say_seen_or_hidden_or_nothing() {
    use Answer::{Hidden, Seen, Unclear};
    for (status, answer) in [
        (200, Seen),
        (204, Seen),
        (206, Seen),
        (301, Unclear),
        (302, Unclear),
        (304, Unclear),
        (400, Unclear),
        (401, Hidden),
        (403, Hidden),
        (404, Hidden),
        (405, Unclear),
        (410, Hidden),
        (429, Unclear),
        (500, Unclear),
        (503, Unclear),
        (101, Unclear),
    ] {
        assert_eq!(Answer::of_status(status), answer, "{status}");
    }
}

#[test]
fn what_was_asked_before_a_change_does_not_answer_for_after_it() {
    play(
        LIMITS,
        "0 change /a 1
         0 ask ann /a write 1 => waits
         0 due => ann /a
         0 change /a 2
         0 ask ann /a write 2 => waits
         0 ask ann /a delete 3 => waits
         0 due =>
         1 answer ann /a 200 => ann1 seen old
         1 due => ann /a
         1 answer ann /a 404 => ann2 hidden+, ann3 hidden",
    );
    // A question that still waits to be asked answers for all of them.
    play(
        LIMITS,
        "0 change /a 1
         0 ask ann /a write 1 => waits
         0 change /a 2
         0 ask ann /a write 2 => waits
         0 due => ann /a
         1 answer ann /a 200 => ann1 seen old, ann2 seen",
    );
    // What was asked after an event answers for it, but is about a later change.
    play(
        LIMITS,
        "0 change /a 1
         0 ask ann /a write 1 => waits
         0 change /a 2
         0 due => ann /a
         0 answer ann /a 200 => ann1 seen old
         0 ask ann /a write 2 => seen+
         0 ask ann /a write 1 => seen+ old",
    );
}

/// A log that is another begins with small offsets.
#[test]
fn answers_outlived_the_log_whose_offsets_they_were_given_at() {
    play(
        LIMITS,
        "0 change /a 5000
         0 ask ann /a write 5000 => waits
         0 due => ann /a
         0 answer ann /a 200 => ann5000 seen
         1 forget 0
         1 change /a 3
         1 ask ann /a write 3 => waits
         1 due => ann /a
         1 answer ann /a 404 => ann3 hidden
         1 ask ann /a read 4 => hidden",
    );
    // What was loaded, and what nothing has changed since.
    play(
        LIMITS,
        "0 load ann /a 200 0
         0 ask ann /b read 5000 => waits
         0 due => ann /b
         0 answer ann /b 200 => ann5000 seen
         1 forget 0
         1 ask ann /a delete 1 => hidden
         1 ask ann /b read 2 => waits",
    );
    // A question that was asked before answers for nothing since, and is remembered for nobody.
    play(
        LIMITS,
        "0 ask ann /a write 5000 => waits
         0 due => ann /a
         1 forget 0
         1 change /a 3
         1 ask ann /a write 3 => waits
         1 due =>
         2 answer ann /a 200 => ann5000 seen old
         2 due => ann /a
         2 answer ann /a 404 => ann3 hidden
         2 ask ann /a write 3 => hidden",
    );
    play(
        LIMITS,
        "0 ask ann /a write 5000 => waits
         0 due => ann /a
         1 forget 0
         1 answer ann /a 200 => ann5000 seen old
         1 ask ann /a read 1 => waits",
    );
    // One that was to be asked yet is asked since.
    play(
        LIMITS,
        "0 ask ann /a write 5000 => waits
         1 forget 0
         1 change /a 3
         1 ask ann /a write 3 => waits
         1 due => ann /a
         2 answer ann /a 200 => ann5000 seen old, ann3 seen
         2 ask ann /a read 4 => seen+",
    );
}

#[test]
fn an_answer_holds_for_reads_until_it_is_too_old_or_the_record_changes() {
    play(
        LIMITS,
        "0 ask ann /a read 1 => waits
         0 due => ann /a
         3 answer ann /a 200 => ann1 seen
         9 ask ann /a read 2 => seen+
         9 ask bob /a read 2 => waits
         9 ask ann /b read 2 => waits
         9 change /b 3
         9 ask ann /a read 4 => seen+
         10 ask ann /a read 5 => waits
         10 due => bob /a, ann /b, ann /a
         10 answer ann /a 200 => ann5 seen+
         11 change /a 6
         11 ask ann /a read 7 => waits",
    );
}

#[test]
fn a_deletion_is_told_to_whom_the_record_was_shown_last() {
    play(
        LIMITS,
        "0 ask ann /a delete 1 => hidden
         0 ask ann /a write 2 => waits
         0 ask bob /a write 2 => waits
         0 ask cid /a write 2 => waits
         0 ask dan /a write 2 => waits
         0 due => ann /a, bob /a, cid /a, dan /a
         0 answer ann /a 200 => ann2 seen
         0 answer bob /a 403 => bob2 hidden
         0 answer cid /a 500 => cid2 unclear
         0 answer dan /a 200 => dan2 seen
         0 ask dan /a write 3 => waits
         0 due => dan /a
         0 answer dan /a 404 => dan3 hidden+
         99 ask ann /a delete 4 => hidden+
         99 ask ann /a delete 5 => hidden
         99 ask bob /a delete 4 => hidden
         99 ask cid /a delete 4 => hidden
         99 ask dan /a delete 4 => hidden",
    );
}

#[test]
fn a_failure_leaves_what_was_known() {
    play(
        LIMITS,
        "0 ask ann /a write 1 => waits
         0 due => ann /a
         0 answer ann /a 200 => ann1 seen
         0 ask ann /a write 2 => waits
         0 due => ann /a
         0 answer ann /a 503 => ann2 unclear+
         0 ask ann /a delete 3 => hidden+",
    );
}

#[test]
fn a_deletion_behind_a_question_hears_what_it_says() {
    for (status, write, delete) in
        [(200, "seen", "hidden+"), (404, "hidden", "hidden"), (500, "unclear", "hidden")]
    {
        play(
            LIMITS,
            &format!(
                "0 ask ann /a write 1 => waits
                 0 due => ann /a
                 0 ask ann /a delete 2 => waits
                 0 answer ann /a {status} => ann1 {write}, ann2 {delete}
                 0 due =>"
            ),
        );
    }
}

#[test]
fn credentials_take_turns_and_one_of_them_fills_no_more_than_its_share() {
    play(
        Limits { at_once: 3, at_once_each: 2, waiting: 3, waiting_each: 2, ..LIMITS },
        "0 ask ann /a write 1 => waits
         0 ask ann /b write 2 => waits
         0 ask ann /c write 3 => waits
         0 ask ann /d write 4 => waits
         0 ask ann /e write 5 => full
         0 ask ann /d write 5 => waits
         0 ask bob /a write 5 => waits
         0 ask bob /b write 5 => waits
         0 ask bob /c write 5 => full
         0 ask cid /a write 5 => full
         0 due => ann /a, bob /a, ann /b
         1 answer bob /a 200 => bob5 seen
         1 due => bob /b
         2 answer ann /b 200 => ann2 seen
         2 due => ann /c
         2 answer ann /c 200 => ann3 seen
         2 answer ann /a 200 => ann1 seen
         2 due => ann /d
         2 answer bob /b 200 => bob5 seen
         2 answer ann /d 200 => ann4 seen, ann5 seen
         2 ask cid /a write 6 => waits
         2 due => cid /a",
    );
}

#[test]
fn no_more_wait_for_one_question_than_may() {
    play(
        Limits { waiters: 2, ..LIMITS },
        "0 change /a 1
         0 ask ann /a write 1 => waits
         0 due => ann /a
         0 change /a 2
         0 ask ann /a write 2 => waits
         0 ask ann /a write 2 => full
         0 ask ann /a delete 3 => full
         0 ask ann /b write 3 => waits
         0 ask bob /a write 3 => waits
         1 answer ann /a 200 => ann1 seen old
         1 ask ann /a write 3 => waits
         1 ask ann /a write 3 => full",
    );
}

#[test]
fn a_question_that_waits_for_too_long_is_not_asked() {
    play(
        Limits { at_once: 1, ..LIMITS },
        "0 ask ann /a write 1 => waits
         0 ask bob /a write 1 => waits
         0 ask bob /a delete 2 => waits
         5 ask cid /a write 1 => waits
         0 due => ann /a
         6 answer ann /a 200 => ann1 seen
         6 due => cid /a; late bob1 unclear, bob2 hidden
         6 answer cid /a 200 => cid1 seen",
    );
}

#[test]
fn what_is_forgotten_was_never_seen_and_is_asked_again() {
    play(
        Limits { remembered: 1, ..LIMITS },
        "0 change /a 1
         0 ask ann /a read 2 => waits
         0 due => ann /a
         0 answer ann /a 200 => ann2 seen
         0 ask ann /a read 3 => seen+
         0 change /b 4
         0 change /c 5
         0 ask ann /a read 6 => seen+
         0 change /d 6
         0 ask ann /a read 7 => waits
         0 ask ann /b read 7 => waits
         0 ask ann /c read 7 => waits
         0 due => ann /a, ann /b, ann /c
         0 answer ann /a 200 => ann7 seen+
         0 answer ann /b 200 => ann7 seen
         0 answer ann /c 200 => ann7 seen
         0 ask ann /a delete 8 => hidden",
    );
}

#[test]
fn an_answer_that_nobody_asked_for_is_nobodys() {
    let mut access: Access<u8> = Access::new(LIMITS, Keys::default());
    assert_eq!(access.returned(Ticket(7), Answer::Seen, Duration::ZERO), vec![]);
}

#[test]
fn credentials_are_told_apart_by_what_the_backend_is_told_but_for_where_they_come_from() {
    type Lines<'a> = &'a [(&'static str, &'a str)];
    let keys = Keys::default();
    let make = |lines: Lines<'_>, client: Option<&str>| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        Credentials::new(&keys, headers, client.map(|client| client.parse().unwrap()))
    };
    let ann: Lines<'_> = &[("host", "a"), ("authorization", "Bearer t"), ("cookie", "s=1")];
    let rows: &[(Lines<'_>, bool)] = &[
        (ann, true),
        (&[("cookie", "s=1"), ("host", "a"), ("authorization", "Bearer t")], true),
        (&[("x-forwarded-for", "::1"), ("forwarded", "x"), ann[0], ann[1], ann[2]], true),
        (&[("host", "b"), ann[1], ann[2]], false),
        (&[ann[0], ("authorization", "Bearer u"), ann[2]], false),
        (&[ann[0], ann[1], ("cookie", "s=2")], false),
        (&[ann[0], ann[1]], false),
        (&[ann[0], ann[1], ann[2], ("cookie", "")], false),
        (&[("host", "a"), ("authorization", "Bearer tcookies=1")], false),
        (&[], false),
    ];
    let first = make(ann, None);
    for (lines, same) in rows {
        assert_eq!(make(lines, Some("192.0.2.1")) == first, *same, "{lines:?}");
    }
    assert!(credentials(&Keys::default(), "t") != credentials(&Keys::default(), "t"), "keys are secret");
    assert!(!format!("{first:?}").contains("Bearer"));
}
