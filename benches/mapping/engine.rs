//! The engine as the program uses it: from a profile and a response to the bytes of a bundle.

use super::answers::Shape;
use jiff::Timestamp;
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::{Plan, Settings};
use stixmap_engine::run::{Input, Report, map_stored};
use stixmap_engine::stix::{Bundle, Layout, Observable};

/// A compiled profile with its settings.
pub(crate) struct Engine {
    shape: Shape,
    plan: Plan,
    settings: Settings,
}

impl Engine {
    /// Compiles the built-in profile, with one relationship for all periods, as the hand-written mapper has them.
    pub(crate) fn shipped(shape: Shape) -> Engine {
        Self::new(shape, profile(shape).to_owned())
    }

    /// Compiles the profile with a description that differs for each record.
    pub(crate) fn saying_data(shape: Shape) -> Engine {
        let says_type = r#"description: "{{ rrtype }} record""#;
        assert!(profile(shape).contains(says_type), "the profile's text is known");
        Self::new(shape, profile(shape).replace(says_type, r#"description: "{{ rrtype }} record: {{ resolve }}""#))
    }

    fn new(shape: Shape, profile: String) -> Engine {
        let stop = "  stop_time: time_last\n";
        assert!(profile.contains(stop), "the profile's text is known");
        let ids = if shape == Shape::PassiveTotal { "  id_includes: [start_time]\n" } else { "" };
        let profile = profile.replacen(stop, &format!("{stop}{ids}  repeats: widen\n"), 1);
        let plan = Plan::read(&Source::new(format!("{}.yaml", shape.profile()), &profile)).expect("a built-in profile");
        let given = |name: &str| match name {
            "base_url" => Some("https://pdns.example.org".to_owned()),
            "min_tlp" if shape == Shape::Cof => Some("TLP:GREEN".to_owned()),
            "username" => Some("analyst".to_owned()),
            "api_key" => Some("0123456789abcdef0123456789abcdef".to_owned()),
            _ => None,
        };
        let settings = Settings::read(&plan.settings, |spec| given(&spec.name)).expect("required settings are given");
        Engine { shape, plan, settings }
    }

    /// Maps a response.
    pub(crate) fn report(&self, answer: Vec<u8>) -> Report {
        let observable = Observable::detect(self.shape.asked()).expect("a name or an address");
        let lookup = self.plan.lookups.iter().find(|lookup| lookup.accepts.contains(&observable.kind()));
        let now: Timestamp = "2024-03-01T00:00:00Z".parse().expect("a time");
        let (settings, markings) = (self.settings.clone(), vec![]);
        let input = Input { observable, markings, settings, deadline: now, seed: 0, trace: false };
        let answers = [("an answer".to_owned(), [answer])];
        map_stored(&self.plan, lookup.expect("a lookup accepts it"), None, input, answers, now)
    }

    /// Writes a bundle in chunks.
    pub(crate) fn write(bundle: &Bundle, mut sink: impl FnMut(&[u8])) {
        let Ok(()) = bundle.write(Layout::Compact, |piece| {
            sink(piece);
            Ok::<(), std::convert::Infallible>(())
        });
    }
}

fn profile(shape: Shape) -> &'static str {
    match shape {
        Shape::PassiveTotal => include_str!("../../profiles/riskiq/profile.yaml"),
        Shape::Saf => include_str!("../../profiles/dnsdb/profile.yaml"),
        Shape::Cof => include_str!("../../profiles/cof/profile.yaml"),
    }
}
