//! What endpoints of applications have to do with each other.

use std::sync::Arc;

use super::reader::Section;
use super::{EndpointAuth, EndpointConfig};
use crate::route::Routes;

/// Of several apps none gets what another one writes. `apps`: of each endpoint, and whether it names its models.
pub(super) fn separate(apps: &[(Arc<str>, &Section<'_>, bool)]) {
    let are_several = apps.iter().any(|(app, ..)| apps.iter().any(|(other, ..)| app != other));
    for (_, section, _) in apps.iter().filter(|(.., names_models)| are_several && !names_models) {
        section.report(
            "models",
            "is missing: there are several apps, and each gets the writes of its own models alone",
        );
    }
}

/// Has the bodies of those requests kept that an endpoint shows.
pub(super) fn keep_requests(routes: &mut Routes, endpoints: &[EndpointConfig]) {
    for dialect in endpoints.iter().map(|endpoint| &endpoint.dialect) {
        match dialect.models() {
            _ if !dialect.shows_requests() => {}
            Some(models) => routes.keep_requests(models.iter().map(String::as_str)),
            None => routes.keep_all_requests(),
        }
    }
}

/// Public and private endpoints of one app: what is broadcast to the app reaches all of them.
pub(super) fn mixed(endpoints: &[EndpointConfig]) -> Vec<String> {
    let of_app =
        |endpoint: &EndpointConfig| Some((endpoint.dialect.app()?, endpoint.path.clone(), endpoint.auth));
    let of_apps: Vec<_> = endpoints.iter().filter_map(of_app).collect();
    let public = of_apps.iter().filter(|(.., auth)| *auth != EndpointAuth::Required);
    let warning = |(app, path, _): &(Arc<str>, String, _)| {
        let is_private =
            |(other, _, auth): &&(Arc<str>, _, _)| other == app && *auth == EndpointAuth::Required;
        let (_, private, _) = of_apps.iter().find(is_private)?;
        Some(format!(
            "app {app}: endpoint {path} lets in whoever comes, and {private} needs a token: what is broadcast \
             to the app reaches both"
        ))
    };
    public.filter_map(warning).collect()
}
