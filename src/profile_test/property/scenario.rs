//! A generated run: an observable, its marking and the provider's responses, as indices into the profile's values. It
//! holds no values itself, so that it shrinks towards few, well-formed rows.

use proptest::collection::vec;
use proptest::prelude::*;

/// A generated run.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    /// Index of an observable that the profile accepts.
    pub(super) asked: u16,
    /// Its marking: 0 none, then the levels in ascending order, an unknown marking, two markings.
    pub(super) marking: u8,
    /// For each setting of type `tlp`: 0 the default, then the levels in ascending order.
    pub(super) levels: Vec<u8>,
    /// Faults of tokens, probes and jobs, in sequence.
    pub(super) other_faults: Vec<InjectedFault>,
    /// The pages in the order of requests; empty pages follow.
    pub(super) pages: Vec<Page>,
    /// Whether the provider announces next pages without end.
    pub(super) is_endless: bool,
}

/// A page of a response.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) rows: Vec<Row>,
    /// The fields that are read from the whole response and its headers.
    pub(super) beside: Vec<Cell>,
    pub(super) fault: InjectedFault,
    /// Whether it announces a next page.
    pub(super) has_next: bool,
    /// The text of a cursor or URL; 0 is a well-formed one.
    pub(super) next: u16,
    /// Whether it states that the provider has more records.
    pub(super) is_truncated: bool,
}

/// A row of a page.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The record type of the row's well-formed values.
    pub(super) rrtype: u16,
    /// Whether the lookup's `only` and `except` accept it.
    pub(super) is_record: bool,
    /// Whether it is repeated.
    pub(super) is_repeated: bool,
    /// A hostile value instead of the row.
    pub(super) instead: Option<u16>,
    /// A value for each field of the profile.
    pub(super) cells: Vec<Cell>,
}

/// A value of a field.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    /// A well-formed value.
    Valid(u16),
    /// An unusual value: a null value, an alias, a number as text, a value of another type.
    Unusual(u16),
    /// A malformed or hostile value.
    Invalid(u16),
    /// Arbitrary text.
    Text(String),
    /// No value.
    Missing,
}

/// A fault of a response.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum InjectedFault {
    None,
    /// An HTTP status.
    Status(u16),
    /// A response that matches a row of `answers`.
    Answer(u16),
    /// A redirect.
    Redirect(u16),
    /// A truncated body.
    Truncated,
    /// No response.
    Fault(u8),
    /// Another JSON value as body.
    Body(u16),
    /// Arbitrary text as body.
    Text(String),
}

/// Returns a strategy for runs of a profile with this number of fields and `tlp` settings.
pub(super) fn scenes(fields: usize, levels: usize) -> impl Strategy<Value = Scenario> {
    let level = prop_oneof![3 => Just(0_u8), 2 => 1_u8..6];
    let marking = prop_oneof![6 => Just(0_u8), 3 => 1_u8..3, 2 => 1_u8..8];
    (any::<u16>(), marking, vec(level, levels), vec(fault(), 0..4), vec(page(fields), 0..4), prop::bool::weighted(0.1))
        .prop_map(|(asked, marking, levels, other_faults, pages, is_endless)| Scenario {
            asked,
            marking,
            levels,
            other_faults,
            pages,
            is_endless,
        })
}

fn page(fields: usize) -> impl Strategy<Value = Page> {
    let next = prop_oneof![6 => Just(0_u16), 1 => any::<u16>()];
    let truncated = prop::bool::weighted(0.1);
    (vec(row(fields), 0..6), vec(cell(), fields), fault(), any::<bool>(), next, truncated).prop_map(
        |(rows, beside, fault, has_next, next, is_truncated)| Page {
            rows,
            beside,
            fault,
            has_next,
            next,
            is_truncated,
        },
    )
}

fn row(fields: usize) -> impl Strategy<Value = Row> {
    let instead = prop::option::weighted(0.04, any::<u16>());
    // Most rows are well-formed: runs without results prove nothing.
    let cells = prop_oneof![2 => vec(any::<u16>().prop_map(Cell::Valid), fields), 1 => vec(cell(), fields)];
    (any::<u16>(), prop::bool::weighted(0.9), prop::bool::weighted(0.1), instead, cells).prop_map(
        |(rrtype, is_record, is_repeated, instead, cells)| Row { rrtype, is_record, is_repeated, instead, cells },
    )
}

fn cell() -> impl Strategy<Value = Cell> {
    prop_oneof![
        24 => any::<u16>().prop_map(Cell::Valid),
        2 => any::<u16>().prop_map(Cell::Unusual),
        1 => any::<u16>().prop_map(Cell::Invalid),
        1 => ".{0,40}".prop_map(Cell::Text),
        1 => Just(Cell::Missing),
    ]
}

fn fault() -> impl Strategy<Value = InjectedFault> {
    prop_oneof![
        60 => Just(InjectedFault::None),
        2 => any::<u16>().prop_map(InjectedFault::Status),
        2 => any::<u16>().prop_map(InjectedFault::Answer),
        1 => any::<u16>().prop_map(InjectedFault::Redirect),
        1 => Just(InjectedFault::Truncated),
        1 => any::<u8>().prop_map(InjectedFault::Fault),
        1 => any::<u16>().prop_map(InjectedFault::Body),
        1 => "\\PC{0,40}".prop_map(InjectedFault::Text),
    ]
}

impl Scenario {
    /// Returns the scenario with changed rows on every page; faults that truncate are removed, since half of other rows
    /// differs.
    pub(super) fn with_rows(&self, change: impl Fn(&mut Vec<Row>)) -> Scenario {
        let mut scene = self.whole();
        scene.pages.iter_mut().for_each(|page| change(&mut page.rows));
        scene
    }

    /// Returns the scenario with the contents of its pages in reverse order; their links stay.
    pub(super) fn with_pages_reversed(&self) -> Scenario {
        let mut scene = self.whole();
        let held: Vec<_> = self.pages.iter().map(|page| (page.rows.clone(), page.beside.clone())).collect();
        for (page, held) in scene.pages.iter_mut().rev().zip(held) {
            (page.rows, page.beside) = held;
        }
        scene
    }

    /// Returns the scenario without truncated responses.
    pub(super) fn whole(&self) -> Scenario {
        let mut scene = self.clone();
        scene
            .pages
            .iter_mut()
            .filter(|page| page.fault == InjectedFault::Truncated)
            .for_each(|page| page.fault = InjectedFault::None);
        scene
    }
}
