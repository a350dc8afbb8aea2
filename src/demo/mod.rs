//! The sample REST backend of `restcast demo`: authors and their books, in memory. It knows
//! nothing of restcast, as any backend behind it. Requests and answers are plain values here;
//! who listens on a socket hands them in.

mod answer;
mod record;
mod store;
#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::api::{Asked, Reply, Site};
use answer::{ALL_METHODS, Answer};
use store::{Collection, Store};

/// The largest request body, in bytes, that is accepted; more gets 413.
const BODY_LIMIT_BYTES: usize = 64 * 1024;

const READ_METHODS: &str = "GET, HEAD, OPTIONS";
const LIST_METHODS: &str = "GET, HEAD, POST, OPTIONS";
const ITEM_METHODS: &str = "GET, HEAD, PUT, PATCH, DELETE, OPTIONS";

/// The sample backend. All its requests may come at once from several threads.
#[derive(Debug)]
pub struct Backend {
    // Held for one lookup or change and the text of its answer; never waits for anything.
    store: Mutex<Store>,
}

/// What a path names.
#[derive(Clone, Copy)]
enum Target {
    Index,
    List(Collection),
    Item(Collection, u64),
}

impl Site for Backend {
    /// Answers one request. The head is complete: it has a `Content-Length` wherever one belongs
    /// (for HEAD that of the GET), and every answer allows any origin to read it.
    fn respond(&self, asked: Asked) -> Reply {
        self.serve(asked.request).into()
    }
}

impl Backend {
    fn serve(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (head, body) = request.into_parts();
        let answer = if body.len() > BODY_LIMIT_BYTES {
            let message = format!("the body is larger than {BODY_LIMIT_BYTES} bytes");
            Answer::error(StatusCode::PAYLOAD_TOO_LARGE, &message)
        } else {
            self.answer(&head.method, head.uri.path(), &body)
        };
        let mut response = answer.into_response();
        if head.method == Method::HEAD {
            *response.body_mut() = Bytes::new();
        }
        response
    }

    /// A backend that holds a few real authors and books.
    pub fn seeded() -> Self {
        Self { store: Mutex::new(Store::seeded()) }
    }

    fn answer(&self, method: &Method, path: &str, body: &[u8]) -> Answer {
        let target = Target::of(path);
        if method == Method::OPTIONS {
            // For an unknown path too: a browser's preflight must not hide the 404 that follows.
            return Answer::empty().with(header::ALLOW, target.map_or(ALL_METHODS, Target::methods));
        }
        let Some(target) = target else {
            let message = "there is nothing at this path: GET / lists what is here";
            return Answer::error(StatusCode::NOT_FOUND, message);
        };
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match target {
            Target::Index if is_read(method) => Ok(Answer::ok(index())),
            Target::Index => Err(Answer::not_allowed(method, target.methods())),
            Target::List(collection) => answer_list(&mut store, method, collection, (path, body)),
            Target::Item(collection, id) => answer_item(&mut store, method, (collection, id), body),
        };
        answer.unwrap_or_else(|refused| refused)
    }
}

fn answer_list(
    store: &mut Store,
    method: &Method,
    collection: Collection,
    (path, body): (&str, &[u8]),
) -> Result<Answer, Answer> {
    if is_read(method) {
        let mut json = String::from("[");
        for (index, record) in store.list(collection)?.into_iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            // Writing to a String cannot fail.
            let _ok = write!(json, "{comma}{record}");
        }
        json.push(']');
        Ok(Answer::ok(json))
    } else if method == Method::POST {
        let record = store.create(collection, object(body)?)?;
        let location = format!("{}/{}", path.trim_end_matches('/'), record.id);
        Ok(Answer::created(record.to_string()).with(header::LOCATION, location))
    } else {
        Err(Answer::not_allowed(method, LIST_METHODS))
    }
}

fn answer_item(
    store: &mut Store,
    method: &Method,
    (collection, id): (Collection, u64),
    body: &[u8],
) -> Result<Answer, Answer> {
    match *method {
        Method::GET | Method::HEAD => Ok(Answer::ok(store.get(collection, id)?.to_string())),
        Method::PUT => {
            let body = object(body)?;
            let record = store.update(collection, id, |record| record.replaced(body))?;
            Ok(Answer::ok(record.to_string()))
        }
        Method::PATCH => {
            let body = object(body)?;
            let record = store.update(collection, id, |record| record.merged(body))?;
            Ok(Answer::ok(record.to_string()))
        }
        Method::DELETE => {
            store.delete(collection, id)?;
            Ok(Answer::empty())
        }
        _ => Err(Answer::not_allowed(method, ITEM_METHODS)),
    }
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Answer> {
    let bad = |message: &str| Answer::error(StatusCode::BAD_REQUEST, message);
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(bad("the body must be a JSON object")),
        Err(error) => Err(bad(&format!("the body is not JSON: {error}"))),
    }
}

fn index() -> String {
    let index = json!({
        "about": "the sample backend of restcast demo; it forgets everything when it stops",
        "try": [
            "GET /api/authors",
            "POST /api/authors {\"name\": \"Ada Lovelace\", \"born\": 1815}",
            "PATCH /api/authors/1 {\"name\": \"Ursula Le Guin\"}",
            "PUT /api/authors/1 {\"name\": \"Ursula K. Le Guin\", \"born\": 1929}",
            "DELETE /api/authors/2",
            "GET /api/authors/1/books",
            "POST /api/authors/1/books {\"title\": \"The Word for World Is Forest\", \"year\": 1972}",
            "DELETE /api/authors/1/books/2",
        ],
    });
    format!("{index:#}\n")
}

impl Target {
    fn of(path: &str) -> Option<Self> {
        if path == "/" {
            return Some(Self::Index);
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut segments = path.strip_prefix("/api/authors")?.split('/');
        // What comes right after the prefix: empty, or the path only looked alike.
        if segments.next() != Some("") {
            return None;
        }
        let segments: Vec<&str> = segments.collect();
        match *segments.as_slice() {
            [] => Some(Self::List(Collection::Authors)),
            [author] => Some(Self::Item(Collection::Authors, id(author)?)),
            [author, "books"] => Some(Self::List(Collection::BooksOf(id(author)?))),
            [author, "books", book] => Some(Self::Item(Collection::BooksOf(id(author)?), id(book)?)),
            _ => None,
        }
    }

    fn methods(self) -> &'static str {
        match self {
            Self::Index => READ_METHODS,
            Self::List(_) => LIST_METHODS,
            Self::Item(..) => ITEM_METHODS,
        }
    }
}

/// An id in its one spelling: `7`, neither `07` nor `+7`.
fn id(segment: &str) -> Option<u64> {
    segment.parse().ok().filter(|id: &u64| id.to_string() == segment)
}
