//! `connector_manifest.json`: description of the connector for OpenCTI's catalogue. Unknown values are `null`.

use super::behaviour::kinds_made;
use super::deployment::Deployment;
use super::variable::CONNECTOR_TYPE;
use crate::quote::one_line;
use serde::Serialize;
use stixmap_engine::plan::Plan;
use stixmap_engine::printable;
use stixmap_engine::profile::{Licence, Status};

/// Maximum length of a short description in the catalogue, in characters.
const SHORT_DESCRIPTION: usize = 250;

#[derive(Serialize)]
struct Manifest<'m> {
    title: &'m str,
    slug: &'m str,
    description: String,
    short_description: String,
    logo: Option<&'m str>,
    use_cases: [&'m str; 1],
    solution_categories: [&'m str; 1],
    license_type: &'m str,
    contact: Option<&'m str>,
    verified: bool,
    last_verified_date: Option<&'m str>,
    playbook_supported: bool,
    max_confidence_level: u8,
    support_version: &'m str,
    subscription_link: Option<&'m str>,
    source_code: Option<&'m str>,
    manager_supported: bool,
    container_version: &'m str,
    container_image: &'m str,
    container_type: &'m str,
}

pub(super) fn manifest(deployment: &Deployment) -> anyhow::Result<String> {
    let plan = deployment.plan;
    let manifest = Manifest {
        title: &plan.name,
        slug: &plan.id,
        description: description(plan),
        short_description: one_line(&plan.summary).chars().take(SHORT_DESCRIPTION).collect(),
        logo: None,
        // Use cases are those of passive DNS, for every provider.
        use_cases: ["Infrastructure & Attack Surface Visibility"],
        solution_categories: ["Enrichment & Reputation"],
        license_type: license_type(plan.licence),
        contact: None,
        verified: false,
        last_verified_date: None,
        playbook_supported: true,
        max_confidence_level: 50,
        support_version: ">=6.0.0",
        subscription_link: plan.subscription.as_deref(),
        source_code: Some(env!("CARGO_PKG_REPOSITORY")).filter(|url| !url.is_empty()),
        // XTM Composer mounts no files: it can start profiles of the image only.
        manager_supported: deployment.in_image,
        container_version: &deployment.image.tag,
        container_image: &deployment.image.name,
        container_type: CONNECTOR_TYPE,
    };
    Ok(format!("{}\n", printable::json(&serde_json::to_string_pretty(&manifest)?)))
}

fn description(plan: &Plan) -> String {
    let accepts: Vec<&str> = plan.accepts().into_iter().map(|kind| kind.entity_type()).collect();
    let made: Vec<&str> = kinds_made(plan).into_iter().map(|kind| kind.entity_type()).collect();
    let mut text = format!(
        "{} Enriches {}. Results are {}, and relationships between them with the times of observation, all with a TLP marking.",
        one_line(&plan.summary),
        accepts.join(", "),
        made.join(", ")
    );
    match plan.status {
        Status::Active => {}
        Status::Experimental => {
            text.push_str(" Written from the provider's documentation; not tested against the service.")
        }
        Status::Deprecated => text.push_str(" The provider has announced the end of this service."),
    }
    text
}

fn license_type(licence: Option<Licence>) -> &'static str {
    match licence {
        Some(Licence::Free) => "Free",
        Some(Licence::Commercial) => "Commercial",
        None => "",
    }
}
