//! Determines the next page of a lookup. A repeated page or cursor is an error, since paging would not end.

use super::Response;
use super::link_header;
use super::pages::{Pages, Repeat};
use super::redacted::Redacted;
use super::request_builder::RequestBuilder;
use super::row::{Envelope, StreamEnd, kind_of};
use super::shown_value::shown_value;
use super::target::Target;
use crate::plan::{LookupPlan, PagingPlan, Path, ResponseLocation, SignalPlan};
use crate::profile::{LevelKind, Scalar};
use serde_json::Value;
use url::Url;

/// What to do after a page.
#[derive(Debug)]
pub(super) enum NextPage {
    /// It was the last page.
    Last,
    /// Stop although more records exist, for this reason.
    Truncated(String),
    /// Request this page.
    Next(Target),
    /// Fail: the response gives no valid next page.
    Broken(String),
}

impl Pages {
    /// Determines the next page.
    pub(super) fn next_page(
        &mut self,
        lookup: &LookupPlan,
        envelope: &Envelope,
        response: &Response,
        builder: &RequestBuilder,
        request_url: &Redacted,
    ) -> NextPage {
        self.rows += envelope.rows;
        match &envelope.ending {
            StreamEnd::Truncated => return NextPage::Broken("truncated response: missing final line".to_owned()),
            StreamEnd::Incomplete => return NextPage::Broken("truncated response: incomplete last line".to_owned()),
            StreamEnd::Failed(reason) => return NextPage::Broken(format!("the provider aborted: {reason}")),
            StreamEnd::Complete | StreamEnd::Limited | StreamEnd::Unknown => {}
        }
        let is_cut = lookup.truncated_when.as_ref().is_some_and(|signal| is_signaled(signal, envelope, response));
        if let PagingPlan::Window { cap, total: place, .. } = &lookup.paging {
            let total = match integer_at(place.as_ref(), envelope, response) {
                Ok(total) => total,
                Err(reason) => return NextPage::Broken(format!("page {}: {reason}", self.count)),
            };
            let is_cut = is_cut || envelope.ending == StreamEnd::Limited;
            self.states_total |= place.as_ref().is_some_and(|place| states(place, envelope, response));
            let next = self.next_part(lookup, envelope, is_cut, *cap, total);
            return match (next, place) {
                (NextPage::Last, Some(place)) if cap.is_none() && !self.states_total && self.rows > 0 => {
                    missing_total(place)
                }
                (next, _) => next,
            };
        }
        self.is_cut |= is_cut;
        let next = match self.next_by_plan(lookup, envelope, response, builder, request_url) {
            Ok(next) => next,
            Err(reason) => return NextPage::Broken(format!("page {}: {reason}", self.count)),
        };
        let at_most = lookup.paging.at_most();
        match next {
            NextPage::Next(_) if self.count >= at_most => {
                NextPage::Truncated(format!("more than {at_most} pages; the rest was not requested"))
            }
            NextPage::Last if self.is_cut => {
                NextPage::Truncated("the provider has more records than it returned".to_owned())
            }
            NextPage::Last if envelope.ending == StreamEnd::Limited => {
                NextPage::Truncated("the provider has more records than it returned".to_owned())
            }
            next => next,
        }
    }

    fn next_by_plan(
        &mut self,
        lookup: &LookupPlan,
        envelope: &Envelope,
        response: &Response,
        builder: &RequestBuilder,
        request_url: &Redacted,
    ) -> Result<NextPage, String> {
        let integer_at = |location: &Option<ResponseLocation>| integer_at(location.as_ref(), envelope, response);
        Ok(match &lookup.paging {
            PagingPlan::None { total, cap } => {
                let next = self.only_page(integer_at(total)?, cap.as_ref().map(|cap| builder.values.number(cap)));
                match total {
                    Some(place) if cap.is_none() && lacks(place, envelope, response) => missing_total(place),
                    _ => next,
                }
            }
            PagingPlan::Page { first, last, more, total, .. } => {
                let read = first.saturating_add(u64::from(self.count.saturating_sub(1)));
                self.last = integer_at(last)?.max(self.last);
                self.total = integer_at(total)?.max(self.total);
                let more = [self.last.map(|last| last > read), flag(more.as_ref(), envelope)];
                self.counted(&more, envelope)
            }
            PagingPlan::Offset { more, total, .. } => {
                self.total = integer_at(total)?.max(self.total);
                self.counted(&[flag(more.as_ref(), envelope)], envelope)
            }
            PagingPlan::NextUrl { at, .. } => match next_url(at.as_ref(), envelope, response)? {
                Some(next) => {
                    let url = builder.own_url(&next, request_url);
                    self.by_url(url.map_err(|error| format!("invalid next URL: {error}"))?)
                }
                None => NextPage::Last,
            },
            PagingPlan::Cursor { from, .. } => match next_cursor(from, envelope, response)? {
                Some(cursor) => self.by_cursor(cursor),
                None => NextPage::Last,
            },
            PagingPlan::Window { .. } => unreachable!("parts of the window are handled above"),
        })
    }

