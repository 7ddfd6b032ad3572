//! Which recorded exchange answers a request, when several cases are played at once and nobody says which one is meant.

use std::collections::BTreeSet;
use std::fmt::Write;
use stixmap_engine::case::{Case, Exchange, play};
use stixmap_engine::plan::{AuthPlan, Part, Plan, QueryPlan, Template, TokenCarrier};
use stixmap_engine::run::OutcomeKind;
use url::form_urlencoded;

/// How many exchanges are named to someone who asked for another.
const NEAREST: usize = 3;

/// The cases, and how far each has come.
pub(super) struct Script {
    /// Those that find most come first: of two that would do, the first answers.
    cases: Vec<Case>,
    /// The case and the place in it that come next, for each that is under way; the latest first.
    under_way: Vec<(usize, usize)>,
    /// Parameters that are not compared: they move on with the clock, or say who asks.
    moving: BTreeSet<String>,
    /// Parameters that hold secrets.
    secret: BTreeSet<String>,
}

/// What a case comes to, the best first: how it ended, and how many records it maps.
fn rank(plan: &Plan, case: &Case) -> (OutcomeKind, usize) {
    match play(plan, case) {
        Ok(played) => (played.report.outcome.kind, usize::MAX - played.report.bundle.relationships().count()),
        Err(_) => (OutcomeKind::Failed, usize::MAX),
    }
}

impl Script {
    pub(super) fn new(plan: &Plan, mut cases: Vec<Case>) -> Script {
        cases.sort_by_cached_key(|case| rank(plan, case));
        let of_auth = of_auth(plan);
        let exchanges = cases.iter().flat_map(|case| &case.exchanges);
        let named = exchanges.flat_map(|exchange| exchange.query()).filter(|(_, value)| is_secret(value));
        let secret = named.map(|(name, _)| name.clone()).chain(of_auth).collect();
        Script { cases, under_way: vec![], moving: moving(plan), secret }
    }

    /// The case that finds most.
    pub(super) fn best(&self) -> &Case {
        self.cases.first().expect("there is a case")
    }

    /// What answers a request: what comes next in a case that is under way; else the exchange that names most of the
    /// request's parameters, in the case that finds most.
    pub(super) fn next(&mut self, method: &str, target: &str) -> Option<&Exchange> {
        let (case, place) = self.continued(method, target).or_else(|| self.anywhere(method, target))?;
        self.under_way.retain(|(known, _)| *known != case);
        if place + 1 < self.cases[case].exchanges.len() {
            self.under_way.insert(0, (case, place + 1));
        }
        Some(&self.cases[case].exchanges[place])
    }

    fn continued(&self, method: &str, target: &str) -> Option<(usize, usize)> {
        let is_next =
            |(case, place): &&(usize, usize)| self.is_asked(&self.cases[*case].exchanges[*place], method, target);
        self.under_way.iter().find(is_next).copied()
    }

    fn anywhere(&self, method: &str, target: &str) -> Option<(usize, usize)> {
        let places = self.places().filter(|(.., exchange)| self.is_asked(exchange, method, target));
        // `max_by_key` takes the last of equals; the first is wanted.
        let places: Vec<_> = places.collect();
        let best = places.iter().rev().max_by_key(|(.., exchange)| exchange.query().len())?;
        Some((best.0, best.1))
    }

    fn places(&self) -> impl Iterator<Item = (usize, usize, &Exchange)> {
        let numbered = self.cases.iter().enumerate();
        numbered.flat_map(|(case, one)| {
            one.exchanges.iter().enumerate().map(move |(place, exchange)| (case, place, exchange))
        })
    }

    fn is_asked(&self, exchange: &Exchange, method: &str, target: &str) -> bool {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let is_given =
            |pair: &(String, String)| self.moving.contains(&pair.0) || is_secret(&pair.1) || query.contains(pair);
        exchange.method() == method && is_same_path(exchange.path(), path) && exchange.query().iter().all(is_given)
    }

    /// A target without what credentials it holds: where cases have the name of a secret, it has that name.
    pub(super) fn shown(&self, target: &str) -> String {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let known = || self.places().map(|(.., exchange)| exchange.path());
        let is_recorded = known().any(|known| known == path);
        // Of a path that is recorded nowhere too much is hidden rather than too little.
        let like = known().find(|known| hides(known, path)).or_else(|| known().find(|known| is_secret(known)));
        let recorded = like.filter(|_| !is_recorded);
        let mut segments: Vec<&str> = path.split('/').collect();
        for (segment, known) in segments.iter_mut().zip(recorded.into_iter().flat_map(|known| known.split('/'))) {
            if is_secret(known) {
                *segment = known;
            }
        }
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let name = form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name.into_owned());
            match name.filter(|name| self.secret.contains(name)) {
                Some(name) => format!("{name}={{secret}}"),
                None => pair.to_owned(),
            }
        });
        let query = pairs.collect::<Vec<_>>().join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{mark}{query}", segments.join("/"))
    }

    /// What someone reads who asked for what no case has.
    pub(super) fn not_recorded(&self, method: &str, target: &str) -> String {
        let asked = format!("{method} {}", self.shown(target));
        let mut known: Vec<String> = self.places().map(|(.., exchange)| exchange.to_string()).collect();
        known.sort();
        known.dedup();
        known.sort_by_key(|known| std::cmp::Reverse(likeness(&asked, known)));
        let mut text = format!("no case has recorded {asked}\nthe nearest that are recorded:\n");
        for known in known.iter().take(NEAREST) {
            let _ = writeln!(text, "  {known}");
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
fn is_secret(text: &str) -> bool {
    text.contains('{') && text.contains('}')
}

/// Whether a recorded path has the name of a secret, and is the same up to it: what follows may be recorded nowhere.
fn hides(recorded: &str, asked: &str) -> bool {
    let ahead = recorded.split('/').zip(asked.split('/')).take_while(|(recorded, asked)| recorded == asked).count();
    recorded.split('/').nth(ahead).is_some_and(is_secret) && asked.split('/').nth(ahead).is_some()
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
    use crate::files::Root;
    use crate::shelf::Folder;
    use std::path::Path;

    fn shown(profile: &str, target: &str) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(profile);
        let folder = Folder::OnDisk(Root::new(&folder));
        let plan = folder.plan().expect("a profile").expect("it compiles");
        let files = folder.cases().expect("cases");
        let cases = files.iter().map(|file| folder.case(file).expect("a case").expect("it can be read"));
        Script::new(&plan, cases.collect()).shown(target)
    }

    #[test]
    fn credentials_in_a_target_are_shown_by_name() {
        let signed = shown("tests/providers/signed", "/history/192.0.2.1?signature=f00d&time=now&days=30");
        assert_eq!(signed, "/history/192.0.2.1?signature={secret}&time={secret}&days=30");
        for user in ["u", "another"] {
            let keyed = shown("tests/providers/keyed-path", &format!("/users/{user}/s3cr3t/nowhere?p=2"));
            assert_eq!(keyed, format!("/users/{user}/{{key}}/nowhere?p=2"));
        }
    }
}
