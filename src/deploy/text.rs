//! The files of a deployment that people read: MiniJinja templates, filled in with what the profile says. A value from a
//! profile is quoted for the place it stands in.

use super::behaviour::{Behaviour, behaviour, notice};
use super::variable::Variable;
use super::{Deployment, Image};
use crate::{memory, quote};
use anyhow::Context;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Output, State, UndefinedBehavior, Value};
use serde::Serialize;
use stixmap_engine::plan::Plan;
use stixmap_engine::printable;

/// By the name of the file each makes.
const TEMPLATES: &[(&str, &str)] = &[
    ("README.md", include_str!("templates/README.md.jinja")),
    (".env.sample", include_str!("templates/env.sample.jinja")),
    ("config.yml.sample", include_str!("templates/config.yml.sample.jinja")),
    ("docker-compose.yml", include_str!("templates/docker-compose.yml.jinja")),
    ("kubernetes.yaml", include_str!("templates/kubernetes.yaml.jinja")),
];

/// What stands before the lines of a block in a manifest.
const BLOCK: &str = "    ";

/// Kubernetes takes no longer name.
const NAME: usize = 63;

/// How a text is written in one notation.
type Quote = fn(&str) -> String;

pub(super) struct Texts {
    environment: Environment<'static>,
    facts: Value,
}

/// What a template may name.
#[derive(Serialize)]
struct Facts<'f> {
    id: &'f str,
    version: &'f str,
    name: &'f str,
    summary: &'f str,
    notice: Option<&'f str>,
    terms: Option<&'f str>,
    links: &'f [String],
    subscription: Option<&'f str>,
    /// What wrote the files, but for where to.
    command: String,
    /// Whether the provider knows who asks.
    needs_account: bool,
    /// `connector-acme`.
    service: String,
    image: String,
    replicas: u16,
    /// The memory that a container needs, in MiB.
    memory: u64,
    /// Whether the image has the profile inside.
    in_image: bool,
    /// The profile itself.
    profile: &'f str,
    groups: Vec<Group<'f>>,
    behaviour: Behaviour,
}

/// Variables that stand together.
#[derive(Serialize)]
struct Group<'f> {
    section: &'f str,
    title: &'f str,
    variables: Vec<&'f Variable>,
}

impl Texts {
    pub(super) fn new(deployment: &Deployment) -> anyhow::Result<Self> {
        let mut environment = Environment::new();
        environment.set_syntax(syntax()?);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_formatter(write_value);
        let filters: [(&'static str, Quote); 6] = [
            ("yaml", quote::yaml_line),
            ("block", |text| quote::yaml_block(text, BLOCK)),
            ("dotenv", quote::dotenv),
            ("code", quote::code),
            ("link", quote::link),
            ("label", quote::mermaid),
        ];
        for (name, quote) in filters {
            environment.add_filter(name, move |text: String| Value::from_safe_string(quote(&text)));
        }
        environment.add_filter("markup", Value::from_safe_string);
        environment.add_filter("setting", |variable: Value| setting(&variable).map(Value::from_safe_string));
        environment.add_filter("compose", |variable: Value| compose(&variable).map(Value::from_safe_string));
        for (name, text) in TEMPLATES {
            environment.add_template(name, text).with_context(|| format!("the template of {name}"))?;
        }
        Ok(Self { environment, facts: Value::from(Serde(facts(deployment))) })
    }

    pub(super) fn render(&self, name: &str) -> anyhow::Result<String> {
        let template = self.environment.get_template(name).with_context(|| format!("{name} has no template"))?;
        template.render(&self.facts).with_context(|| format!("the template of {name}"))
    }
}

/// Writes what a template names. What no filter has quoted is written as its file takes a text that means nothing: as prose in
/// Markdown, and in the others as one line, which stays inside a comment.
fn write_value(out: &mut Output, state: &mut State, value: &Value) -> Result<(), minijinja::Error> {
    let text = value.to_string();
    let written = match value.is_safe() {
        true => text,
        false if state.name().ends_with(".md") => quote::markdown(&text),
        false => quote::one_line(&text),
    };
    out.write_str(&written).map_err(|_| minijinja::Error::from(minijinja::ErrorKind::WriteFailure))
}

/// A line that holds a block only leaves no line behind.
fn syntax() -> Result<SyntaxConfig, minijinja::Error> {
    SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()
}

fn facts<'f>(deployment: &'f Deployment) -> Facts<'f> {
    let plan = deployment.plan;
    let group = |section: &'f str, title: &'f str| Group {
        section,
        title,
        variables: deployment.variables.iter().filter(|variable| variable.section == section).collect(),
    };
    Facts {
        id: &plan.id,
        version: &plan.version,
        name: &plan.name,
        summary: &plan.summary,
        notice: notice(plan.status),
        terms: plan.terms.as_deref(),
        links: &plan.links,
        subscription: plan.subscription.as_deref(),
        command: command(deployment),
        needs_account: !plan.http.auth.is_empty(),
        service: format!("connector-{}", plan.id).chars().take(NAME).collect(),
        image: deployment.image.to_string(),
        replicas: deployment.replicas,
        memory: memory(plan),
        in_image: deployment.in_image,
        profile: &plan.source.text,
        groups: vec![group("opencti", "OpenCTI"), group("connector", "Connector"), group(&plan.id, &plan.name)],
        behaviour: behaviour(plan),
    }
}

/// The memory of a container with the settings that the files have, in MiB.
fn memory(plan: &Plan) -> u64 {
    let largest = plan.http.max_body;
    memory::limit(memory::default_budget(largest), memory::CONCURRENCY, largest)
}

fn command(deployment: &Deployment) -> String {
    let mut command = format!("stixmap deploy {}", deployment.plan.id);
    let (image, replicas) = (deployment.image.to_string(), deployment.replicas);
    if image != Image::default().to_string() {
        command.push_str(&format!(" --image {image}"));
    }
    if replicas != 1 {
        command.push_str(&format!(" --replicas {replicas}"));
    }
    command
}

/// An entry of `environment:` in a compose file: from `.env`, and without it what holds anyway.
fn compose(variable: &Value) -> Result<String, minijinja::Error> {
    let name = variable.get_attr("name")?.to_string();
    if variable.get_attr("required")?.is_true() {
        return Ok(quote::yaml_line(&format!("{name}=${{{name}:?is missing in .env}}")));
    }
    let default = variable.get_attr("default")?;
    // Compose would replace something within such a default; the connector knows it too, so the name alone will do.
    let is_same =
        |text: &&str| !text.contains(['$', '{', '}', '\\', '"', '\'']) && printable::first_unprintable(text).is_none();
    let default = default.as_str().filter(is_same);
    Ok(default.map_or_else(|| name.clone(), |default| quote::yaml_line(&format!("{name}=${{{name}:-{default}}}"))))
}

/// A variable's value in a settings file: what is no text needs no quotes there.
fn setting(variable: &Value) -> Result<String, minijinja::Error> {
    let (form, sample) = (variable.get_attr("form")?, variable.get_attr("sample")?.to_string());
    let is_text = form.as_str() != Some("boolean") && form.get_attr("integer").is_ok_and(|range| range.is_undefined());
    let is_word = sample == "true" || sample == "false" || sample.parse::<i64>().is_ok();
    Ok(if is_text || !is_word { quote::yaml_line(&sample) } else { sample })
}
