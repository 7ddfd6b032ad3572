//! Selects the recorded exchange that answers a request, among several cases that are served together.

use super::request::{Values, is_secret};
use crate::loopback::Incoming;
use jiff::SignedDuration;
use std::collections::BTreeSet;
use std::fmt::Write;
use stixmap_engine::case::{Case, Exchange, play};
use stixmap_engine::plan::{AuthPlan, Part, Plan, QueryPlan, Template, TokenCarrier, after};
use stixmap_engine::printable;
use stixmap_engine::run::OutcomeKind;
use url::form_urlencoded;

/// Maximum number of recorded requests listed for one that does not match.
const NEAREST: usize = 3;

/// Maximum length of a displayed target, in characters.
const LONGEST: usize = 300;

/// Replaces parts of a target that no case contains, since they may be secret.
const HIDDEN: &str = "{hidden}";

/// Cases are played a second time with this offset: values that then differ depend on the clock.
const LATER: SignedDuration = SignedDuration::from_hours(31 * 24 + 1);

/// The cases and their progress.
pub(super) struct Script {
    /// Sorted by rank: among equally good matches, the first applies.
    cases: Vec<Recorded>,
    /// The next exchange of each case in progress, the latest first.
    under_way: Vec<(usize, usize)>,
    /// Parameters that are not compared: they depend on the clock or identify the client.
    volatile: BTreeSet<String>,
    /// Parameters that contain secrets.
    secret: BTreeSet<String>,
    /// Parameters that the profile sends or a case contains.
    known: BTreeSet<String>,
    /// Whether paths of this profile contain secrets.
    has_secret_paths: bool,
}

/// A case with the values of its requests.
struct Recorded {
    name: String,
    case: Case,
    /// For each request the values and the names that are not compared.
    asked: Vec<(Values, BTreeSet<String>)>,
}

/// The exchange that answers a request.
pub(super) struct Found<'s> {
    pub(super) exchange: &'s Exchange,
    /// The name of its case, and the observable of the case.
    pub(super) case: &'s str,
    pub(super) about: &'s str,
    /// The names of values that differ from the recorded request: the response may be about another observable.
    pub(super) differences: Vec<String>,
}

impl Found<'_> {
    /// Returns the note for the log if the request differs from the recorded one.
    pub(super) fn remark(&self) -> String {
        match &self.differences[..] {
            [] => String::new(),
            differences => {
                format!(
                    ", from case `{}` about {}: the request differs in {}",
                    self.case,
                    self.about,
                    differences.join(", ")
                )
            }
        }
    }
}

impl Recorded {
    fn new(plan: &Plan, name: String, case: Case) -> Recorded {
        let values = |case: &Case| -> Vec<Values> {
            let asked = play(plan, case).map(|played| played.asked).unwrap_or_default();
            asked.iter().map(|asked| Values::of(&asked.target, asked.body.as_deref())).collect()
        };
        let mut later = case.clone();
        later.now = after(case.now, LATER);
        let (now, later) = (values(&case), values(&later));
        let asked = now.into_iter().enumerate().map(|(index, values)| {
            let volatile = later.get(index).map(|later| values.differing_names(later)).unwrap_or_default();
            let not_compared = values.names_of_secrets().cloned().chain(volatile).collect();
            (values, not_compared)
        });
        Recorded { asked: asked.collect(), name, case }
    }

    /// Returns the names of values that differ from a recorded request.
    fn differences(&self, index: usize, asked: &Values) -> Vec<String> {
        let Some((recorded, not_compared)) = self.asked.get(index) else { return vec![] };
        recorded.differing_names(asked).into_iter().filter(|name| !not_compared.contains(name)).collect()
    }
}

/// Ranks a case by its outcome and its number of mapped records.
fn rank(plan: &Plan, case: &Case) -> (OutcomeKind, usize) {
    match play(plan, case) {
        Ok(played) => (played.report.outcome.kind, usize::MAX - played.report.bundle.relationships().count()),
        Err(_) => (OutcomeKind::Failed, usize::MAX),
    }
}

impl Script {
    pub(super) fn new(plan: &Plan, mut cases: Vec<(String, Case)>) -> Script {
        cases.sort_by_cached_key(|(_, case)| rank(plan, case));
        let exchanges = || cases.iter().flat_map(|(_, case)| &case.exchanges);
        let named = exchanges().flat_map(|exchange| exchange.query());
        let secret = named.clone().filter(|(_, value)| is_secret(value)).map(|(name, _)| name.clone());
        let secret: BTreeSet<String> = secret.chain(of_auth(plan)).collect();
        let of_lookups = plan.lookups.iter().flat_map(|lookup| &lookup.query).map(|(name, _)| name.clone());
        let known = named.map(|(name, _)| name.clone()).chain(of_lookups).chain(secret.iter().cloned()).collect();
        let has_secret_paths = exchanges().any(|exchange| is_secret(exchange.path()))
            || plan.http.auth.iter().any(|auth| matches!(auth, AuthPlan::Path { .. }));
        let cases = cases.into_iter().map(|(name, case)| Recorded::new(plan, name, case)).collect();
        Script { cases, under_way: vec![], volatile: volatile(plan), secret, known, has_secret_paths }
    }

