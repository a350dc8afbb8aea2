//! What readers have loaded by GETs of their own: `load WHO PATH STATUS SECONDS`, when the GET began.

use super::*;

#[test]
fn who_has_loaded_a_record_could_see_it() {
    play(
        LIMITS,
        "0 load ann /a 200 0
         0 load ann /b 200 0
         0 load cid /a 500 0
         1 change /a 1
         1 ask ann /a write 1 => waits
         1 ask bob /a write 1 => waits
         1 ask cid /a write 1 => waits
         1 due => ann /a, bob /a, cid /a
         2 answer ann /a 404 => ann1 hidden+
         2 answer bob /a 404 => bob1 hidden
         2 answer cid /a 404 => cid1 hidden
         3 change /a 2
         3 ask ann /a delete 2 => hidden
         3 ask ann /b delete 3 => hidden+
         3 ask bob /b delete 3 => hidden
         4 ask ann /b delete 4 => hidden",
    );
}

#[test]
fn a_load_answers_no_question() {
    play(
        LIMITS,
        "0 load ann /a 200 0
         0 ask ann /a read 1 => waits
         0 due => ann /a
         0 answer ann /a 200 => ann1 seen+
         1 change /a 2
         1 ask ann /a delete 2 => hidden+
         2 load ann /a 200 2
         2 ask ann /a read 3 => waits",
    );
    // That it was deleted is no answer either.
    play(
        LIMITS,
        "0 load ann /a 200 0
         1 change /a 1
         1 ask ann /a delete 1 => hidden+
         1 ask ann /a read 2 => waits",
    );
}

#[test]
fn the_later_word_of_the_backend_counts() {
    // A GET that began before a refusal, and is noted behind it.
    play(
        LIMITS,
        "2 change /a 1
         2 ask ann /a write 1 => waits
         2 due => ann /a
         3 answer ann /a 404 => ann1 hidden
         4 load ann /a 200 1
         5 ask ann /a delete 2 => hidden",
    );
    // One that began after it.
    play(
        LIMITS,
        "2 change /a 1
         2 ask ann /a write 1 => waits
         2 due => ann /a
         4 load ann /a 200 3
         5 answer ann /a 404 => ann1 hidden
         6 ask ann /a delete 2 => hidden+",
    );
    // Gone, and there again.
    play(
        LIMITS,
        "0 load ann /a 200 0
         1 ask ann /a delete 1 => hidden+
         2 load ann /a 200 0
         2 ask ann /a delete 2 => hidden
         3 load ann /a 200 3
         4 ask ann /a delete 3 => hidden+",
    );
    // An answer that says nothing.
    play(
        LIMITS,
        "0 load ann /a 200 0
         1 change /a 1
         1 ask ann /a write 1 => waits
         1 due => ann /a
         1 ask ann /a delete 2 => waits
         1 answer ann /a 500 => ann1 unclear+, ann2 hidden+",
    );
}

#[test]
fn a_refusal_forgets_what_was_loaded_before_it() {
    for (refusal, told) in [
        ("load ann /a 404 2", "hidden"),
        ("load ann /a 403 2", "hidden"),
        ("load ann /a 404 0", "hidden+"),
        ("load ann /a 500 2", "hidden+"),
        ("load ann /b 404 2", "hidden+"),
        ("load bob /a 404 2", "hidden+"),
    ] {
        play(LIMITS, &format!("1 load ann /a 200 1\n3 {refusal}\n3 ask ann /a delete 1 => {told}"));
    }
    // What an event has shown stays: another page of the same reader may show it.
    play(
        LIMITS,
        "0 change /a 1
         0 ask ann /a write 1 => waits
         0 due => ann /a
         0 answer ann /a 200 => ann1 seen
         1 load ann /a 404 1
         2 ask ann /a delete 2 => hidden+",
    );
}

