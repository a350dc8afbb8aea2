//! What is allowed and probably not meant.

use std::sync::Arc;

use super::{Config, EndpointAuth, EndpointConfig, access, admin, apps, jwks};
use crate::auth::Issuers;
use crate::dialect::Medium;
use crate::route::Route;

impl Config {
    /// What is allowed and probably not meant, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.routes.warnings().to_vec();
        for endpoint in &self.endpoints {
            if let Some(hidden) = self.routes.classify(&http::Method::GET, &endpoint.path) {
                let requests = match endpoint.dialect.medium() {
                    Medium::WebSocket => "WebSocket requests",
                    Medium::EventStream => "requests",
                };
                warnings.push(format!(
                    "endpoint {} hides a path of the upstream: route {} matches it too, and {requests} \
                     to it no longer reach the upstream",
                    endpoint.path, hidden.route.path
                ));
            }
            let of_dialect = endpoint.dialect.warnings().iter();
            warnings.extend(of_dialect.map(|warning| format!("endpoint {}: {warning}", endpoint.path)));
        }
        warnings.extend(self.hidden_by_reports());
        warnings.extend(self.unproven());
        warnings.extend(self.unwritten());
        warnings.extend(self.unruled());
        warnings.extend(self.resources.untold().map(|(route, key, request)| {
            format!("route {route} has [route.query] {key} = \"{request}\", which no route takes: what clients write by it is told to nobody")
        }));
        warnings.extend(self.unlisted());
        warnings.extend(self.unplaced());
        if self.endpoints.iter().all(|endpoint| endpoint.dialect_name == "echo") {
            let warning =
                "there is no [[endpoint]] but of dialect echo, which tells no events: nobody gets any";
            warnings.push(warning.to_owned());
        }
        warnings.extend(access::unreachable(&self.routes));
        if self.broker.is_idle {
            warnings.push("broker.url is of no use without a broker.kind that has a server".to_owned());
        }
        warnings.extend(apps::mixed(&self.endpoints));
        warnings.extend(self.auth.iter().flat_map(Issuers::iter).filter(|issuer| issuer.is_guessable()).map(|_| {
            "auth.jwt.secret is shorter than 32 bytes: who guesses it can be anybody (RFC 7518, section 3.2)".to_owned()
        }));
        warnings.extend(self.auth.iter().flat_map(jwks::warnings));
        warnings.extend(admin::warnings(&self.keys));
        if !self.admin.ip().is_loopback() {
            let rest = match self.keys[..] {
                [] => "without an [[admin.key]] nobody gets anything else",
                _ => "everything else needs an [[admin.key]]",
            };
            warnings.push(format!(
                "admin.listen = {} is not a loopback address: /metrics shows its numbers to whoever reaches it; {rest}",
                self.admin
            ));
        }
        warnings
    }

    fn hidden_by_reports(&self) -> impl Iterator<Item = String> {
        let reports = self.endpoints.iter().filter_map(|endpoint| endpoint.dialect.report());
        reports.filter_map(|report| {
            let (path, method) = (report.path(), http::Method::GET);
            let route = &self.routes.classify(&method, path)?.route.path;
            Some(format!("the report at {path} hides a path of the upstream: route {route} matches it too"))
        })
    }

    /// Endpoints whose readers see what rules hide from others.
    fn unruled(&self) -> impl Iterator<Item = String> {
        let tells = |endpoint: &&EndpointConfig| !["websocketspec", "echo"].contains(&endpoint.dialect_name);
        let hides = |route: &&Arc<Route>| {
            let rules = self.resources.rules(&route.model.name);
            !rules.forced.is_empty() || !rules.masks.is_empty()
        };
        let others: Vec<&EndpointConfig> = self.endpoints.iter().filter(tells).collect();
        self.routes.iter().filter(hides).flat_map(move |route| {
            let path = route.path.clone();
            others.clone().into_iter().map(move |other| {
                format!(
                    "route {path} has rules, and endpoint {} ({}) knows nothing of them: what its readers see is said \
                     by fields and visibility",
                    other.path, other.dialect_name
                )
            })
        })
    }

    /// Endpoints that can show nothing: what is shown is followed from a position, and there are none.
    fn unplaced(&self) -> impl Iterator<Item = String> {
        let shows = |endpoint: &&EndpointConfig| {
            let name = endpoint.dialect_name;
            endpoint.dialect.calls().is_some() && !["websocketspec", "socketio"].contains(&name)
        };
        let are_none = self.history.limits.size == 0;
        self.endpoints.iter().filter(shows).filter(move |_| are_none).map(|endpoint| {
            let path = &endpoint.path;
            format!(
                "endpoint {path} has snapshots = true, and history.size = 0: from where on one may be followed is \
                 not known then, so clients are shown none"
            )
        })
    }

    /// Routes about whose records clients can ask nothing, since it is not said which fields they have.
    fn unlisted(&self) -> Vec<String> {
        let is_asked = self.endpoints.iter().any(|endpoint| endpoint.dialect_name == "websocketspec");
        let mut paths: Vec<&str> = self.resources.unlisted().filter(|_| is_asked).collect();
        paths.sort_unstable();
        let warning = |path| {
            format!(
                "route {path} lists no fields in [route.query], and there are [route.rules]: websocketspec clients \
                 from whom these keep something can neither filter nor sort its records"
            )
        };
        paths.into_iter().map(warning).collect()
    }

    /// Models that are named where no route has them. Where a path names the model it may have any name.
    fn unwritten(&self) -> Vec<String> {
        if self.routes.iter().any(|route| route.pattern.names_model()) {
            return Vec::new();
        }
        let of_endpoints = self
            .endpoints
            .iter()
            .filter_map(|endpoint| Some((format!("endpoint {}", endpoint.path), endpoint.dialect.models()?)));
        let of_keys = self.keys.iter().map(|key| (format!("admin.key {}", key.name), &*key.models));
        let is_written = |model: &String| {
            self.routes.iter().any(|route| route.model.name.to_lowercase() == model.to_lowercase())
        };
        let warning = |(place, models): (String, &[String])| {
            let unwritten: Vec<&str> =
                models.iter().filter(|model| !is_written(model)).map(String::as_str).collect();
            let names = unwritten.join(", ");
            (!unwritten.is_empty()).then(|| {
                format!(
                    "{place} names in models what no route has ({names}): no write is told under such a name"
                )
            })
        };
        of_endpoints.chain(of_keys).filter_map(warning).collect()
    }

    /// Routes whose events nobody can get, since nobody can prove who they are.
    fn unproven(&self) -> Vec<String> {
        let asks = self.endpoints.iter().any(|endpoint| endpoint.auth != EndpointAuth::None);
        if asks && self.auth.is_some() {
            return Vec::new();
        }
        let missing = if self.auth.is_none() {
            "there is no [auth.jwt]"
        } else {
            "no endpoint has auth = \"optional\" or \"required\""
        };
        let routes = self.routes.iter().filter(|route| route.visibility.needs_identity());
        let warning = |path| {
            format!(
                "route {path} shows its events to readers that prove who they are, and {missing}: nobody gets them"
            )
        };
        routes.map(|route| warning(&route.path)).collect()
    }
}
