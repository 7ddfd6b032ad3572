//! What a generated run is about: an observable, its marking, and what a provider answers, as choices of a profile's own
//! values. Holds no values itself, so that it shrinks to the first choices: few rows, all of them well-formed.

use proptest::collection::vec;
use proptest::prelude::*;

/// A generated run.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    /// Which of the observables that the profile accepts.
    pub(super) asked: u16,
    /// How it is marked: 0 not at all, then the levels from the lowest, one that is not known, two at once.
    pub(super) marking: u8,
    /// For each setting of type `tlp`: 0 its default, then the levels from the lowest.
    pub(super) levels: Vec<u8>,
    /// What goes wrong with tokens, probes and jobs, one after the other.
    pub(super) asides: Vec<InjectedFault>,
    /// The pages that are answered, in the order of the requests; then there are empty ones.
    pub(super) pages: Vec<Page>,
    /// Whether the provider names a next page for ever.
    pub(super) is_endless: bool,
}

/// A page of an answer.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) rows: Vec<Row>,
    /// What fields read from the whole answer and its headers.
    pub(super) beside: Vec<Cell>,
    pub(super) flaw: InjectedFault,
    /// Whether it leads to another.
    pub(super) has_next: bool,
    /// Which text a cursor or URL is; 0 is a proper one.
    pub(super) next: u16,
    /// Whether it says that the provider holds more.
    pub(super) is_truncated: bool,
}

/// A row.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Which record type the well-formed values of the row are about.
    pub(super) rrtype: u16,
    /// Whether the lookup's `only` and `except` let it through.
    pub(super) is_record: bool,
    /// Whether it stands there twice.
    pub(super) is_twice: bool,
    /// What stands in its place altogether, mostly nothing.
    pub(super) instead: Option<u16>,
    /// For each field of the profile.
    pub(super) cells: Vec<Cell>,
}

/// A value of a field.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    /// As the profile says.
    Well(u16),
    /// What may stand there besides: a value for none, an alias, a number as text, another type's text.
    Odd(u16),
    /// What cannot be read, or is meant to do harm.
    Broken(u16),
    /// Any text.
    Text(String),
    /// Nothing.
    Missing,
}

/// What goes wrong with an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum InjectedFault {
    None,
    /// A status.
    Status(u16),
    /// What a row of `answers` is about.
    Answer(u16),
    /// Another place.
    Elsewhere(u16),
    /// It breaks in the middle.
    Cut,
    /// It does not come at all.
    Fault(u8),
    /// Something else stands in it.
    Body(u16),
    /// Any text stands in it.
    Text(String),
}

/// Runs of a profile with so many fields and levels.
pub(super) fn scenes(fields: usize, levels: usize) -> impl Strategy<Value = Scenario> {
    let level = prop_oneof![3 => Just(0_u8), 2 => 1_u8..6];
    let marking = prop_oneof![6 => Just(0_u8), 3 => 1_u8..3, 2 => 1_u8..8];
    (any::<u16>(), marking, vec(level, levels), vec(flaw(), 0..4), vec(page(fields), 0..4), prop::bool::weighted(0.1))
        .prop_map(|(asked, marking, levels, asides, pages, is_endless)| Scenario {
            asked,
            marking,
            levels,
            asides,
            pages,
            is_endless,
        })
}

fn page(fields: usize) -> impl Strategy<Value = Page> {
    let next = prop_oneof![6 => Just(0_u16), 1 => any::<u16>()];
    let truncated = prop::bool::weighted(0.1);
    (vec(row(fields), 0..6), vec(cell(), fields), flaw(), any::<bool>(), next, truncated).prop_map(
        |(rows, beside, flaw, has_next, next, is_truncated)| Page { rows, beside, flaw, has_next, next, is_truncated },
    )
}

fn row(fields: usize) -> impl Strategy<Value = Row> {
    let instead = prop::option::weighted(0.04, any::<u16>());
    // Most rows are as they should be: what is tried on rows that say nothing is tried on nothing.
    let cells = prop_oneof![2 => vec(any::<u16>().prop_map(Cell::Well), fields), 1 => vec(cell(), fields)];
    (any::<u16>(), prop::bool::weighted(0.9), prop::bool::weighted(0.1), instead, cells)
        .prop_map(|(rrtype, is_record, is_twice, instead, cells)| Row { rrtype, is_record, is_twice, instead, cells })
}

fn cell() -> impl Strategy<Value = Cell> {
    prop_oneof![
        24 => any::<u16>().prop_map(Cell::Well),
        2 => any::<u16>().prop_map(Cell::Odd),
        1 => any::<u16>().prop_map(Cell::Broken),
        1 => ".{0,40}".prop_map(Cell::Text),
        1 => Just(Cell::Missing),
    ]
}

fn flaw() -> impl Strategy<Value = InjectedFault> {
    prop_oneof![
        60 => Just(InjectedFault::None),
        2 => any::<u16>().prop_map(InjectedFault::Status),
        2 => any::<u16>().prop_map(InjectedFault::Answer),
        1 => any::<u16>().prop_map(InjectedFault::Elsewhere),
        1 => Just(InjectedFault::Cut),
        1 => any::<u8>().prop_map(InjectedFault::Fault),
        1 => any::<u16>().prop_map(InjectedFault::Body),
        1 => "\\PC{0,40}".prop_map(InjectedFault::Text),
    ]
}

impl Scenario {
    /// The same with rows of every page otherwise; answers arrive whole, since half of other rows is something else.
    pub(super) fn with_rows(&self, change: impl Fn(&mut Vec<Row>)) -> Scenario {
        let mut scene = self.whole();
        scene.pages.iter_mut().for_each(|page| change(&mut page.rows));
        scene
    }

    /// The same with what stands on its pages in the reverse order; where they lead to stays.
    pub(super) fn with_pages_turned(&self) -> Scenario {
        let mut scene = self.whole();
        let held: Vec<_> = self.pages.iter().map(|page| (page.rows.clone(), page.beside.clone())).collect();
        for (page, held) in scene.pages.iter_mut().rev().zip(held) {
            (page.rows, page.beside) = held;
        }
        scene
    }

    /// The same, with answers that arrive whole.
    pub(super) fn whole(&self) -> Scenario {
        let mut scene = self.clone();
        scene
            .pages
            .iter_mut()
            .filter(|page| page.flaw == InjectedFault::Cut)
            .for_each(|page| page.flaw = InjectedFault::None);
        scene
    }
}
