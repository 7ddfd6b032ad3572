//! Determines whether stored responses of a lookup are its whole result: what they say about pages, cursors and totals,
//! over all of them and in any order.

use super::Response;
use super::paging::{fewer_than_total, flag, integer_at, is_signaled, lacks, next_cursor, next_url, without_total};
use super::row::Envelope;
use crate::plan::{LookupPlan, PagingPlan, ResponseLocation, SettingValue, Settings, ValueOrSetting};
use std::collections::HashSet;

/// What the stored responses say about records that they do not hold.
#[derive(Debug, Default)]
pub(super) struct StoredPages {
    /// Number of responses.
    count: u64,
    /// Number of rows in them.
    rows: u64,
    /// The largest total that a response states.
    total: Option<u64>,
    /// Number of the last page, if stated.
    last: Option<u64>,
    /// Number of responses that lead to a further page.
    leading: u64,
    /// Number of responses with as many rows as the provider returns at most, or fewer than it has.
    full: u64,
    /// Number of rows of the largest response that has reached the provider's maximum.
    at_cap: Option<u64>,
    /// Whether a response was marked as truncated.
    is_cut: bool,
    /// Why a single page may not be whole: its total is missing.
    without_total: Option<String>,
    /// Whether a response says that there are no further records.
    has_ended: bool,
    seen: HashSet<[u8; 20]>,
}

impl StoredPages {
    /// Whether a response with this digest is new. Equal pages are the same page, but equal parts of a window are not
    /// the same part.
    pub(super) fn is_new(&mut self, lookup: &LookupPlan, digest: [u8; 20]) -> bool {
        matches!(lookup.paging, PagingPlan::Window { .. }) || self.seen.insert(digest)
    }

    /// Records a response without a result.
    pub(super) fn note_empty(&mut self) {
        self.count += 1;
        self.has_ended = true;
    }

    /// Records a response. Fails if it gives no valid next page.
    pub(super) fn note(&mut self, lookup: &LookupPlan, settings: &Settings, envelope: &Envelope) -> Result<(), String> {
        // Headers are not stored.
        let response = &Response::default();
        self.count += 1;
        self.rows += envelope.rows;
        let is_cut = lookup.truncated_when.as_ref().is_some_and(|signal| is_signaled(signal, envelope, response));
        self.is_cut |= is_cut;
        let integer = |place| integer_at(place, envelope, response);
        let (mut total, mut is_leading) = (None, false);
        match &lookup.paging {
            PagingPlan::None { total: place, cap } => {
                total = integer(place.as_ref())?;
                // Headers are not stored.
                if let (Some(place @ ResponseLocation::Body(_)), None) = (place, cap)
                    && lacks(place, envelope, response)
                {
                    self.without_total = Some(without_total(place));
                }
                if cap.as_ref().and_then(|cap| number(cap, settings)).is_some_and(|cap| envelope.rows >= cap) {
                    self.at_cap = self.at_cap.max(Some(envelope.rows));
                }
            }
            PagingPlan::Page { last, more, total: place, .. } => {
                total = integer(place.as_ref())?;
                self.last = self.last.max(integer(last.as_ref())?);
                is_leading = flag(more.as_ref(), envelope) == Some(true);
            }
            PagingPlan::Offset { more, total: place, .. } => {
                total = integer(place.as_ref())?;
                is_leading = flag(more.as_ref(), envelope) == Some(true);
            }
            PagingPlan::NextUrl { at, .. } => is_leading = next_url(at.as_ref(), envelope, response)?.is_some(),
            PagingPlan::Cursor { from, .. } => is_leading = next_cursor(from, envelope, response)?.is_some(),
            PagingPlan::Window { cap, total: place, .. } => {
                let total = integer(place.as_ref())?;
                self.full += u64::from(envelope.is_full(envelope.rows, is_cut, *cap, total));
            }
        }
        self.total = self.total.max(total);
        self.leading += u64::from(is_leading);
        Ok(())
    }

    /// Returns why the responses are not the whole result, if they say so.
    pub(super) fn missing(&self, lookup: &LookupPlan) -> Option<String> {
        let more_exist = || "the provider has more records than it returned".to_owned();
        if let PagingPlan::Window { .. } = lookup.paging {
            // Each full response is replaced by those of two halves.
            return (self.full > 0 && self.count <= 2 * self.full).then(more_exist);
        }
        let total = self.total.filter(|_| !self.has_ended);
        let is_only_page = matches!(lookup.paging, PagingPlan::None { .. });
        // A total without any rows refers to another query.
        if let Some(total) = total.filter(|total| *total > self.rows && (self.rows > 0 || !is_only_page)) {
            return Some(fewer_than_total(self.rows, total));
        }
        if self.is_cut {
            return Some(more_exist());
        }
        if let Some(reason) = self.without_total.as_ref().filter(|_| self.total.is_none()) {
            return Some(reason.clone());
        }
        let is_completed = self.count > 1 && self.total.is_some();
        if let Some(rows) = self.at_cap.filter(|_| !is_completed) {
            return Some(format!("the provider returned {rows} records, its maximum"));
        }
        let pages = match &lookup.paging {
            PagingPlan::Page { first, .. } => self.last.map_or(0, |last| last.saturating_sub(*first).saturating_add(1)),
            _ => 0,
        };
        let is_open = self.count > 0 && (self.leading == self.count || pages > self.count);
        (is_open && !self.has_ended).then(|| "more pages follow".to_owned())
    }
}

/// Returns a number of the profile; `None` if it is a setting without a value.
fn number(number: &ValueOrSetting<u64>, settings: &Settings) -> Option<u64> {
    match number {
        ValueOrSetting::Value(number) => Some(*number),
        ValueOrSetting::Setting(name) => match settings.value(name) {
            Some(SettingValue::Integer(number)) => u64::try_from(*number).ok(),
            _ => None,
        },
    }
}
