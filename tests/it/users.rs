//! A backend with users and permissions that nobody here wrote: Django REST framework, whose logins issue the
//! tokens that restcast checks. Each user hears what the backend lets it GET, and so does its page.

use std::thread;

use serde_json::{Value, json};

use crate::harness::*;
use crate::pages::Pages;
use crate::tools::{self, Backend};

/// Of `user_claim`: simplejwt calls the user so.
const TABLES: &str = r#"
[auth.jwt]
algorithms = ["HS256"]
secret = "a secret of more than thirty-two bytes"
user_claim = "user_id"
[[endpoint]]
path = "/ws"
dialect = "canonical"
auth = "required"
[[endpoint]]
path = "/flarchitect"
dialect = "flarchitect"
auth = "required"
[[route]]
path = "/api/notes/{id}"
model = "note"
"#;

/// Whoever a record names as its owner.
const OWNED: &str = r#"visibility = { claim = "user_id", field = "owner" }"#;

/// Whoever may GET the record, as its own GET has it.
const ASKED: &str = "visibility = \"upstream\"\npayload = \"refetch\"";

const ALICE: User = User { name: "alice", id: 1 };
const BOB: User = User { name: "bob", id: 2 };

#[derive(Clone, Copy)]
struct User {
    name: &'static str,
    id: u64,
}

/// The backend, the proxy in front of it, and its users' tokens.
struct Notes {
    proxy: Proxy,
    tokens: [String; 2],
    _backend: Backend,
    _database: Folder,
}

impl Notes {
    /// `visibility`: more lines of the route.
    fn start(visibility: &str) -> Option<Self> {
        let python = tools::python()?;
        let folder = Folder::new();
        let (database, pages) = (folder.path().join("notes.sqlite"), tools::pages());
        let arguments = ["--database", database.to_str().unwrap(), "--pages", pages.to_str().unwrap()];
        let secret = ["--secret", "a secret of more than thirty-two bytes"];
        let users = ["--user", ALICE.name, "--user", BOB.name];
        let backend = python.django(&[&arguments[..], &secret, &users].concat());
        let proxy = Proxy::with(backend.address, &format!("{TABLES}{visibility}\n"));
        let tokens = [ALICE, BOB].map(|user| log_in(&proxy, user)["access"].as_str().unwrap().to_owned());
        Some(Self { proxy, tokens, _backend: backend, _database: folder })
    }

    fn token(&self, user: User) -> &str {
        &self.tokens[usize::from(user.id == BOB.id)]
    }

    fn request(&self, user: User, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {}", self.token(user));
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        request(self.proxy.address, method, &format!("/api/notes/{path}"), &headers, body.as_bytes())
    }

    /// A write that succeeds; gives the id.
    fn write(&self, user: User, method: &str, path: &str, body: &Value) -> u64 {
        let answer = self.request(user, method, path, body);
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
        if answer.status == 204 { 0 } else { parsed(&answer)["id"].as_u64().unwrap() }
    }

    fn create(&self, user: User, title: &str) -> u64 {
        self.write(user, "POST", "", &json!({"title": title}))
    }

    fn change(&self, user: User, id: u64, body: &Value) {
        self.write(user, "PATCH", &format!("{id}/"), body);
    }

    fn delete(&self, user: User, id: u64) {
        self.write(user, "DELETE", &format!("{id}/"), &Value::Null);
    }

    /// What a GET of the list gives a user.
    fn list(&self, user: User) -> Vec<Value> {
        let answer = parsed(&self.request(user, "GET", "", &Value::Null));
        answer["results"].as_array().unwrap().clone()
    }

    fn reader(&self, endpoint: &str, user: User) -> Reader {
        self.proxy.reader(&format!("{endpoint}?token={}", self.token(user)))
    }
}

fn parsed(answer: &Answer) -> Value {
    serde_json::from_str(&answer.text()).unwrap_or_else(|error| panic!("{error} in {answer:?}"))
}