    fn only_page(&self, total: Option<u64>, cap: Option<u64>) -> NextPage {
        match total {
            // A total without any rows refers to another query: the response is empty, not truncated.
            Some(total) if total > self.rows && self.rows > 0 => self.fewer_than_total(total),
            _ if cap.is_some_and(|cap| self.capped_rows(self.rows) >= cap) => {
                let rows = self.capped_rows(self.rows);
                NextPage::Truncated(format!("the provider returned {rows} records, its maximum"))
            }
            _ => NextPage::Last,
        }
    }

    /// Returns the number of rows to compare with a cap, which may limit the outermost or the innermost list.
    fn capped_rows(&self, outermost: u64) -> u64 {
        outermost.max(self.innermost)
    }

    /// Numbered pages continue while any indicator says that more exist; without an indicator, until an empty page. A
    /// short page is no indicator: providers may return fewer rows than requested.
    fn counted(&mut self, more: &[Option<bool>], envelope: &Envelope) -> NextPage {
        self.states_more = more.contains(&Some(true));
        // A total that is less than what was read counts something else.
        let total = self.total.filter(|total| *total >= self.rows);
        let missing = total.filter(|total| *total > self.rows);
        let is_known = total.is_some() || more.iter().any(Option::is_some) || envelope.ending == StreamEnd::Complete;
        match (missing, envelope.rows) {
            _ if self.states_more => NextPage::Next(Target::Built),
            (Some(total), 0) => self.fewer_than_total(total),
            (Some(_), _) => NextPage::Next(Target::Built),
            (None, 0) => NextPage::Last,
            (None, _) if is_known && envelope.ending != StreamEnd::Limited => NextPage::Last,
            (None, _) => NextPage::Next(Target::Built),
        }
    }

    /// Determines whether all pages were read when a response says that there is nothing. After the first page this is the
    /// regular end of numbered pages, unless an earlier page stated more.
    pub(super) fn next_after_empty(&self, lookup: &LookupPlan) -> NextPage {
        let page = self.count + 1;
        let is_stated = match &lookup.paging {
            _ if self.count == 0 => false,
            PagingPlan::NextUrl { .. } | PagingPlan::Cursor { .. } => true,
            PagingPlan::Page { .. } | PagingPlan::Offset { .. } => self.states_more,
            PagingPlan::None { .. } | PagingPlan::Window { .. } => false,
        };
        match self.total.filter(|total| self.count > 0 && *total > self.rows) {
            Some(total) => self.fewer_than_total(total),
            None if is_stated => {
                NextPage::Truncated(format!("page {page} is empty, although page {} states more", page - 1))
            }
            None if self.is_cut => NextPage::Truncated("the provider has more records than it returned".to_owned()),
            None => NextPage::Last,
        }
    }

    /// Determines the next part after a response.
    fn next_part(
        &mut self,
        lookup: &LookupPlan,
        envelope: &Envelope,
        is_cut: bool,
        cap: Option<u64>,
        total: Option<u64>,
    ) -> NextPage {
        let is_full = envelope.is_full(self.capped_rows(envelope.rows), is_cut, cap, total);
        self.settle_part(lookup, is_full, total)
    }

    /// Completes a part of the window and determines the next one.
    pub(super) fn settle_part(&mut self, lookup: &LookupPlan, is_full: bool, total: Option<u64>) -> NextPage {
        let parts = self.parts.as_mut().expect("the lookup splits its window");
        parts.settle(is_full, total);
        if parts.current().is_some() && self.count < lookup.paging.at_most() {
            return NextPage::Next(Target::Built);
        }
        // For nested lists, a total counts the outer elements.
        let levels = &lookup.rows.levels;
        let counts_rows = levels.len() <= 1 || levels[0].is == LevelKind::Map;
        match parts.missing(self.count, counts_rows) {
            Some(reason) => NextPage::Truncated(reason),
            None => NextPage::Last,
        }
    }

    fn fewer_than_total(&self, total: u64) -> NextPage {
        NextPage::Truncated(fewer_than_total(self.rows, total))
    }

    fn by_url(&mut self, next: Url) -> NextPage {
        match self.seen_targets.insert(next.to_string()) {
            true => NextPage::Next(Target::Url(next)),
            false => NextPage::Broken(Repeat::Cursor(self.count).to_string()),
        }
    }

    fn by_cursor(&mut self, cursor: String) -> NextPage {
        if !self.seen_targets.insert(cursor.clone()) {
            return NextPage::Broken(Repeat::Cursor(self.count).to_string());
        }
        self.cursor = Some(cursor);
        NextPage::Next(Target::Built)
    }
}

