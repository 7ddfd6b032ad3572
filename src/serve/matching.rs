//! Which recorded exchange answers a request, when several cases are played at once and nobody says which one is meant.

use super::request::Values;
use crate::loopback::Incoming;
use jiff::SignedDuration;
use std::collections::BTreeSet;
use std::fmt::Write;
use stixmap_engine::case::{Case, Exchange, play};
use stixmap_engine::plan::{AuthPlan, Part, Plan, QueryPlan, Template, TokenCarrier, after};
use stixmap_engine::printable;
use stixmap_engine::run::OutcomeKind;
use url::form_urlencoded;

/// How many exchanges are named to someone who asked for another.
const NEAREST: usize = 3;

/// How much of a target is shown, in characters.
const LONGEST: usize = 300;

/// What stands for a part of a target that no case knows and that may be a secret.
const HIDDEN: &str = "{hidden}";

/// So much later a case is played once more: what differs then moves on with the clock.
const LATER: SignedDuration = SignedDuration::from_hours(31 * 24 + 1);

/// The cases, and how far each has come.
pub(super) struct Script {
    /// Those that find most come first: of two that would do, the first answers.
    cases: Vec<Recorded>,
    /// The case and the place in it that come next, for each that is under way; the latest first.
    under_way: Vec<(usize, usize)>,
    /// Parameters that are not compared: they move on with the clock, or say who asks.
    moving: BTreeSet<String>,
    /// Parameters that hold secrets.
    secret: BTreeSet<String>,
    /// Parameters that the profile sends, or a case names.
    known: BTreeSet<String>,
    /// Whether a path of this profile holds secrets.
    has_secret_paths: bool,
}

/// A case, and what it asks, whole.
struct Recorded {
    name: String,
    case: Case,
    /// The values of each request, as far as the case plays, and the places whose values are not compared.
    asked: Vec<(Values, BTreeSet<String>)>,
}

/// An exchange that answers a request.
pub(super) struct Found<'s> {
    pub(super) exchange: &'s Exchange,
    /// The case it is from, and the observable that the case is about.
    pub(super) case: &'s str,
    pub(super) about: &'s str,
    /// The places in which the request is another than the recorded one: the answer may be about another observable.
    pub(super) differences: Vec<String>,
}

impl Found<'_> {
    /// What is logged of an answer to another request.
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
        let asked = now.into_iter().enumerate().map(|(place, values)| {
            let moved = later.get(place).map(|later| values.places_that_differ(later)).unwrap_or_default();
            let not_compared = values.secret_places().cloned().chain(moved).collect();
            (values, not_compared)
        });
        Recorded { asked: asked.collect(), name, case }
    }

    /// In what a request is another than the one that was recorded here.
    fn differences(&self, place: usize, asked: &Values) -> Vec<String> {
        let Some((recorded, not_compared)) = self.asked.get(place) else { return vec![] };
        recorded.places_that_differ(asked).into_iter().filter(|place| !not_compared.contains(place)).collect()
    }
}

