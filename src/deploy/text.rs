//! The files of a deployment that people read: MiniJinja templates, filled in with what the profile says. A value from a
//! profile is quoted for the place it stands in.

use super::behaviour::{Behaviour, behaviour, notice};
use super::variable::Variable;
use super::{Deployment, Image};
use anyhow::Context;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;

/// By the name of the file each makes.
const TEMPLATES: &[(&str, &str)] = &[
    ("README.md", include_str!("templates/README.md.jinja")),
    (".env.sample", include_str!("templates/env.sample.jinja")),
    ("config.yml.sample", include_str!("templates/config.yml.sample.jinja")),
    ("docker-compose.yml", include_str!("templates/docker-compose.yml.jinja")),
    ("kubernetes.yaml", include_str!("templates/kubernetes.yaml.jinja")),
];

/// Kubernetes takes no longer name.
const NAME: usize = 63;

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
        environment.add_filter("yaml", |text: String| yaml(&text));
        environment.add_filter("dotenv", |text: String| dotenv(&text));
        environment.add_filter("cell", |text: String| one_line(&text).replace('|', "\\|"));
        environment.add_filter("line", |text: String| one_line(&text));
        environment.add_filter("label", |text: String| label(&text));
        environment.add_filter("setting", |variable: Value| setting(&variable));
        environment.add_filter("compose", |variable: Value| compose(&variable));
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
        in_image: deployment.in_image,
        profile: &plan.source.text,
        groups: vec![group("opencti", "OpenCTI"), group("connector", "Connector"), group(&plan.id, &plan.name)],
        behaviour: behaviour(plan),
    }
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

/// A text as a YAML scalar: as it is where YAML reads it as the same text, in quotes otherwise.
fn yaml(text: &str) -> String {
    let is_plain = serde_yaml::from_str::<serde_yaml::Value>(&format!("a: {text}\n"))
        .is_ok_and(|read| read.get("a").and_then(serde_yaml::Value::as_str) == Some(text) && is_text_to_all(text));
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// YAML 1.1, which Kubernetes reads, has more words for truth, and numbers with colons and underscores.
fn is_text_to_all(text: &str) -> bool {
    let is_word = matches!(text.to_ascii_lowercase().as_str(), "y" | "n" | "yes" | "no" | "on" | "off");
    let is_number = text.starts_with(|sign: char| sign.is_ascii_digit() || "+-.".contains(sign));
    !is_word && !is_number
}

/// A text as the value of a `.env` file: in single quotes, where nothing is replaced, unless it is plain.
fn dotenv(text: &str) -> String {
    let text = one_line(text);
    let is_plain = text.chars().all(|sign| sign.is_alphanumeric() || " ._-:/,+@=%".contains(sign));
    if is_plain { text } else { format!("'{}'", text.replace('\'', "\\'")) }
}

/// An entry of `environment:` in a compose file: from `.env`, and without it what holds anyway.
fn compose(variable: &Value) -> Result<String, minijinja::Error> {
    let name = variable.get_attr("name")?.to_string();
    if variable.get_attr("required")?.is_true() {
        return Ok(yaml(&format!("{name}=${{{name}:?is missing in .env}}")));
    }
    let default = variable.get_attr("default")?;
    // Compose would replace something within such a default; the connector knows it too, so the name alone will do.
    let default = default.as_str().filter(|text| !text.contains(['$', '{', '}', '\\', '"', '\'', '\n']));
    Ok(default.map_or_else(|| name.clone(), |default| yaml(&format!("{name}=${{{name}:-{default}}}"))))
}

/// A variable's value in a settings file: what is no text needs no quotes there.
fn setting(variable: &Value) -> Result<String, minijinja::Error> {
    let (form, sample) = (variable.get_attr("form")?, variable.get_attr("sample")?.to_string());
    let is_text = form.as_str() != Some("boolean") && form.get_attr("integer").is_ok_and(|range| range.is_undefined());
    Ok(if is_text { yaml(&sample) } else { sample })
}

/// A text inside a node of a Mermaid diagram.
fn label(text: &str) -> String {
    format!("\"{}\"", one_line(text).replace('"', "#quot;"))
}

/// A text without breaks.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(filter: fn(&str) -> String, text: &str, expected: &str) {
        assert_eq!(filter(text), expected);
    }

    #[test]
    fn a_text_is_quoted_for_its_place() {
        check(yaml, "Acme DNS", "Acme DNS");
        check(yaml, "TLP:AMBER", "TLP:AMBER");
        check(yaml, "false", "\"false\"");
        check(yaml, "off", "\"off\"");
        check(yaml, "9095", "\"9095\"");
        check(yaml, "a: b", "\"a: b\"");
        check(yaml, "a #b", "\"a #b\"");
        check(yaml, "a\nb", "\"a\\nb\"");
        check(yaml, "", "\"\"");
        check(dotenv, "Acme DNS", "Acme DNS");
        check(dotenv, "a #b $HOME", "'a #b $HOME'");
        check(label, "say \"no\"", "\"say #quot;no#quot;\"");
    }
}
