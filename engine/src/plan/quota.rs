//! Compiled request limits: quota probe, response headers and rates.

use super::compiler::{Compiler, TemplateContext};
use super::path::Path;
use super::template::Template;
use super::time::TimeFormat;
use crate::diagnostic::{Code, Span};
use crate::profile::{OneOrMany, PathText, Probe, ProbeReset, Quota, QuotaHeaders, Scalar, TemplateText};
use jiff::SignedDuration;

/// Maximum accepted wait if a profile has no `quota`.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// Compiled request limits of the provider: probe, headers, rate, concurrency.
#[derive(Debug)]
pub struct QuotaPlan {
    /// Request that returns the current quota, if there is one.
    pub probe: Option<ProbePlan>,
    /// Response headers with the current quota; the smallest remaining number applies.
    pub headers: Vec<QuotaHeaders>,
    /// Rate limits, all of which apply.
    pub rates: Vec<RatePlan>,
    /// Maximum number of concurrent requests, if limited.
    pub concurrency: Option<usize>,
    /// Maximum wait that is accepted from the provider.
    pub longest_wait: SignedDuration,
}

impl Default for QuotaPlan {
    fn default() -> Self {
        Self { probe: None, headers: vec![], rates: vec![], concurrency: None, longest_wait: LONGEST_WAIT }
    }
}

/// A request that returns the current quota.
#[derive(Debug)]
pub struct ProbePlan {
    /// Path of the request, relative to the base URL.
    pub path: Template,
    /// Selects the list element with the numbers, if needed.
    pub element: Option<ElementPlan>,
    /// Paths of the numbers in the response.
    pub figures: ProbeFigures,
    /// Path and format of the time of the reset.
    pub reset: Option<(Path, TimeFormat)>,
    /// Lifetime of a response to the probe.
    pub every: SignedDuration,
    /// Location of the probe in the source.
    pub span: Span,
}

/// Paths of the numbers of a quota.
#[derive(Debug)]
pub enum ProbeFigures {
    /// Paths of the used and of the permitted number.
    UsedOfLimit(Vec<Path>, Vec<Path>),
    /// Paths of the remaining number of requests.
    Remaining(Vec<Path>),
}

/// Selects an element of a list by one of its values.
#[derive(Debug)]
pub struct ElementPlan {
    /// Path of the list in the response.
    pub of: Path,
    /// Path of the value to compare, relative to an element.
    pub at: Path,
    /// The value that selects the element.
    pub is: Scalar,
}

/// A rate limit over a sliding window.
#[derive(Debug)]
pub struct RatePlan {
    /// Maximum number of requests in the period.
    pub requests: usize,
    /// Length of the period of the limit.
    pub per: SignedDuration,
}

pub(super) fn quota(compiler: &mut Compiler, quota: Option<&Quota>) -> Option<QuotaPlan> {
    let Some(quota) = quota else { return Some(QuotaPlan::default()) };
    let probe = quota.probe.as_ref().map(|probe| self::probe(compiler, probe));
    let rates: Vec<_> = quota.rate.iter().flat_map(OneOrMany::iter).collect();
    let rates: Vec<_> = rates
        .into_iter()
        .map(|(at, rate)| {
            let per = compiler.duration(&rate.per, &format!("/quota/rate{at}/per"))?;
            Some(RatePlan { requests: rate.requests as usize, per })
        })
        .collect();
    let headers: Vec<_> = quota.headers.iter().flat_map(OneOrMany::iter).collect();
    let headers: Vec<_> = headers
        .into_iter()
        .map(|(at, headers)| self::headers(compiler, headers, &format!("/quota/headers{at}")))
        .collect();
    // An absent part is valid; a part that is present must have compiled.
    let probe = probe.map_or(Some(None), |probe| probe.map(Some));
    let headers: Option<Vec<QuotaHeaders>> = headers.into_iter().collect();
    let rates = rates.into_iter().collect::<Option<_>>();
    let concurrency = quota.concurrency.map(|number| number as usize);
    let longest_wait = compiler.duration(&quota.longest_wait, "/quota/longest_wait");
    Some(QuotaPlan { probe: probe?, headers: headers?, rates: rates?, concurrency, longest_wait: longest_wait? })
}

fn headers(compiler: &mut Compiler, headers: &QuotaHeaders, at: &str) -> Option<QuotaHeaders> {
    let remaining = compiler.header_name(&headers.remaining, compiler.span(&format!("{at}/remaining")));
    let reset = headers.reset.as_ref().map_or(Some(String::new()), |reset| {
        compiler.header_name(&reset.header, compiler.span(&format!("{at}/reset/header")))
    });
    remaining.and(reset).map(|_| headers.clone())
}

fn probe(compiler: &mut Compiler, probe: &Probe) -> Option<ProbePlan> {
    let at = "/quota/probe";
    let path = compiler.template(&TemplateText(probe.path.clone()), &format!("{at}/path"), TemplateContext::SETTING);
    path.iter().for_each(|path| compiler.request_path(path, &format!("{at}/path")));
    let element = match &probe.element {
        Some(element) => {
            let of = compiler.path(&element.of, &format!("{at}/element/of"));
            let place = compiler.path(&element.at, &format!("{at}/element/at"));
            Some(ElementPlan { of: of?, at: place?, is: element.is.clone() })
        }
        None => None,
    };
    let mut figure = |texts: &Option<OneOrMany<PathText>>, key: &str| {
        let texts: Vec<_> = texts.iter().flat_map(OneOrMany::iter).collect();
        let paths: Vec<_> = texts.into_iter().map(|(i, text)| compiler.path(text, &format!("{at}/{key}{i}"))).collect();
        paths.into_iter().collect::<Option<Vec<Path>>>()
    };
    let (used, limit, remaining) =
        (figure(&probe.used, "used"), figure(&probe.limit, "limit"), figure(&probe.remaining, "remaining"));
    let reset = match &probe.reset {
        Some(reset) => Some(self::reset(compiler, reset, &format!("{at}/reset"))?),
        None => None,
    };
    let every = compiler.duration(&probe.every, &format!("{at}/every"));
    let (used, limit, remaining) = (used?, limit?, remaining?);
    let figures = match (used.is_empty(), limit.is_empty(), remaining.is_empty()) {
        (false, false, true) => ProbeFigures::UsedOfLimit(used, limit),
        (true, true, false) => ProbeFigures::Remaining(remaining),
        _ => {
            let label = "requires either `used` and `limit`, or `remaining`";
            compiler.error(Code::QuotaFigures, at, "ambiguous or missing numbers of the quota", label);
            return None;
        }
    };
    Some(ProbePlan { path: path?, element, figures, reset, every: every?, span: compiler.key_span(at) })
}

fn reset(compiler: &mut Compiler, reset: &ProbeReset, at: &str) -> Option<(Path, TimeFormat)> {
    let place = compiler.path(&reset.at, &format!("{at}/at"));
    let format = reset.format.as_deref().unwrap_or("rfc3339");
    let format = compiler.time_format(format, reset.zone.as_deref(), at);
    Some((place?, format?))
}
