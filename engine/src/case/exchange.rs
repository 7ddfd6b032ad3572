//! An expected request and its recorded response.

use crate::run::{Fault, Response};
use std::fmt;
use url::form_urlencoded;

/// An expected request and its response.
#[derive(Debug, Clone)]
pub struct Exchange {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    response: Response,
    fault: Option<Fault>,
}

impl Exchange {
    /// Creates an exchange from a request in redacted form and its response.
    pub fn new(method: &str, target: &str, response: Response, fault: Option<Fault>) -> Self {
        let (path, query) = split(target);
        Self { method: method.to_owned(), path, query, response, fault }
    }

    /// Returns the differences between a request and the expected one: in the method, the path, and the query
    /// parameters that the case lists.
    pub fn differences(&self, method: &str, target: &str) -> Vec<String> {
        let (path, query) = split(target);
        let of = |what: &str, wanted: &str, found: &str| format!("{what}: expected `{wanted}`, found `{found}`");
        let of_method = (self.method != method).then(|| of("method", &self.method, method));
        let of_path = (self.path != path).then(|| of("path", &self.path, &path));
        let of_query = self.query.iter().filter(|pair| !query.contains(pair)).map(|(name, wanted)| {
            let found = query.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
            match &found.collect::<Vec<_>>()[..] {
                [] => format!("parameter `{name}`: expected `{wanted}`, found none"),
                found => of(&format!("parameter `{name}`"), wanted, &found.join("`, `")),
            }
        });
        of_method.into_iter().chain(of_path).chain(of_query).collect()
    }

    /// Returns whether a request is the expected one.
    pub fn matches(&self, method: &str, target: &str) -> bool {
        self.differences(method, target).is_empty()
    }

    /// Returns the method of the expected request.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the path relative to the base URL.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the query parameters that are compared.
    pub fn query(&self) -> &[(String, String)] {
        &self.query
    }

    /// Returns the response or fault; a fault with a body truncates the body to half its length.
    pub fn response(&self) -> Result<Response, Fault> {
        let Some(fault) = &self.fault else { return Ok(self.response.clone()) };
        if self.response.body.is_empty() {
            return Err(fault.clone());
        }
        let mut response = self.response.clone();
        response.body.truncate(response.body.len() / 2);
        response.cut = Some(fault.clone());
        Ok(response)
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
        let mark = if query.is_empty() { "" } else { "?" };
        write!(f, "{} {}{mark}{query}", self.method, self.path)
    }
}

fn split(target: &str) -> (String, Vec<(String, String)>) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    (path.to_owned(), form_urlencoded::parse(query.as_bytes()).into_owned().collect())
}