impl Envelope {
    /// Whether a response with a part of the window does not hold all its records.
    pub(super) fn is_full(&self, capped_rows: u64, is_cut: bool, cap: Option<u64>, total: Option<u64>) -> bool {
        // A total without any rows refers to another query.
        let has_more = total.is_some_and(|total| total > self.rows && self.rows > 0);
        // A provider that exceeds its cap has another, unknown one: then a stated total is reliable, and the absence of
        // one is not.
        let is_capped = |cap: u64| match total {
            Some(total) if total <= self.rows => self.rows == cap || capped_rows == cap,
            _ => capped_rows >= cap,
        };
        is_cut || has_more || cap.is_some_and(is_capped)
    }
}

/// Stops because nothing else tells whether the provider has more records.
fn missing_total(total: &ResponseLocation) -> NextPage {
    NextPage::Truncated(without_total(total))
}

/// Returns why a result may not be whole.
pub(super) fn without_total(total: &ResponseLocation) -> String {
    format!("missing total at `{total}`")
}

/// Whether a response has rows, and no value where its total is expected.
pub(super) fn lacks(total: &ResponseLocation, envelope: &Envelope, response: &Response) -> bool {
    envelope.rows > 0 && !states(total, envelope, response)
}

/// Whether a response has a value where its total is expected. A negative one is a value: it means unknown.
fn states(total: &ResponseLocation, envelope: &Envelope, response: &Response) -> bool {
    match total {
        ResponseLocation::Body(path) => path.find(&envelope.document).is_some_and(|value| !value.is_null()),
        ResponseLocation::Header(name) => response.header(name).is_some(),
    }
}

/// Returns why a result is not whole.
pub(super) fn fewer_than_total(rows: u64, total: u64) -> String {
    format!("the provider returned {rows} of {total} records")
}

/// Returns the URL of the next page, if there is one.
pub(super) fn next_url(at: Option<&Path>, envelope: &Envelope, response: &Response) -> Result<Option<String>, String> {
    let Some(path) = at else {
        return link_header::next(response.headers("link")).map_err(|error| format!("invalid `Link` header: {error}"));
    };
    match path.find(&envelope.document) {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("invalid `{path}`: expected a URL, found {}", kind_of(other))),
    }
}

/// Returns the cursor of the next page, if there is one.
pub(super) fn next_cursor(
    from: &ResponseLocation,
    envelope: &Envelope,
    response: &Response,
) -> Result<Option<String>, String> {
    let cursor = match from {
        ResponseLocation::Header(name) => response.header(name).map(str::to_owned),
        ResponseLocation::Body(path) => match path.find(&envelope.document) {
            None | Some(Value::Null | Value::Bool(false)) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(other) => return Err(format!("invalid `{path}`: expected a cursor, found {}", kind_of(other))),
        },
    };
    Ok(cursor.filter(|cursor| !cursor.is_empty()))
}

/// Returns an integer of a response; a negative one means unknown. Other values are errors: ignoring them could lose
/// pages.
pub(super) fn integer_at(
    location: Option<&ResponseLocation>,
    envelope: &Envelope,
    response: &Response,
) -> Result<Option<u64>, String> {
    let Some(location) = location else { return Ok(None) };
    let number = match location {
        ResponseLocation::Body(path) => match path.find(&envelope.document) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => whole(value)
                .ok_or_else(|| format!("invalid `{path}`: expected an integer, found {}", shown_value(value)))?,
        },
        // The greatest of repeated headers: fewer pages would lose records.
        ResponseLocation::Header(name) => {
            let numbers: Result<Vec<i64>, _> = response.headers(name).map(|text| text.trim().parse()).collect();
            match numbers.map_err(|_| format!("invalid `{name}` header: expected an integer"))?.into_iter().max() {
                None => return Ok(None),
                Some(number) => number,
            }
        }
    };
    Ok(u64::try_from(number).ok())
}

/// Converts a number without a fractional part, or a numeric string.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
            // Values beyond the range saturate.
            Some(float as i64)
        }),
        _ => None,
    }
}

/// Converts a flag, also from a number or text; `None` if absent or null.
pub(super) fn flag(location: Option<&Path>, envelope: &Envelope) -> Option<bool> {
    match location?.find(&envelope.document)? {
        Value::Null => None,
        Value::String(text) => {
            let is_no = |no: &&str| text.trim().eq_ignore_ascii_case(no);
            Some(!["", "0", "false", "no", "n", "none", "null"].iter().any(is_no))
        }
        value => Some(is_truthy(value)),
    }
}

pub(super) fn is_signaled(signal: &SignalPlan, envelope: &Envelope, response: &Response) -> bool {
    match &signal.place {
        ResponseLocation::Body(path) => path.find(&envelope.document).is_some_and(|found| is_any_of(&signal.is, found)),
        // Any of repeated headers, as each may mark the response.
        ResponseLocation::Header(name) => response.headers(name).any(|text| is_any_of(&signal.is, &Value::from(text))),
    }
}

/// Whether a value is one of these, or truthy if none is listed.
pub(super) fn is_any_of(wanted: &[Scalar], found: &Value) -> bool {
    match wanted {
        [] => is_truthy(found),
        wanted => wanted.iter().any(|value| value.is(found)),
    }
}

fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(keys) => !keys.is_empty(),
        Value::Bool(true) => true,
    }
}