/// What the backend's login answers.
fn log_in(proxy: &Proxy, user: User) -> Value {
    let body = json!({"username": user.name, "password": format!("{}-password", user.name)});
    let answer = proxy.send("POST", "/api/token/", &body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    parsed(&answer)
}

#[test]
fn each_user_of_django_hears_of_its_own_records_alone() {
    let Some(notes) = Notes::start(OWNED) else { return };
    let mut readers = [ALICE, BOB].map(|user| notes.reader("/flarchitect", user));
    let mut whole = [ALICE, BOB].map(|user| notes.reader("/ws", user));
    let first = notes.create(ALICE, "Alice's");
    let second = notes.create(BOB, "Bob's");
    notes.change(BOB, second, &json!({"title": "Bob's, again"}));
    notes.change(ALICE, first, &json!({"title": "Alice's, again"}));
    assert_eq!(notes.request(BOB, "PATCH", &format!("{first}/"), &json!({"title": "stolen"})).status, 404);
    notes.delete(ALICE, first);
    notes.delete(BOB, second);

    let expected = [
        vec![
            json!(["POST", first, {"id": first, "owner": 1, "title": "Alice's", "shared_with": []}]),
            json!(["PATCH", first, {"id": first, "owner": 1, "title": "Alice's, again", "shared_with": []}]),
            json!(["DELETE", first, null]),
        ],
        vec![
            json!(["POST", second, {"id": second, "owner": 2, "title": "Bob's", "shared_with": []}]),
            json!(["PATCH", second, {"id": second, "owner": 2, "title": "Bob's, again", "shared_with": []}]),
            json!(["DELETE", second, null]),
        ],
    ];
    for (reader, expected) in readers.iter_mut().zip(&expected) {
        for event in expected {
            let told = reader.next();
            assert_eq!(json!([told["method"], told["id"], told["payload"]]), *event);
        }
    }
    for (reader, expected) in whole.iter_mut().zip(&expected) {
        for event in expected {
            let told = reader.next();
            let item = &told["items"][0];
            assert_eq!(json!([told["http"]["method"], item["id"], item["record"]]), *event);
        }
    }
}

#[test]
fn a_note_that_django_gives_to_another_user_is_told_to_both() {
    let Some(notes) = Notes::start(OWNED) else { return };
    let mut readers = [ALICE, BOB].map(|user| notes.reader("/flarchitect", user));
    let id = notes.create(ALICE, "a gift");
    notes.change(ALICE, id, &json!({"owner": BOB.id}));
    assert_eq!(notes.request(ALICE, "GET", &format!("{id}/"), &Value::Null).status, 404);
    let last = notes.create(ALICE, "the last");
    let [alice, bob] = readers.each_mut().map(Reader::next);
    assert_eq!(json!([alice["method"], alice["id"]]), json!(["POST", id]));
    assert_eq!(json!([bob["method"], bob["id"], bob["payload"]["owner"]]), json!(["PATCH", id, BOB.id]));
    let gone = readers[0].next();
    assert_eq!(json!([gone["method"], gone["id"], gone["payload"]]), json!(["DELETE", id, null]));
    assert_eq!(readers[0].next()["id"], last);
}

#[test]
fn a_refresh_token_of_django_opens_no_socket_as_it_opens_no_list() {
    let Some(notes) = Notes::start(OWNED) else { return };
    let tokens = log_in(&notes.proxy, ALICE);
    let bearer = format!("Bearer {}", tokens["refresh"].as_str().unwrap());
    let headers = [("Authorization", bearer.as_str())];
    assert_eq!(request(notes.proxy.address, "GET", "/api/notes/", &headers, b"").status, 401);
    for endpoint in ["/ws", "/flarchitect"] {
        let path = format!("{endpoint}?token={}", tokens["refresh"].as_str().unwrap());
        let refusal = Reader::try_connect(notes.proxy.address, &path).err().unwrap();
        assert!(refusal.contains("401"), "{refusal}");
        notes.reader(endpoint, ALICE);
    }
    assert_eq!(notes.proxy.metric("restcast_auth_failures_total{reason=\"refresh\"}"), 2.0);
}

#[test]
fn a_user_of_django_hears_of_a_note_while_it_is_shared_and_as_its_own_get_has_it() {
    let Some(notes) = Notes::start(ASKED) else { return };
    let mut bob = notes.reader("/ws", BOB);
    let mut told = || {
        let event = bob.next();
        let item = &event["items"][0];
        json!([event["operation"], item["id"], item["record"]])
    };
    let id = notes.create(ALICE, "hidden");
    // A question that is asked later is answered as it is then.
    let hidden = || notes.proxy.metric("restcast_access_withheld_total{reason=\"hidden\"}");
    eventually("Bob may not see it", || (hidden() >= 1.0).then_some(()));
    let shown = |title: &str| json!(["update", id, {"id": id, "owner": ALICE.id, "title": title}]);
    notes.change(ALICE, id, &json!({"title": "shown", "shared_with": [BOB.id]}));
    assert_eq!(told(), shown("shown"));
    notes.change(ALICE, id, &json!({"title": "changed"}));
    assert_eq!(told(), shown("changed"));
    notes.change(ALICE, id, &json!({"title": "hidden again", "shared_with": []}));
    assert_eq!(told(), json!(["delete", id, null]));
    notes.change(ALICE, id, &json!({"title": "still hidden"}));
    notes.delete(ALICE, id);
    let own = notes.create(BOB, "his own");
    let record = json!({"id": own, "owner": BOB.id, "title": "his own", "shared_with": []});
    assert_eq!(told(), json!(["create", own, record]));
}

/// A page of each user, who has logged in there.
fn open(notes: &Notes, pictures: &str) -> Option<Pages> {
    let url = format!("http://{}/notes.html", notes.proxy.address);
    let steps = |user: User| {
        let page = [
            ("--page", format!("{}={url}", user.name)),
            ("--fill", format!("#username={}", user.name)),
            ("--fill", format!("#password={}-password", user.name)),
            ("--click", "button".to_owned()),
            ("--wait", "#state:has-text('live')".to_owned()),
        ];
        page.into_iter().flat_map(|(step, value)| [step.to_owned(), value])
    };
    let arguments: Vec<String> = [ALICE, BOB].into_iter().flat_map(steps).collect();
    Some(Pages::open(&tools::node()?, &tools::browser()?, "#notes li", pictures, &arguments))
}

/// What a page shows of a note.
fn row(note: &Value) -> String {
    let shared = note.get("shared_with").map(|users| {
        let users: Vec<_> = users.as_array().unwrap().iter().map(Value::to_string).collect();
        format!(" | shared with [{}]", users.join(","))
    });
    let (id, title, owner) = (&note["id"], note["title"].as_str().unwrap(), &note["owner"]);
    format!("{id} | {title} | of {owner}{}", shared.unwrap_or_default())
}

/// Waits until each page shows what a GET of the list gives its user.
fn both_show_what_they_may_get(notes: &Notes, pages: &Pages, after: &str) {
    for user in [ALICE, BOB] {
        let expected: Vec<String> = notes.list(user).iter().map(row).collect();
        pages.show(user.name, &expected, after);
    }
}

/// Two users with a page each, and writes of both.
fn two_pages(visibility: &str, pictures: &str, writes: impl FnOnce(&Notes, &Pages)) {
    let Some(notes) = Notes::start(visibility) else { return };
    notes.create(ALICE, "before Alice looked");
    notes.create(BOB, "before Bob looked");
    let Some(pages) = open(&notes, pictures) else { return };
    both_show_what_they_may_get(&notes, &pages, "loading");
    writes(&notes, &pages);
    pages.close(&[ALICE.name, BOB.name]);
}

/// Writes by which nobody gets or loses sight of a note of somebody else.
fn own_writes(notes: &Notes, pages: &Pages) {
    let first = notes.create(ALICE, "Alice's first");
    let second = notes.create(BOB, "Bob's first");
    let third = notes.create(ALICE, "Alice's second");
    both_show_what_they_may_get(notes, pages, "creating");
    notes.change(ALICE, third, &json!({"title": "Alice's second, <b>changed</b>"}));
    let whole = json!({"title": "Bob's first, replaced", "shared_with": []});
    notes.write(BOB, "PUT", &format!("{second}/"), &whole);
    notes.delete(ALICE, first);
    both_show_what_they_may_get(notes, pages, "changing");
    // A PUT's answer is the whole record, and which of two came last is not known.
    let change = |number: u64| {
        for (user, id) in [(ALICE, third), (BOB, second)] {
            let whole = json!({"title": format!("version {number}"), "shared_with": []});
            notes.write(user, "PUT", &format!("{id}/"), &whole);
        }
    };
    thread::scope(|scope| {
        for writer in 0..3 {
            scope.spawn(move || (0..4).map(|number| 10 * writer + number).for_each(change));
        }
    });
    both_show_what_they_may_get(notes, pages, "changing all at once");
}

#[test]
fn two_pages_show_what_each_user_may_get() {
    two_pages(OWNED, "notes_owned", |notes, pages| {
        own_writes(notes, pages);
        given_away(notes, pages);
    });
}

/// One loses sight of a note by the write that shows it to the other.
fn given_away(notes: &Notes, pages: &Pages) {
    let given = notes.create(BOB, "to be given away");
    both_show_what_they_may_get(notes, pages, "creating what is to be given away");
    notes.change(BOB, given, &json!({"owner": ALICE.id}));
    both_show_what_they_may_get(notes, pages, "giving away");
    assert!(notes.list(ALICE).iter().any(|note| note["id"] == given));
}

/// Writes after which somebody may GET what it could not before, or the other way round.
fn changed_permissions(notes: &Notes, pages: &Pages) {
    let shared = notes.create(ALICE, "to be shared");
    let given = notes.create(BOB, "to be given away");
    notes.change(ALICE, shared, &json!({"shared_with": [BOB.id]}));
    both_show_what_they_may_get(notes, pages, "sharing");
    assert!(notes.list(BOB).iter().any(|note| note["id"] == shared));
    notes.change(ALICE, shared, &json!({"title": "changed while it is shared"}));
    both_show_what_they_may_get(notes, pages, "changing what is shared");
    notes.change(ALICE, shared, &json!({"shared_with": []}));
    notes.change(BOB, given, &json!({"owner": ALICE.id}));
    both_show_what_they_may_get(notes, pages, "taking back, and giving away");
    assert!(!notes.list(BOB).iter().any(|note| note["id"] == shared || note["id"] == given));
    notes.change(ALICE, shared, &json!({"title": "Alice's alone again"}));
    notes.change(ALICE, given, &json!({"shared_with": [BOB.id]}));
    both_show_what_they_may_get(notes, pages, "sharing what was given");
    notes.delete(ALICE, given);
    both_show_what_they_may_get(notes, pages, "deleting what is shared");
    let last = notes.create(ALICE, "shared at the end");
    notes.change(ALICE, last, &json!({"shared_with": [BOB.id]}));
    both_show_what_they_may_get(notes, pages, "sharing at the end");
}

#[test]
fn two_pages_show_what_each_user_may_get_also_after_permissions_change() {
    two_pages(ASKED, "notes_asked", |notes, pages| {
        own_writes(notes, pages);
        changed_permissions(notes, pages);
    });
}

#[test]
fn a_page_loses_what_it_has_loaded_when_it_is_taken_back_or_deleted() {
    let Some(notes) = Notes::start(ASKED) else { return };
    let [taken, deleted] = ["to be taken back", "to be deleted"].map(|title| notes.create(ALICE, title));
    for id in [taken, deleted] {
        notes.change(ALICE, id, &json!({"shared_with": [BOB.id]}));
    }
    let Some(pages) = open(&notes, "notes_loaded") else { return };
    both_show_what_they_may_get(&notes, &pages, "loading");
    notes.change(ALICE, taken, &json!({"shared_with": []}));
    both_show_what_they_may_get(&notes, &pages, "taking back what was loaded");
    notes.delete(ALICE, deleted);
    both_show_what_they_may_get(&notes, &pages, "deleting what was loaded");
    pages.close(&[ALICE.name, BOB.name]);
}
