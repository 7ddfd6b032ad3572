//! Renders the text files of a deployment from MiniJinja templates. Values of the profile are quoted for the notation
//! of each file.

use super::behaviour::{Behaviour, behaviour, notice};
use super::deployment::Deployment;
use super::variable::Variable;
use crate::image::Image;
use crate::{memory, quote};
use anyhow::Context;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Output, State, UndefinedBehavior, Value};
use serde::Serialize;
use stixmap_engine::plan::Plan;
use stixmap_engine::printable;

/// Templates by the name of the generated file.
const TEMPLATES: &[(&str, &str)] = &[
    ("README.md", include_str!("templates/README.md.jinja")),
    (".env.sample", include_str!("templates/env.sample.jinja")),
    ("config.yml.sample", include_str!("templates/config.yml.sample.jinja")),
    ("docker-compose.yml", include_str!("templates/docker-compose.yml.jinja")),
    ("kubernetes.yaml", include_str!("templates/kubernetes.yaml.jinja")),
];

/// Indentation of a block scalar in the Kubernetes manifest.
const BLOCK_INDENT: &str = "    ";

/// Maximum length of a name in Kubernetes (RFC 1123 label), in characters.
const MAX_NAME: usize = 63;

/// Quotes a text for one notation.
type Quote = fn(&str) -> String;

pub(super) struct Texts {
    environment: Environment<'static>,
    facts: Value,
}

/// Variables of the templates.
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
    /// The command that generates the files, without `--out`.
    command: String,
    /// Whether the provider requires authentication.
    needs_account: bool,
    /// Name of the service, such as `connector-acme`.
    service: String,
    image: String,
    replicas: u16,
    /// Memory limit of the container in MiB.
    memory: u64,
    /// Whether the profile is part of the image.
    in_image: bool,
    /// Text of the profile.
    profile: &'f str,
    groups: Vec<Group<'f>>,
    behaviour: Behaviour,
}

/// Variables of one section.
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
            ("block", |text| quote::yaml_block(text, BLOCK_INDENT)),
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
            environment.add_template(name, text).with_context(|| format!("invalid template of {name}"))?;
        }
        Ok(Self { environment, facts: Value::from(Serde(facts(deployment))) })
    }

    pub(super) fn render(&self, name: &str) -> anyhow::Result<String> {
        let template = self.environment.get_template(name).with_context(|| format!("missing template of {name}"))?;
        template.render(&self.facts).with_context(|| format!("failed to render {name}"))
    }
}

/// Writes a value of a template. A value that no filter quoted is written as plain text: escaped in Markdown, and in
/// other files as one line, which cannot leave a comment.
fn write_value(out: &mut Output, state: &mut State, value: &Value) -> Result<(), minijinja::Error> {
    let text = value.to_string();
    let written = match value.is_safe() {
        true => text,
        false if state.name().ends_with(".md") => quote::markdown(&text),
        false => quote::one_line(&text),
    };
    out.write_str(&written).map_err(|_| minijinja::Error::from(minijinja::ErrorKind::WriteFailure))
}

/// Removes lines that contain only a block.
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
        service: format!("connector-{}", plan.id).chars().take(MAX_NAME).collect(),
        image: deployment.image.to_string(),
        replicas: deployment.replicas,
        memory: memory(plan),
        in_image: deployment.in_image,
        profile: &plan.source.text,
        groups: vec![group("opencti", "OpenCTI"), group("connector", "Connector"), group(&plan.id, &plan.name)],
        behaviour: behaviour(plan),
    }
}

/// Returns the memory limit of a container with the default settings, in MiB.
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

/// Returns an entry of `environment:` in a Compose file: the value of `.env` or the default.
fn compose(variable: &Value) -> Result<String, minijinja::Error> {
    let name = variable.get_attr("name")?.to_string();
    if variable.get_attr("required")?.is_true() {
        return Ok(quote::yaml_line(&format!("{name}=${{{name}:?set it in .env}}")));
    }
    let default = variable.get_attr("default")?;
    // Compose would interpolate such a default. The connector has the same default, so the name is enough.
    let is_same =
        |text: &&str| !text.contains(['$', '{', '}', '\\', '"', '\'']) && printable::first_unprintable(text).is_none();
    let default = default.as_str().filter(is_same);
    Ok(default.map_or_else(|| name.clone(), |default| quote::yaml_line(&format!("{name}=${{{name}:-{default}}}"))))
}

/// Returns the value of a variable in a settings file; booleans and numbers are not quoted.
fn setting(variable: &Value) -> Result<String, minijinja::Error> {
    let (form, sample) = (variable.get_attr("form")?, variable.get_attr("sample")?.to_string());
    let is_text = form.as_str() != Some("boolean") && form.get_attr("integer").is_ok_and(|range| range.is_undefined());
    let is_word = sample == "true" || sample == "false" || sample.parse::<i64>().is_ok();
    Ok(if is_text || !is_word { quote::yaml_line(&sample) } else { sample })
}
