//! What is asked at once, waits and is remembered, and no more than that.

use super::*;

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
