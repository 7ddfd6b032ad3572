//! Quota, compiled: the probe and its figures, the headers, the rate.

use super::compiler::{Compiler, Place};
use super::path::Path;
use super::template::Template;
use super::time::TimeFormat;
use crate::diagnostic::Code;
use crate::profile::{PathText, Probe, Quota, QuotaHeaders, TemplateText};
use jiff::SignedDuration;

/// What the provider allows.
#[derive(Debug, Default)]
pub struct QuotaPlan {
    /// A request that tells what is left.
    pub probe: Option<ProbePlan>,
    /// Headers that tell what is left.
    pub headers: Option<QuotaHeaders>,
    /// How often one may ask.
    pub rate: Option<RatePlan>,
}

/// A request that tells what is left.
#[derive(Debug)]
pub struct ProbePlan {
    /// The path after the base URL.
    pub path: Template,
    /// Where the figures stand.
    pub figures: ProbeFigures,
    /// Where it says when the quota is full again.
    pub reset: Option<(Path, TimeFormat)>,
    /// How long an answer is believed.
    pub every: SignedDuration,
}

/// Where the figures of a quota stand.
#[derive(Debug)]
pub enum ProbeFigures {
    /// What was used, and what may be.
    UsedOfLimit(Path, Path),
    /// What is left.
    Remaining(Path),
}

/// So many requests in any stretch of this length.
#[derive(Debug)]
pub struct RatePlan {
    /// How many.
    pub requests: usize,
    /// In what stretch.
    pub per: SignedDuration,
}

pub(super) fn quota(compiler: &mut Compiler, quota: Option<&Quota>) -> Option<QuotaPlan> {
    let Some(quota) = quota else { return Some(QuotaPlan::default()) };
    let probe = quota.probe.as_ref().map(|probe| self::probe(compiler, probe));
    let rate = quota.rate.as_ref().map(|rate| {
        let per = compiler.duration(&rate.per, "/quota/rate/per")?;
        Some(RatePlan { requests: rate.requests as usize, per })
    });
    let headers = quota.headers.as_ref().map(|headers| {
        let remaining = compiler.header_name(&headers.remaining, compiler.span("/quota/headers/remaining"));
        let reset = headers.reset.as_ref().map_or(Some(String::new()), |reset| {
            compiler.header_name(&reset.header, compiler.span("/quota/headers/reset/header"))
        });
        remaining.and(reset).map(|_| headers.clone())
    });
    // A part that is absent is fine; a part that is there must have compiled.
    let probe = probe.map_or(Some(None), |probe| probe.map(Some));
    let rate = rate.map_or(Some(None), |rate| rate.map(Some));
    let headers = headers.map_or(Some(None), |headers| headers.map(Some));
    Some(QuotaPlan { probe: probe?, headers: headers?, rate: rate? })
}

fn probe(compiler: &mut Compiler, probe: &Probe) -> Option<ProbePlan> {
    let at = "/quota/probe";
    let path = compiler.template(&TemplateText(probe.path.clone()), &format!("{at}/path"), Place::Setting);
    path.iter().for_each(|path| compiler.request_path(path, &format!("{at}/path")));
    let mut figure = |text: &Option<PathText>, key: &str| compiler.optional_path(text.as_ref(), &format!("{at}/{key}"));
    let (used, limit, remaining) =
        (figure(&probe.used, "used"), figure(&probe.limit, "limit"), figure(&probe.remaining, "remaining"));
    let reset = match &probe.reset {
        Some(reset) => {
            let place = reset.at.iter().next().and_then(|(i, text)| compiler.path(text, &format!("{at}/reset/at{i}")));
            let format = reset.format.as_deref().unwrap_or("rfc3339");
            let format = compiler.time_format(format, reset.zone.as_deref(), &format!("{at}/reset"));
            Some((place?, format?))
        }
        None => None,
    };
    let every = compiler.duration(&probe.every, &format!("{at}/every"));
    let figures = match (used?, limit?, remaining?) {
        (Some(used), Some(limit), None) => ProbeFigures::UsedOfLimit(used, limit),
        (None, None, Some(remaining)) => ProbeFigures::Remaining(remaining),
        _ => {
            let label = "either `used` and `limit`, or `remaining`";
            compiler.error(Code::QuotaFigures, at, "a probe reads two figures, or one", label);
            return None;
        }
    };
    Some(ProbePlan { path: path?, figures, reset, every: every? })
}
