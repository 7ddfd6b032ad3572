//! Formats requests for `explain`: those of a plan with placeholders, those of a run with redacted secrets.

use super::facts::{HeaderFact, RequestFact};
use serde_json::Value;
use stixmap_engine::plan::{
    AuthPlan, BaseUrl, BasicPlan, BodyPlan, LookupPlan, PagingPlan, Parameter, Path, PathStep, Plan, ProbePlan,
    QueryPlan, Template, TokenCarrier, ValueOrSetting,
};
use stixmap_engine::profile::WindowPoint;
use stixmap_engine::run::Request;

/// Returns a request of a run, redacted.
pub(super) fn sent(request: &Request) -> RequestFact {
    let headers = request.headers.iter().map(|(name, value)| header(name, value.to_string()));
    let body = request.body.as_ref().map(ToString::to_string);
    RequestFact { method: request.method, url: request.url.to_string(), headers: headers.collect(), body }
}

/// Returns the first request of a lookup with placeholders: the first page, or the submission of a job.
pub(super) fn first_page(plan: &Plan, lookup: &LookupPlan) -> RequestFact {
    let is_open = matches!(lookup.paging, PagingPlan::Window { open_end: true, .. });
    let sent = lookup.query.iter().filter(|(_, value)| !(is_open && value.is_end_of_window()));
    let mut query: Vec<(String, String)> = sent.map(|(name, value)| (name.clone(), query_text(value))).collect();
    let paging = if lookup.job.is_some() { vec![] } else { paging_parameters(&lookup.paging) };
    let of_query = paging.iter().filter_map(|(parameter, value)| match parameter {
        Parameter::Query(name) => Some((name.clone(), value.clone())),
        Parameter::Body(_) => None,
    });
    query.extend(of_query);
    let mut found = request(plan, lookup.method.as_str(), &lookup.path, query, &lookup.headers);
    let body = body(plan, lookup, &paging);
    found.headers.extend(body.as_ref().map(|(kind, _)| header("Content-Type", (*kind).to_owned())));
    found.body = body.map(|(_, text)| text);
    found
}

/// Returns the requests that follow the submission of a job, if the profile defines their paths.
pub(super) fn of_job(plan: &Plan, lookup: &LookupPlan) -> Vec<RequestFact> {
    let Some(job) = &lookup.job else { return vec![] };
    let paging = || {
        let of_query = paging_parameters(&lookup.paging).into_iter().filter_map(|(parameter, value)| match parameter {
            Parameter::Query(name) => Some((name, value)),
            Parameter::Body(_) => None,
        });
        of_query.collect()
    };
    let of = |path: &Template| request(plan, "GET", path, paging(), &lookup.headers);
    job.poll.iter().chain(&job.result).map(of).collect()
}

/// Returns the content type and the text, with placeholders, of the body of a lookup's first request.
fn body(plan: &Plan, lookup: &LookupPlan, paging: &[(Parameter, String)]) -> Option<(&'static str, String)> {
    let of_auth = plan.http.auth.iter().filter_map(|auth| match auth {
        AuthPlan::Body { path, value } => Some((path.clone(), value.to_string())),
        _ => None,
    });
    let of_paging = paging.iter().filter_map(|(parameter, value)| match parameter {
        Parameter::Query(_) => None,
        Parameter::Body(path) => Some((path.clone(), value.clone())),
    });
    let more = of_paging.chain(of_auth);
    if let Some(body) = &lookup.body {
        let mut document = json(body);
        // Paging parameters are numbers.
        let typed = |text: String| text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from);
        more.for_each(|(path, value)| set_at(&mut document, &path, typed(value)));
        return Some(("application/json", document.to_string()));
    }
    if lookup.form.is_empty() {
        return None;
    }
    let more = more.filter_map(|(path, value)| match path.steps().first() {
        Some(PathStep::Name(name)) => Some((name.clone(), value)),
        _ => None,
    });
    let fields: Vec<String> =
        pairs(&lookup.form).into_iter().chain(more).map(|(name, value)| format!("{name}={value}")).collect();
    Some(("application/x-www-form-urlencoded", fields.join("&")))
}

fn pairs(values: &[(String, QueryPlan)]) -> Vec<(String, String)> {
    values.iter().map(|(name, value)| (name.clone(), query_text(value))).collect()
}

fn json(body: &BodyPlan) -> Value {
    match body {
        BodyPlan::Boolean(flag) => Value::from(*flag),
        BodyPlan::Integer(number) => Value::from(*number),
        BodyPlan::Text(text) => Value::from(text.to_string()),
        BodyPlan::List(items) => items.iter().map(json).collect(),
        BodyPlan::Object(keys) => keys.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
    }
}

/// Sets the value at a path of names, and creates missing objects.
fn set_at(document: &mut Value, path: &Path, value: Value) {
    let mut node = document;
    for step in path.steps() {
        let PathStep::Name(name) = step else { return };
        if !node.is_object() {
            *node = Value::Object(Default::default());
        }
        node = &mut node[name.as_str()];
    }
    *node = value;
}

/// Returns the request that reads the quota.
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
            // Part of the body.
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
    RequestFact { method, url: format!("{base}{prefix}{path}{separator}{}", query.join("&")), headers, body: None }
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

/// Returns an end of the window as templates spell it.
pub(super) fn window_point(point: WindowPoint) -> &'static str {
    match point {
        WindowPoint::Start => "window.start",
        WindowPoint::End => "window.end",
    }
}

fn number(number: &ValueOrSetting<u64>) -> String {
    match number {
        ValueOrSetting::Value(number) => number.to_string(),
        ValueOrSetting::Setting(name) => format!("{{settings.{name}}}"),
    }
}

fn paging_parameters(paging: &PagingPlan) -> Vec<(Parameter, String)> {
    match paging {
        PagingPlan::Page { parameter, first, .. } => vec![(parameter.clone(), first.to_string())],
        PagingPlan::Offset { parameter, not_first, limit, .. } => {
            let limit = limit.as_ref().map(|(parameter, size)| (parameter.clone(), number(size)));
            let start = (!not_first).then(|| (parameter.clone(), "0".to_owned()));
            start.into_iter().chain(limit).collect()
        }
        PagingPlan::None { .. }
        | PagingPlan::NextUrl { .. }
        | PagingPlan::Cursor { .. }
        | PagingPlan::Window { .. } => vec![],
    }
}
