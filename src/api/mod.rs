//! What the admin port answers: metrics, health, the live page, the publish API. Plain requests and responses,
//! no I/O.

mod access;
mod body;
mod census;
mod emit;
mod fault;
mod guard;
mod live;
mod place;
mod publish;
mod query;
mod replay;
mod site;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header, request};
use serde_json::json;

use crate::broker::Publisher;
use crate::metrics::Metrics;
pub use access::{Access, ApiKey, Scope};
pub use fault::Code;
pub use guard::{is_addressed, same_origin};
pub use live::Present;
pub use publish::PublishApi;
pub use site::{Asked, Later, Promise, Reply, Site};

const PAGE: &str = include_str!("live.html");
/// The page is one file and talks to its own origin and, in the demo, to the proxy.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
     img-src data:; connect-src 'self' http:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the live page shows of the configuration.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Base URL of the demo's API; `None` outside of the demo.
    pub demo: Option<String>,
    /// (path, dialect)
    pub endpoints: Vec<(String, &'static str)>,
    /// (path, model)
    pub routes: Vec<(String, String)>,
}

/// The admin port.
pub struct Admin {
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Its queue is one of the numbers.
    pub publisher: Publisher,
    /// Whether an upstream answers.
    pub ready: Box<dyn Fn() -> bool + Send + Sync>,
    /// For the page.
    pub about: About,
    /// What is under `/api/`.
    pub publish: PublishApi,
    /// What the page shows of the present.
    pub present: Present,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("about", &self.about).finish_non_exhaustive()
    }
}

impl Site for Admin {
    fn respond(&self, asked: Asked) -> Reply {
        if asked.request.uri().path().starts_with(place::PREFIX) {
            self.publish.respond(&asked)
        } else {
            self.answer(&asked.request, asked.uptime).into()
        }
    }

    fn too_large(&self, _: &request::Parts) -> Response<Bytes> {
        self.publish.too_large()
    }

    fn refusal(&self, headers: &HeaderMap) -> Option<Response<Bytes>> {
        self.publish.refusal(headers)
    }
}

impl Admin {
    fn answer(&self, request: &Request<Bytes>, uptime: Duration) -> Response<Bytes> {
        let path = request.uri().path();
        if !matches!(path, "/" | "/live.json" | "/state.json" | "/metrics" | "/healthz" | "/readyz") {
            let text = "there are /, /metrics, /healthz, /readyz and /api/openapi.json\n";
            return answer(StatusCode::NOT_FOUND, "text/plain", text);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return answer(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "GET or HEAD\n");
        }
        // What collects numbers and what watches health come by any name, and have no key.
        let is_open = matches!(path, "/metrics" | "/healthz" | "/readyz");
        if let (false, Some(refusal)) = (is_open, self.publish.refusal(request.headers())) {
            return refusal;
        }
        match path {
            "/" => page(),
            "/state.json" => self.state(request.headers(), uptime),
            "/live.json" => answer(StatusCode::OK, "application/json", self.about()),
            "/metrics" => {
                let text = self.metrics.render(self.publisher.depth());
                answer(StatusCode::OK, "text/plain; version=0.0.4", text)
            }
            "/readyz" if !(self.ready)() => {
                answer(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "no upstream answers\n")
            }
            _ => answer(StatusCode::OK, "text/plain", "ok\n"),
        }
    }

    /// For whoever may see the page's events: the same pages, and nobody by another name.
    fn state(&self, headers: &HeaderMap, uptime: Duration) -> Response<Bytes> {
        if !(same_origin(headers) && is_addressed(headers)) {
            let text = "a page of another origin may not look in\n";
            return answer(StatusCode::FORBIDDEN, "text/plain", text);
        }
        let text = self.present.look(uptime, self.publish.hub(), &self.metrics, &self.about);
        answer(StatusCode::OK, "application/json", text)
    }

    fn about(&self) -> String {
        let endpoint = |(path, dialect): &(String, &str)| json!({ "path": path, "dialect": dialect });
        let route = |(path, model): &(String, String)| json!({ "path": path, "model": model });
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "demo": self.about.demo.as_ref().map(|api| json!({ "api": api })),
            "endpoints": self.about.endpoints.iter().map(endpoint).collect::<Vec<_>>(),
            "routes": self.about.routes.iter().map(route).collect::<Vec<_>>(),
        })
        .to_string()
    }
}

fn page() -> Response<Bytes> {
    let mut response = answer(StatusCode::OK, "text/html; charset=utf-8", PAGE);
    let policy = http::HeaderValue::from_static(PAGE_POLICY);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, http::HeaderValue::from_static("nosniff"));
    response
}
