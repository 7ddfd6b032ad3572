//! Requests as they are told: of a plan, with placeholders; of a run, as they would be sent, with the names of secrets.

use super::facts::{HeaderFact, RequestFact};
use stixmap_engine::plan::{
    AuthPlan, BaseUrl, BasicPlan, LookupPlan, PagingPlan, Plan, ProbePlan, QueryPlan, Template, TokenCarrier,
};
use stixmap_engine::profile::WindowPoint;
use stixmap_engine::run::Request;

/// A request that would be sent.
pub(super) fn sent(request: &Request) -> RequestFact {
    let headers = request.headers.iter().map(|(name, value)| header(name, value.to_string()));
    RequestFact { method: request.method, url: request.url.to_string(), headers: headers.collect() }
}

/// The first page of a lookup, for any observable.
pub(super) fn first_page(plan: &Plan, lookup: &LookupPlan) -> RequestFact {
    let is_open = matches!(lookup.paging, PagingPlan::Window { open_end: true, .. });
    let sent = lookup.query.iter().filter(|(_, value)| !(is_open && value.is_end_of_window()));
    let mut query: Vec<(String, String)> = sent.map(|(name, value)| (name.clone(), query_text(value))).collect();
    query.extend(paging_parameters(&lookup.paging));
    request(plan, lookup.method.as_str(), &lookup.path, query, &lookup.headers)
}

/// The request that tells what is left of the quota.
pub(super) fn probe(plan: &Plan, probe: &ProbePlan) -> RequestFact {
    request(plan, "GET", &probe.path, vec![], &[])
}

fn request(
    plan: &Plan,
    method: &'static str,
    path: &Template,
    mut query: Vec<(String, String)>,
    of_lookup: &[(String, Template)],
) -> RequestFact {
    let mut headers: Vec<HeaderFact> =
        plan.http.headers.iter().chain(of_lookup).map(|(name, value)| header(name, value.to_string())).collect();
    let mut prefix = String::new();
    for auth in &plan.http.auth {
        match auth {
            AuthPlan::Basic(BasicPlan { username, password }) => {
                let value = format!("Basic {username}:{password}");
                headers.push(header("Authorization", value));
            }
            AuthPlan::Header { name, value } => headers.push(header(name, value.to_string())),
            AuthPlan::Query { parameter, value } => query.push((parameter.clone(), value.to_string())),
            AuthPlan::Path { prefix: part } => prefix.push_str(&part.to_string()),
            // Bodies are not told.
            AuthPlan::Body { .. } => {}
            AuthPlan::Token(token) => match &token.carrier {
                TokenCarrier::Header(name) => headers.push(header(name, token.value.to_string())),
                TokenCarrier::Query(name) => query.push((name.clone(), token.value.to_string())),
            },
            AuthPlan::Signature(signed) => {
                query.extend(signed.query.iter().map(|(name, value)| (name.clone(), value.to_string())));
                headers.extend(signed.headers.iter().map(|(name, value)| header(name, value.to_string())));
            }
        }
    }
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let separator = if query.is_empty() { "" } else { "?" };
    let base = match &plan.http.base_url {
        BaseUrl::Literal(url) => url.as_str().trim_end_matches('/').to_owned(),
        BaseUrl::Setting(name) => format!("{{settings.{name}}}"),
    };
    RequestFact { method, url: format!("{base}{prefix}{path}{separator}{}", query.join("&")), headers }
}

fn header(name: &str, value: String) -> HeaderFact {
    HeaderFact { name: name.to_owned(), value }
}

fn query_text(value: &QueryPlan) -> String {
    match value {
        QueryPlan::Text(text) => text.to_string(),
        QueryPlan::Time(point, _) | QueryPlan::Distance(point, _) => format!("{{{}}}", window_point(*point)),
    }
}

/// An end of the window, as the profile names it.
pub(super) fn window_point(point: WindowPoint) -> &'static str {
    match point {
        WindowPoint::Start => "window.start",
        WindowPoint::End => "window.end",
    }
}

fn paging_parameters(paging: &PagingPlan) -> Vec<(String, String)> {
    match paging {
        PagingPlan::Page { parameter, first, .. } => vec![(parameter.to_string(), first.to_string())],
        PagingPlan::Offset { parameter, not_first, limit, .. } => {
            let limit = limit.as_ref().map(|(parameter, size)| (parameter.to_string(), size.to_string()));
            let start = (!not_first).then(|| (parameter.to_string(), "0".to_owned()));
            start.into_iter().chain(limit).collect()
        }
        PagingPlan::None { .. }
        | PagingPlan::NextUrl { .. }
        | PagingPlan::Cursor { .. }
        | PagingPlan::Window { .. } => vec![],
    }
}