    /// Returns the case with the best rank.
    pub(super) fn best(&self) -> &Case {
        &self.cases.first().expect("there is a case").case
    }

    /// Returns the exchange with the fewest differences; among equal ones, the next of a case in progress.
    pub(super) fn next(&mut self, incoming: &Incoming<'_>) -> Option<Found<'_>> {
        let body = std::str::from_utf8(incoming.body).ok().filter(|body| !body.is_empty());
        let values = Values::of(incoming.target, body);
        let fitting =
            self.exchanges().filter(|(.., exchange)| self.is_asked(exchange, incoming.method, incoming.target));
        let rated = fitting.map(|(case, index, exchange)| {
            let differences = self.differences(case, index, &values);
            let turn = self.under_way.iter().position(|known| *known == (case, index)).unwrap_or(usize::MAX);
            ((differences.len(), turn, usize::MAX - exchange.query().len()), case, index, differences)
        });
        let (_, case, index, differences) = rated.min_by_key(|(rate, ..)| *rate)?;
        self.under_way.retain(|(known, _)| *known != case);
        if index + 1 < self.cases[case].case.exchanges.len() {
            self.under_way.insert(0, (case, index + 1));
        }
        let recorded = &self.cases[case];
        let (exchange, about) = (&recorded.case.exchanges[index], recorded.case.observable.value());
        Some(Found { exchange, case: &recorded.name, about, differences })
    }

    fn differences(&self, case: usize, index: usize, values: &Values) -> Vec<String> {
        let is_volatile = |at: &String| at.strip_prefix("parameter ").is_some_and(|name| self.volatile.contains(name));
        self.cases[case].differences(index, values).into_iter().filter(|at| !is_volatile(at)).collect()
    }

    fn exchanges(&self) -> impl Iterator<Item = (usize, usize, &Exchange)> {
        let numbered = self.cases.iter().enumerate();
        numbered.flat_map(|(number, recorded)| {
            let exchanges = recorded.case.exchanges.iter().enumerate();
            exchanges.map(move |(index, exchange)| (number, index, exchange))
        })
    }

    fn is_asked(&self, exchange: &Exchange, method: &str, target: &str) -> bool {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let is_given =
            |pair: &(String, String)| self.volatile.contains(&pair.0) || is_secret(&pair.1) || query.contains(pair);
        exchange.method() == method && is_same_path(exchange.path(), path) && exchange.query().iter().all(is_given)
    }

    /// Formats a target in printable characters. Credentials are replaced by the names of their settings, and values
    /// that may be secret by `{hidden}`.
    pub(super) fn shown(&self, target: &str) -> String {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| self.shown_pair(pair));
        let query = query.collect::<Vec<_>>().join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        let text = format!("{}{mark}{query}", self.shown_path(path));
        let short: String = text.chars().take(LONGEST).collect();
        let dots = if short.len() < text.len() { "…" } else { "" };
        printable::line(&format!("{short}{dots}")).into_owned()
    }

