//! `stixmap explain`: shows what a profile would do, the manual of the profile language, and the meaning of diagnostics.
//! Sends no request.

mod request_facts;
mod bound;
mod facts;
mod diagnostic_help;
mod manual;
mod phrasing;
mod request;
mod result_facts;
mod run_preview;
mod text;

pub(crate) use bound::most_requests;

use crate::catalog;
use crate::cli::ExplainArgs;
use crate::enrich::{kind, observable};
use crate::exit::Exit;
use crate::setting::{SettingSources, variable};
use crate::standard_streams::{print, print_json};
use anyhow::{Context, bail};
use facts::{Asked, Facts, Head, SettingFact};
use phrasing::word;
use run_preview::RunPreview;
use stixmap_engine::plan::{Plan, SettingSpec};

pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<Exit> {
    match page(args)? {
        Some(page) => {
            print(&page)?;
            Ok(Exit::Success)
        }
        None => explain(args),
    }
}

/// Returns the manual's page about a topic; none if a profile has this name.
fn page(args: &ExplainArgs) -> anyhow::Result<Option<String>> {
    let is_profile = catalog::known(args.catalog.profiles.as_deref())?.contains(&args.topic);
    if is_profile || args.value.is_some() {
        return Ok(None);
    }
    Ok(match args.topic.as_str() {
        "profile" => Some(manual::profile()),
        "case" => Some(manual::case()),
        "codes" => Some(diagnostic_help::catalogue()),
        "properties" => Some(crate::profile_test::properties()),
        code => diagnostic_help::page(code),
    })
}

fn explain(args: &ExplainArgs) -> anyhow::Result<Exit> {
    let folder = catalog::find(&args.topic, args.catalog.profiles.as_deref());
    let folder =
        folder.context("expected a profile, `profile`, `case`, `properties`, `codes`, or the code of a diagnostic");
    let Some(plan) = folder?.plan()? else { return Ok(Exit::Failure) };
    let preview = match &args.value {
        Some(value) => Some(RunPreview::new(args, &plan, observable(value, kind(args.kind.as_deref())?)?)?),
        None if !(args.marking.tlp.is_empty() && args.marking.pap.is_empty()) => {
            bail!("--tlp and --pap require a value")
        }
        None => None,
    };
    let mut facts = facts(&plan, preview.as_ref());
    // A variable or `--set` can replace the servers.
    let given = SettingSources::read(&args.settings)?;
    given.refuse_unreadable(&plan)?;
    let given = given.with_placeholders(&plan);
    if let Some(settings) = given.ok().filter(|_| !facts.profile.origins.is_empty()) {
        facts.profile.origins = plan.origins_with(&settings).into_iter().collect();
    }
    match args.json {
        true => print_json(&facts)?,
        false => print(&text::write(&facts))?,
    }
    Ok(Exit::Success)
}

fn facts(plan: &Plan, preview: Option<&RunPreview>) -> Facts {
    Facts {
        profile: head(plan),
        asked: preview.map(asked),
        settings: plan.settings.iter().map(|spec| setting(plan, spec)).collect(),
        requests_at_most: bound::bounds(plan, preview.map(|preview| preview.observable.kind())),
        limits: request_facts::limits(plan),
        quota: request_facts::quota(plan, preview),
        window: request_facts::window(plan, preview),
        lookups: request_facts::lookups(plan, preview),
        answers: request_facts::answers(plan),
        record: result_facts::record(plan),
        rules: result_facts::rules(plan),
        relationship: result_facts::relationship(plan),
        tlp: result_facts::tlp(plan, preview),
        pap: result_facts::pap(plan, preview),
        identity: result_facts::identity(plan),
    }
}

fn head(plan: &Plan) -> Head {
    Head {
        id: plan.id.clone(),
        version: plan.version.clone(),
        status: plan.status.as_str(),
        name: plan.name.clone(),
        summary: plan.summary.clone(),
        file: plan.source.name.clone(),
        terms: plan.terms.clone(),
        licence: plan.licence.as_ref().map(word),
        subscription: plan.subscription.clone(),
        links: plan.links.clone(),
        origins: plan.origins().into_iter().collect(),
    }
}

fn asked(preview: &RunPreview) -> Asked {
    Asked {
        r#type: preview.observable.kind().stix_type(),
        value: preview.observable.value().to_owned(),
        tlp: preview.marking.tlp.clone(),
        pap: preview.marking.pap.clone(),
        may_be_sent: preview.requests.refused.is_none(),
        refused: preview.requests.refused.clone(),
        results_tlp: preview.results.as_str(),
    }
}

fn setting(plan: &Plan, spec: &SettingSpec) -> SettingFact {
    SettingFact {
        name: spec.name.clone(),
        r#type: word(&spec.kind),
        required: spec.required,
        default: spec.default.clone(),
        variable: variable(&plan.id, &spec.name),
        description: spec.description.clone(),
    }
}
