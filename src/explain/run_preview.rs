//! A run for one observable that sends nothing, as far as it can be known before the first response.

use crate::cli::{ExplainArgs, MarkingArgs};
use crate::enrich::markings;
use crate::setting::SettingSources;
use anyhow::Context;
use jiff::Timestamp;
use std::sync::Arc;
use stixmap_engine::plan::{Plan, Settings};
use stixmap_engine::run::{Input, Preview, ProviderState, Run};
use stixmap_engine::stix::{Observable, Tlp};

/// A run for an observable that sends nothing, with what it would send.
pub(super) struct RunPreview {
    pub(super) observable: Observable,
    pub(super) marking: MarkingArgs,
    pub(super) settings: Settings,
    pub(super) now: Timestamp,
    pub(super) requests: Preview,
    pub(super) results: Tlp,
}

impl RunPreview {
    pub(super) fn new(args: &ExplainArgs, plan: &Plan, observable: Observable) -> anyhow::Result<RunPreview> {
        let given = SettingSources::read(&args.settings)?;
        given.refuse_unknown(&[plan], args.catalog.profiles.as_deref())?;
        let now = match &args.now {
            Some(text) => text.parse().with_context(|| format!("invalid --now `{text}`: expected a time"))?,
            None => Timestamp::now(),
        };
        let (settings, markings) = (given.with_placeholders(plan)?, markings(&args.marking)?);
        let input = Input {
            observable: observable.clone(),
            markings,
            settings: settings.clone(),
            deadline: now,
            seed: 0,
            trace: false,
        };
        let run = Run::new(plan, Arc::new(ProviderState::default()), input, now);
        let requests = run.preview();
        let results = run.finish().tlp;
        Ok(RunPreview { observable, marking: args.marking.clone(), settings, now, requests, results })
    }
}