    /// Formats a path; of profiles with secrets in paths, only segments that cases contain are shown.
    fn shown_path(&self, path: &str) -> String {
        let known = || self.exchanges().map(|(.., exchange)| exchange.path());
        let is_plain = !self.has_secret_paths && path.starts_with('/');
        if is_plain || known().any(|known| known == path) {
            return path.to_owned();
        }
        let names = known().find(|known| is_same_path(known, path)).or_else(|| known().find(|known| is_secret(known)));
        let names: Vec<&str> = names.into_iter().flat_map(|known| known.split('/')).collect();
        let is_known = |segment: &str| known().any(|known| known.split('/').any(|known| known == segment));
        let segments = path.split('/').enumerate().map(|(index, segment)| match names.get(index) {
            Some(name) if is_secret(name) => name,
            _ if is_known(segment) => segment,
            _ => HIDDEN,
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// Formats a parameter with a known name; a misspelled one may contain a secret.
    fn shown_pair(&self, pair: &str) -> String {
        let name = form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name.into_owned());
        let (written, _) = pair.split_once('=').unwrap_or((HIDDEN, ""));
        match name.unwrap_or_default() {
            name if self.secret.contains(&name) => format!("{name}={{secret}}"),
            name if self.known.contains(&name) => pair.to_owned(),
            _ if written == HIDDEN => HIDDEN.to_owned(),
            _ => format!("{written}={HIDDEN}"),
        }
    }

    /// Returns the message for a request that no case contains.
    pub(super) fn not_recorded(&self, incoming: &Incoming<'_>) -> String {
        let asked = format!("{} {}", incoming.method, self.shown(incoming.target));
        let mut known: Vec<String> = self.exchanges().map(|(.., exchange)| exchange.to_string()).collect();
        known.sort();
        known.dedup();
        known.sort_by_key(|known| std::cmp::Reverse(similarity(&asked, known)));
        let mut text = format!("request not recorded: {asked}\nclosest recorded requests:\n");
        for known in known.iter().take(NEAREST) {
            let _ = writeln!(text, "  {}", printable::line(known));
        }
        text
    }
}

/// Returns the parameters that depend on the clock or identify the client.
fn volatile(plan: &Plan) -> BTreeSet<String> {
    let of_lookups = plan.lookups.iter().flat_map(|lookup| &lookup.query).filter_map(|(name, value)| match value {
        QueryPlan::Time(..) | QueryPlan::Distance(..) => Some(name.clone()),
        QueryPlan::Text(text) => names_window(text).then(|| name.clone()),
    });
    of_lookups.chain(of_auth(plan)).collect()
}

/// Returns the parameters that contain credentials.
fn of_auth(plan: &Plan) -> BTreeSet<String> {
    let of_auth = plan.http.auth.iter().flat_map(|auth| match auth {
        AuthPlan::Query { parameter, .. } => vec![parameter.clone()],
        AuthPlan::Signature(signed) => signed.query.iter().map(|(name, _)| name.clone()).collect(),
        AuthPlan::Token(token) => match &token.carrier {
            TokenCarrier::Query(parameter) => vec![parameter.clone()],
            TokenCarrier::Header(_) => vec![],
        },
        AuthPlan::Basic(_) | AuthPlan::Path { .. } | AuthPlan::Header { .. } | AuthPlan::Body { .. } => vec![],
    });
    of_auth.collect()
}

fn names_window(text: &Template) -> bool {
    text.parts().iter().any(|part| matches!(part, Part::Window(_)))
}

fn is_same_path(recorded: &str, asked: &str) -> bool {
    let (recorded, asked): (Vec<&str>, Vec<&str>) = (recorded.split('/').collect(), asked.split('/').collect());
    let is_same = |(recorded, asked): (&&str, &&str)| recorded == asked || is_secret(recorded);
    recorded.len() == asked.len() && recorded.iter().zip(&asked).all(is_same)
}

/// Returns the length of the common prefix and suffix of two texts.
fn similarity(one: &str, other: &str) -> usize {
    let ahead = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let behind = one.chars().rev().zip(other.chars().rev()).take_while(|(a, b)| a == b).count();
    ahead + behind
}

#[cfg(test)]
mod tests {
    use super::Script;
    use crate::catalog::Folder;
    use crate::files::Root;
    use std::path::Path;

    fn shown(profile: &str, target: &str) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(profile);
        let folder = Folder::OnDisk(Root::new(&folder));
        let plan = folder.plan().expect("a profile").expect("it compiles");
        let files = folder.cases().expect("cases");
        let case = |file: &String| (file.clone(), folder.case(file).expect("a case").expect("it can be read"));
        Script::new(&plan, files.iter().map(case).collect()).shown(target)
    }

    #[test]
    fn shown_replaces_credentials_by_name() {
        let signed = shown("tests/providers/signed", "/history/192.0.2.1?signature=f00d&time=now");
        assert_eq!(signed, "/history/192.0.2.1?signature={secret}&time={secret}");
        let keyed = shown("tests/providers/keyed-path", "/users/u/s3cr3t/nowhere");
        assert_eq!(keyed, "/users/u/{key}/{hidden}");
    }

    #[test]
    fn shown_hides_possible_secrets() {
        let long = format!("/{}", "a".repeat(5000));
        for (profile, target) in [
            // A misspelled parameter, or one without name.
            ("tests/providers/signed", "/history/192.0.2.1?Signature=s3cr3t&sig=s3cr3t"),
            ("tests/providers/signed", "/history/192.0.2.1?s3cr3t"),
            // A path that is truncated, has another prefix, or is that of a token.
            ("tests/providers/keyed-path", "/s3cr3t/nowhere"),
            ("tests/providers/keyed-path", "/users/s3cr3t"),
            ("tests/providers/keyed-path", "//users/u/s3cr3t"),
            ("tests/providers/keyed-path", "/users/a/b/s3cr3t/c"),
            ("tests/providers/by-cursor", "https://user:s3cr3t@login.example.net/token"),
            // Control characters of terminals.
            ("tests/providers/by-cursor", "/names/\u{9b}2J\u{202e}evil\u{7}"),
            ("tests/providers/by-cursor", &long),
        ] {
            let shown = shown(profile, target);
            assert!(!shown.contains("s3cr3t") && shown.chars().count() <= 400, "{target}: {shown}");
            assert_eq!(stixmap_engine::printable::first_unprintable(&shown), None, "{target}");
        }
    }
}
