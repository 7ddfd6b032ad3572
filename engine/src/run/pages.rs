//! Progress through the pages of a lookup, and the detection of repeated ones.

use super::row::Row;
use super::window_parts::{WindowPart, WindowParts};
use crate::plan::{LookupPlan, PagingPlan};
use sha1::{Digest, Sha1};
use std::collections::HashSet;
use std::fmt;

/// Progress through the pages of a lookup.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// Number of pages read.
    pub(super) count: u32,
    /// Number of rows read.
    pub(super) rows: u64,
    /// Number of rows of the current page at the innermost level.
    pub(super) innermost: u64,
    /// Cursor of the next page.
    pub(super) cursor: Option<String>,
    /// Parts of the window, if each page is one of them.
    pub(super) parts: Option<WindowParts>,
    /// Greatest total that a page stated: some providers state it on the first page only.
    pub(super) total: Option<u64>,
    /// Greatest number of the last page that a page stated.
    pub(super) last: Option<u64>,
    /// Whether the current page states that there are more.
    pub(super) states_more: bool,
    /// Whether a page was marked as truncated.
    pub(super) is_cut: bool,
    /// Whether a response to a part of the window states a total.
    pub(super) states_total: bool,
    seen_rows: HashSet<[u8; 20]>,
    pub(super) seen_targets: HashSet<String>,
}

impl Pages {
    /// Creates the state before the first page.
    pub(super) fn of(parts: Option<WindowParts>) -> Pages {
        Pages { parts, ..Pages::default() }
    }

    /// Whether repeated pages are an error. Parts of the window may contain equal rows.
    pub(super) fn compares(lookup: &LookupPlan) -> bool {
        !matches!(lookup.paging, PagingPlan::None { .. } | PagingPlan::Window { .. })
    }

    /// Returns the part of the window to request, if pages are parts.
    pub(super) fn part(&self) -> Option<WindowPart> {
        self.parts.as_ref()?.current()
    }

    /// Records the digest of a page; fails if an earlier page had the same.
    pub(super) fn is_new(&mut self, fingerprint: Fingerprint) -> Result<(), Repeat> {
        match fingerprint.rows > 0 && !self.seen_rows.insert(fingerprint.hash.finalize().into()) {
            true => Err(Repeat::Page(self.count)),
            false => Ok(()),
        }
    }
}

/// Digest of the rows of a page.
#[derive(Default)]
pub(super) struct Fingerprint {
    hash: Sha1,
    rows: u64,
}

impl Fingerprint {
    pub(super) fn note(&mut self, row: &Row) {
        self.rows += 1;
        for slot in row.slots.as_ref().map_or(&[][..], |slots| slots) {
            self.hash.update(format!("{slot:?},"));
        }
    }
}

/// A repetition that would make paging endless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repeat {
    /// The page with this number has the rows of an earlier page.
    Page(u32),
    /// The page with this number leads to a cursor or URL that was already followed.
    Cursor(u32),
}

impl fmt::Display for Repeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page(page) => {
                write!(f, "page {page} repeats the rows of an earlier page")
            }
            Self::Cursor(page) => write!(f, "page {page} leads to a page that was already read"),
        }
    }
}
