//! Bounds of the window in the requests of a lookup.

use super::lookups::{LookupPlan, QueryPlan};
use super::template::Part;
use super::window_text::{DAY, Form};
use crate::profile::WindowPoint;
use jiff::SignedDuration;

impl LookupPlan {
    /// Returns the bounds of the window that a request contains.
    pub(crate) fn window_ends(&self) -> Vec<(WindowPoint, Form)> {
        let values = self.query.iter().chain(&self.form).filter_map(|(_, value)| match value {
            QueryPlan::Text(_) => None,
            QueryPlan::Time(point, format) => Some((*point, Form::Time(format.clone()))),
            QueryPlan::Distance(point, distance) => Some((*point, Form::Distance(*distance))),
        });
        let in_texts = self.texts().flat_map(|text| text.parts()).filter_map(|part| match part {
            Part::Window(end) => Some((end.point, end.form.clone())),
            _ => None,
        });
        values.chain(in_texts).collect()
    }

    /// Returns the overlap of two adjacent parts of the window, such that no record between them is missed, whether the
    /// provider treats bounds as inclusive or exclusive.
    pub(crate) fn window_step(&self) -> SignedDuration {
        self.window_ends().iter().map(|(_, form)| form.step()).max().unwrap_or(DAY)
    }
}
