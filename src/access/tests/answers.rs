//! What an answer says, of what, to whom and for how long.

use super::*;

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
fn an_answer_that_nobody_asked_for_is_nobodys() {
    let mut access: Access<u8> = Access::new(LIMITS, Keys::default());
    assert_eq!(access.returned(Ticket(7), Answer::Seen, Duration::ZERO), vec![]);
}
