//! The bytes of a write's request, and of the answer that is planned for it.

use std::io::Write as _;

use super::plan::{Body, Framing, Model, Plan};

/// More than `tap.body_limit`, and when it was compressed, more than `tap.decoded_limit`.
const LARGE: usize = 40_000;

impl Plan {
    pub fn path(&self) -> String {
        let Self { number, id, .. } = self;
        let collection = format!("/w/{number}/{}s", self.model.name());
        id.map_or(collection.clone(), |id| format!("{collection}/{id}"))
    }

    /// The head and the body of the request.
    pub fn request(&self) -> (String, &'static str) {
        let body = if self.method == "DELETE" { "" } else { r#"{"name":"somebody"}"# };
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let credentials = if self.model == Model::Secret { "Authorization: Bearer x\r\n" } else { "" };
        let Self { method, .. } = self;
        (format!("{method} {} HTTP/1.1\r\nHost: soak\r\n{length}{credentials}\r\n", self.path()), body)
    }

    /// The head and the body of the answer.
    pub fn answer(&self) -> (Vec<u8>, Vec<u8>) {
        let mut body = self.text().into_bytes();
        let mut head = format!("HTTP/1.1 {} Said\r\n", self.status);
        head += if self.body == Body::NotJson {
            "Content-Type: text/html\r\n"
        } else {
            "Content-Type: application/json\r\n"
        };
        if self.status == 303 {
            head +=
                &format!("Location: {}\r\n", if self.is_ours { self.path() } else { "/login".to_owned() });
        }
        if self.gzip {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&body).unwrap();
            body = encoder.finish().unwrap();
            head += "Content-Encoding: gzip\r\n";
        }
        match self.framing {
            _ if self.status == 204 => {}
            Framing::Length => head += &format!("Content-Length: {}\r\n", body.len()),
            Framing::Chunked => {
                head += "Transfer-Encoding: chunked\r\n";
                body = chunked(&body);
            }
            Framing::Close => head += "Connection: close\r\n",
        }
        (format!("{head}\r\n").into_bytes(), body)
    }

    fn text(&self) -> String {
        let Self { number, id, .. } = self;
        let id = id.unwrap_or(*number);
        let name = "x".repeat((number % 97) as usize * 32);
        match self.body {
            Body::Record => format!(r#"{{"id":{id},"write":{number},"name":"{name}"}}"#),
            Body::List => format!(r#"[{{"id":"{number}-a","name":"{name}"}},{{"id":"{number}-b"}}]"#),
            Body::Empty => String::new(),
            Body::NotJson => "<p>done</p>".to_owned(),
            Body::Broken => format!(r#"{{"id":{id},"write":{number},"#),
            Body::Large => format!(r#"{{"id":{id},"name":"{}"}}"#, "y".repeat(LARGE)),
        }
    }
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut framed = Vec::new();
    for chunk in body.chunks(body.len().div_ceil(2).max(1)) {
        framed.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        framed.extend_from_slice(chunk);
        framed.extend_from_slice(b"\r\n");
    }
    framed.extend_from_slice(b"0\r\n\r\n");
    framed
}
