//! Compiles a YAML profile of a passive-DNS provider to a plan, and runs the plan for one observable.
//!
//! Text in, requests out; responses in, STIX 2.1 out. The engine is sans I/O: it opens no socket and reads no file, clock or
//! environment variable. Its caller, the driver, sends the requests and supplies the time. Modules are listed in dependency
//! order: each uses only those above it, which a test enforces.
//!
//! ```
//! use std::sync::Arc;
//! use stixmap_engine::diagnostic::Source;
//! use stixmap_engine::plan::{Plan, Settings};
//! use stixmap_engine::run::{Input, ProviderState, Response, Run, Step};
//! use stixmap_engine::stix::{Layout, Observable};
//!
//! let profile = r#"
//! profile: stixmap/v1
//! id: example
//! version: 1.0.0
//! name: Example
//! summary: Passive DNS of an example provider.
//! http: { base_url: https://api.example.net }
//! lookups:
//!   names: { accepts: [domain-name], path: "/names/{observable.value}", records: $.rows }
//! record:
//!   fields:
//!     rrname: { at: $.name, as: string }
//!     rrtype: { at: $.type, as: rrtype }
//!     rdata: { at: $.data, as: string }
//! rules:
//!   - { rrtype: A, source: domain-name, relationship: resolves-to, target: ipv4-addr }
//!   - { rrtype: "*", drop: not mapped }
//! tlp: { max: "TLP:GREEN", unmarked: allow, results: { at_least: "TLP:GREEN" } }
//! identity: { name: Example }
//! "#;
//! let plan = Plan::read(&Source::new("profile.yaml", profile.to_owned())).expect("a valid profile");
//!
//! let now = "2024-03-01T00:00:00Z".parse().unwrap();
//! let input = Input {
//!     observable: Observable::detect("example.com").unwrap(),
//!     markings: vec![],
//!     settings: Settings::read(&plan.settings, |_| None).unwrap(),
//!     deadline: "2024-03-01T00:01:00Z".parse().unwrap(),
//!     seed: 0,
//!     trace: false,
//! };
//! let mut run = Run::new(&plan, Arc::new(ProviderState::default()), input, now);
//! let report = loop {
//!     match run.next(now) {
//!         Step::Send(request) => {
//!             assert_eq!(request.url.to_string(), "https://api.example.net/names/example.com");
//!             let body = br#"{"rows": [{"name": "example.com", "type": "A", "data": "198.51.100.7"}]}"#;
//!             run.accept(Ok(Response { status: 200, body: body.to_vec(), ..Response::default() }), now);
//!         }
//!         Step::Wait(_) => unreachable!("this provider has no quota"),
//!         Step::Done => break run.finish(),
//!     }
//! };
//! assert_eq!(report.counts.mapped, 1);
//! let mut json = vec![];
//! report.bundle.write(Layout::Pretty, |bytes| { json.extend_from_slice(bytes); Ok::<_, ()>(()) }).unwrap();
//! println!("{}", String::from_utf8(json).unwrap());
//! ```

pub mod parallel;
pub mod printable;
pub mod diagnostic;
pub mod yaml;
pub mod dns;
pub mod stix;
pub mod profile;
pub mod plan;
pub mod run;
pub mod case;