/// What a case comes to, the best first: how it ended, and how many records it maps.
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
        Script { cases, under_way: vec![], moving: moving(plan), secret, known, has_secret_paths }
    }

    /// The case that finds most.
    pub(super) fn best(&self) -> &Case {
        &self.cases.first().expect("there is a case").case
    }

    /// What answers a request: what comes next in a case that is under way, or any exchange, where the whole request is the
    /// recorded one; else the one from which it differs least.
    pub(super) fn next(&mut self, incoming: &Incoming<'_>) -> Option<Found<'_>> {
        let body = std::str::from_utf8(incoming.body).ok().filter(|body| !body.is_empty());
        let values = Values::of(incoming.target, body);
        let fitting = self.places().filter(|(.., exchange)| self.is_asked(exchange, incoming.method, incoming.target));
        let rated = fitting.map(|(case, place, exchange)| {
            let differences = self.differences(case, place, &values);
            let turn = self.under_way.iter().position(|known| *known == (case, place)).unwrap_or(usize::MAX);
            ((differences.len(), turn, usize::MAX - exchange.query().len()), case, place, differences)
        });
        let (_, case, place, differences) = rated.min_by_key(|(rate, ..)| *rate)?;
        self.under_way.retain(|(known, _)| *known != case);
        if place + 1 < self.cases[case].case.exchanges.len() {
            self.under_way.insert(0, (case, place + 1));
        }
        let recorded = &self.cases[case];
        let (exchange, about) = (&recorded.case.exchanges[place], recorded.case.observable.value());
        Some(Found { exchange, case: &recorded.name, about, differences })
    }

    fn differences(&self, case: usize, place: usize, values: &Values) -> Vec<String> {
        let is_moving = |at: &String| at.strip_prefix("parameter ").is_some_and(|name| self.moving.contains(name));
        self.cases[case].differences(place, values).into_iter().filter(|at| !is_moving(at)).collect()
    }

    fn places(&self) -> impl Iterator<Item = (usize, usize, &Exchange)> {
        let numbered = self.cases.iter().enumerate();
        numbered.flat_map(|(number, recorded)| {
            let exchanges = recorded.case.exchanges.iter().enumerate();
            exchanges.map(move |(place, exchange)| (number, place, exchange))
        })
    }

    fn is_asked(&self, exchange: &Exchange, method: &str, target: &str) -> bool {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let is_given =
            |pair: &(String, String)| self.moving.contains(&pair.0) || is_secret(&pair.1) || query.contains(pair);
        exchange.method() == method && is_same_path(exchange.path(), path) && exchange.query().iter().all(is_given)
    }

    /// A target without what credentials it holds, in printable characters: where cases have the name of a secret, it has that
    /// name, and what may be one is hidden.
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

    /// Of a profile whose paths hold secrets, the segments that cases know.
    fn shown_path(&self, path: &str) -> String {
        let known = || self.places().map(|(.., exchange)| exchange.path());
        let is_plain = !self.has_secret_paths && path.starts_with('/');
        if is_plain || known().any(|known| known == path) {
            return path.to_owned();
        }
        let names = known().find(|known| is_same_path(known, path)).or_else(|| known().find(|known| is_secret(known)));
        let names: Vec<&str> = names.into_iter().flat_map(|known| known.split('/')).collect();
        let is_known = |segment: &str| known().any(|known| known.split('/').any(|known| known == segment));
        let segments = path.split('/').enumerate().map(|(place, segment)| match names.get(place) {
            Some(name) if is_secret(name) => name,
            _ if is_known(segment) => segment,
            _ => HIDDEN,
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// A parameter whose name the profile knows; a misspelt one may hold what the right one would.
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

    /// What someone reads who asked for what no case has.
    pub(super) fn not_recorded(&self, incoming: &Incoming<'_>) -> String {
        let asked = format!("{} {}", incoming.method, self.shown(incoming.target));
        let mut known: Vec<String> = self.places().map(|(.., exchange)| exchange.to_string()).collect();
        known.sort();
        known.dedup();
        known.sort_by_key(|known| std::cmp::Reverse(likeness(&asked, known)));
        let mut text = format!("no case has recorded {asked}\nthe nearest that are recorded:\n");
        for known in known.iter().take(NEAREST) {
            let _ = writeln!(text, "  {}", printable::line(known));
        }
        text
    }
}

/// Parameters of the profile that tell the time or the caller.
fn moving(plan: &Plan) -> BTreeSet<String> {
    let of_lookups = plan.lookups.iter().flat_map(|lookup| &lookup.query).filter_map(|(name, value)| match value {
        QueryPlan::Time(..) | QueryPlan::Distance(..) => Some(name.clone()),
        QueryPlan::Text(text) => names_window(text).then(|| name.clone()),
    });
    of_lookups.chain(of_auth(plan)).collect()
}

/// Parameters that hold credentials.
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

/// Cases hold the names of secrets, in braces, where requests hold the secrets.
pub(super) fn is_secret(text: &str) -> bool {
    text.contains('{') && text.contains('}')
}

fn is_same_path(recorded: &str, asked: &str) -> bool {
    let (recorded, asked): (Vec<&str>, Vec<&str>) = (recorded.split('/').collect(), asked.split('/').collect());
    let is_same = |(recorded, asked): (&&str, &&str)| recorded == asked || is_secret(recorded);
    recorded.len() == asked.len() && recorded.iter().zip(&asked).all(is_same)
}

/// How many signs two texts begin with alike, and end with alike.
fn likeness(one: &str, other: &str) -> usize {
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
    fn credentials_in_a_target_are_shown_by_name() {
        let signed = shown("tests/providers/signed", "/history/192.0.2.1?signature=f00d&time=now");
        assert_eq!(signed, "/history/192.0.2.1?signature={secret}&time={secret}");
        let keyed = shown("tests/providers/keyed-path", "/users/u/s3cr3t/nowhere");
        assert_eq!(keyed, "/users/u/{key}/{hidden}");
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        let long = format!("/{}", "a".repeat(5000));
        for (profile, target) in [
            // A parameter that is misspelt, or has no name.
            ("tests/providers/signed", "/history/192.0.2.1?Signature=s3cr3t&sig=s3cr3t"),
            ("tests/providers/signed", "/history/192.0.2.1?s3cr3t"),
            // A path that is cut short, begins elsewhere or is that of a token.
            ("tests/providers/keyed-path", "/s3cr3t/nowhere"),
            ("tests/providers/keyed-path", "/users/s3cr3t"),
            ("tests/providers/keyed-path", "//users/u/s3cr3t"),
            ("tests/providers/keyed-path", "/users/a/b/s3cr3t/c"),
            ("tests/providers/by-cursor", "https://user:s3cr3t@login.example.net/token"),
            // Characters that a terminal obeys.
            ("tests/providers/by-cursor", "/names/\u{9b}2J\u{202e}evil\u{7}"),
            ("tests/providers/by-cursor", &long),
        ] {
            let shown = shown(profile, target);
            assert!(!shown.contains("s3cr3t") && shown.chars().count() <= 400, "{target}: {shown}");
            assert_eq!(stixmap_engine::printable::first_unprintable(&shown), None, "{target}");
        }
    }
}