#[test]
fn one_record_may_be_spelt_in_several_ways() {
    for (loaded, deleted, told) in [
        ("/a/", "/a", "hidden+"),
        ("/a", "/a/", "hidden+"),
        ("/a%40b", "/a@b", "hidden+"),
        ("/a%C3%A9", "/a%c3%a9", "hidden+"),
        ("/a%2Fb", "/a/b", "hidden"),
        ("/ab/c", "/a/bc", "hidden"),
        ("/a", "/A", "hidden"),
    ] {
        play(LIMITS, &format!("0 load ann {loaded} 200 0\n1 ask ann {deleted} delete 1 => {told}"));
    }
}

#[test]
fn what_was_loaded_long_ago_is_forgotten() {
    let limits = Limits { remembered: 2, ..LIMITS };
    play(
        limits,
        "0 load ann /a 200 0
         0 load ann /b 200 0
         1 load ann /a 200 1
         1 load ann /c 200 1
         1 load ann /d 200 1
         1 load ann /e 200 1
         2 ask ann /a delete 1 => hidden
         2 ask ann /b delete 1 => hidden
         2 ask ann /c delete 1 => hidden+
         2 ask ann /d delete 1 => hidden+
         2 ask ann /e delete 1 => hidden+",
    );
}

fn with(keys: &Keys, headers: &[(&'static str, &str)]) -> Credentials {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    Credentials::new(keys, map, None)
}

#[test]
fn a_token_is_the_same_holder_wherever_it_stood_and_cookies_are_another() {
    let keys = Keys::default();
    let token = [("host", "a.test"), ("authorization", "Bearer t")];
    let basic = [("host", "a.test"), ("authorization", "Basic t")];
    let nobody = [("host", "a.test")];
    let cookie = [("host", "a.test"), ("cookie", "s=1")];
    let and =
        |more: &[(&'static str, &'static str)], to: &[(&'static str, &'static str)]| [to, more].concat();
    for (one, other, same) in [
        (token.to_vec(), and(&[("accept-language", "de")], &token), true),
        (token.to_vec(), and(&[("cookie", "s=1")], &token), true),
        (token.to_vec(), and(&[("x-forwarded-proto", "wss")], &token), true),
        (token.to_vec(), vec![("host", "a.test"), ("authorization", "bearer  t ")], true),
        (token.to_vec(), vec![("host", "b.test"), ("authorization", "Bearer t")], false),
        (token.to_vec(), and(&[("x-forwarded-host", "b.test")], &token), false),
        (token.to_vec(), vec![("host", "a.test"), ("authorization", "Bearer T")], false),
        (token.to_vec(), and(&[("authorization", "Bearer u")], &token), false),
        (token.to_vec(), basic.to_vec(), false),
        (basic.to_vec(), and(&[("cookie", "s=1")], &basic), false),
        (token.to_vec(), nobody.to_vec(), false),
        (cookie.to_vec(), and(&[("accept-language", "de")], &cookie), true),
        (cookie.to_vec(), and(&[("cookie", "s=2")], &nobody), false),
        (cookie.to_vec(), nobody.to_vec(), false),
    ] {
        let [first, second] = [&one, &other].map(|headers| with(&keys, headers).holder());
        assert_eq!(first == second, same, "{one:?} {other:?}");
    }
    // Who says later who it is.
    let said = with(&keys, &cookie).of_bearer(&keys, Some("t"));
    assert_eq!(said.holder(), with(&keys, &token).holder());
}

#[test]
fn each_credential_of_a_holder_is_told() {
    let keys = Keys::default();
    let mut access: Access<()> = Access::new(LIMITS, keys.clone());
    let bearer = ("authorization", "Bearer t");
    let [de, en] =
        ["de", "en"].map(|language| Arc::new(with(&keys, &[bearer, ("accept-language", language)])));
    access.loaded(&with(&keys, &[bearer]), "/a", Answer::Seen, Duration::ZERO);
    for (who, before) in [(&de, true), (&en, true), (&de, false), (&en, false)] {
        let asking = Asking {
            who: Arc::clone(who),
            record: Arc::from("/a"),
            position: 1,
            change: Change::Deleted,
            fresh: false,
        };
        let verdict = Verdict { answer: Answer::Hidden, before, superseded: false };
        assert_eq!(access.ask(asking, (), Duration::from_secs(1)), Asked::Known(verdict));
    }
}
