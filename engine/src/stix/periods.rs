//! Joins reports of a relationship to periods if they overlap or lie within a gap of each other, independently of their
//! order and number.

use super::columns::{Link, Moment};
use super::descriptions::DescriptionTable;

/// Range from the earliest to the latest time in the reports of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TimeRange {
    from: Moment,
    to: Moment,
}

impl TimeRange {
    /// Returns the range of one report; an unknown end equals the other.
    pub(super) fn of(link: &Link) -> TimeRange {
        TimeRange { from: link.first.earlier(link.last), to: link.first.later(link.last) }
    }

    /// Whether the distance between the ranges is at most this number of microseconds.
    pub(super) fn is_within(self, other: TimeRange, gap: i64) -> bool {
        !self.from.is_after(other.to, gap) && !other.from.is_after(self.to, gap)
    }

    /// Returns the range that includes both.
    pub(super) fn widened(self, other: TimeRange) -> TimeRange {
        TimeRange { from: self.from.earlier(other.from), to: self.to.later(other.to) }
    }
}

/// A period of the relationship with index `at`.
#[derive(Debug, Clone)]
pub(super) struct Period {
    pub(super) at: u32,
    pub(super) range: TimeRange,
    pub(super) link: Link,
}

/// Joins the periods of each relationship that are within the gap. Sorts by index.
pub(super) fn join(mut periods: Vec<Period>, gap: i64, descriptions: &mut DescriptionTable) -> Vec<Period> {
    // The sort is stable; equal periods are interchangeable.
    periods.sort_by_key(|period| (period.at, period.range));
    periods.dedup_by(|next, kept| {
        kept.at == next.at && kept.range.is_within(next.range, gap) && absorb(kept, next, descriptions)
    });
    periods
}

/// Joins all periods of each relationship that have no start, since nothing distinguishes them. Sorts by index.
pub(super) fn join_without_start(mut periods: Vec<Period>, descriptions: &mut DescriptionTable) -> Vec<Period> {
    let has_no_start = |period: &Period| period.link.first == Moment::new(None);
    periods.sort_by_key(|period| (period.at, !has_no_start(period), period.range));
    periods.dedup_by(|next, kept| kept.at == next.at && has_no_start(next) && absorb(kept, next, descriptions));
    periods
}

fn absorb(kept: &mut Period, next: &Period, descriptions: &mut DescriptionTable) -> bool {
    kept.range = kept.range.widened(next.range);
    kept.link.widen(&next.link);
    kept.link.description = descriptions.union(kept.link.description, next.link.description);
    true
}

#[cfg(test)]
mod tests {
    use crate::dns::RrType;
    use crate::stix::{
        Bundle, Graph, Identity, Observable, Policy, RelationshipReport, RelationshipType, Repeats, Seen, Tlp,
    };
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    const DAY: i64 = 86_400;

    /// Record type, first and last day.
    type Row = (u16, Option<i64>, Option<i64>);

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(day * DAY).expect("a time")
    }

    fn bundle(rows: &[Row], repeats: Repeats) -> Bundle {
        let observable = |text: &str| Observable::detect(text).expect("an observable");
        let (asked, other) = (observable("example.com"), observable("host.example.net"));
        let mut graph = Graph::new(asked.clone(), Policy { repeats, start_in_id: true });
        for (rrtype, first, last) in rows {
            let rrtype = RrType::parse(&rrtype.to_string()).expect("a type");
            let seen = Seen { first: first.map(day), last: last.map(day) };
            let description = format!("{rrtype} record").into();
            let report = RelationshipReport { seen, tlp: Tlp::Clear, rrtype: Some(rrtype), description };
            assert!(graph.relate(&asked, RelationshipType::RelatedTo, &other, report));
        }
        let created = Timestamp::UNIX_EPOCH;
        graph.into_bundle(&Identity::new("A provider", "organization", created), None, created)
    }

    /// Returns description, start and stop of relationships.
    fn summary(bundle: &Bundle) -> BTreeSet<(String, Option<i64>, Option<i64>)> {
        let days = |time: Option<Timestamp>| time.map(|time| time.as_second() / DAY);
        let summary =
            bundle.relationships().map(|it| (it.descriptions.join(", "), days(it.start_time), days(it.stop_time)));
        summary.collect()
    }

    fn within(days: i64) -> Repeats {
        Repeats::Gap(SignedDuration::from_secs(days * DAY))
    }

    #[test]
    fn periods_are_joined_within_the_gap_only() {
        let (ns, mx) = (2, 15);
        for (rows, expected) in [
            (vec![(ns, Some(0), Some(10)), (ns, Some(40), Some(50))], vec![("NS record", Some(0), Some(50))]),
            (
                vec![(ns, Some(0), Some(10)), (ns, Some(41), Some(50))],
                vec![("NS record", Some(0), Some(10)), ("NS record", Some(41), Some(50))],
            ),
            (
                vec![(ns, Some(0), Some(10)), (ns, Some(60), Some(70)), (ns, Some(5), Some(55))],
                vec![("NS record", Some(0), Some(70))],
            ),
            (
                vec![(ns, Some(0), Some(10)), (mx, Some(0), Some(900))],
                vec![("MX record", Some(0), Some(900)), ("NS record", Some(0), Some(10))],
            ),
            (
                vec![(ns, Some(0), None), (ns, Some(20), None), (ns, None, Some(45))],
                vec![("NS record", Some(0), Some(45))],
            ),
            (
                vec![(ns, None, Some(5)), (ns, None, Some(900)), (mx, None, Some(2))],
                vec![("MX record", None, Some(2)), ("NS record", None, Some(900))],
            ),
            (
                vec![(ns, None, None), (mx, None, None), (ns, Some(3), Some(4))],
                vec![("MX record, NS record", None, None), ("NS record", Some(3), Some(4))],
            ),
        ] {
            let expected =
                expected.into_iter().map(|(description, first, last)| (description.to_owned(), first, last)).collect();
            assert_eq!(summary(&bundle(&rows, within(30))), expected, "{rows:?}");
        }
    }

    #[test]
    fn widen_joins_all_types_and_periods() {
        let rows = [(2, Some(0), Some(10)), (15, Some(900), Some(910))];
        let expected = BTreeSet::from([("MX record, NS record".to_owned(), Some(0), Some(910))]);
        assert_eq!(summary(&bundle(&rows, Repeats::Widen)), expected);
    }

    #[test]
    fn lowest_type_of_equal_starts_keeps_its_id() {
        let [both, ns, mx] =
            [&[(15, Some(0), Some(9)), (2, Some(0), Some(3))][..], &[(2, Some(0), Some(3))], &[(15, Some(0), Some(9))]]
                .map(|rows| bundle(rows, within(30)));
        let ids = |bundle: &Bundle| {
            bundle.relationships().map(|it| (it.descriptions.join(""), it.id)).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(ids(&both)["NS record"], ids(&ns)["NS record"]);
        assert_ne!(ids(&both)["MX record"], ids(&mx)["MX record"]);
    }

    /// Type, starts and stops of a period.
    type Known = (u16, Vec<i64>, Vec<i64>);

    /// Reference model: joins pairs of periods until no pair is within the gap.
    fn model(rows: &[Row], gap: i64) -> BTreeSet<(String, Option<i64>, Option<i64>)> {
        let mut found: Vec<Known> = vec![];
        for (rrtype, first, last) in rows {
            found.push((*rrtype, first.iter().copied().collect(), last.iter().copied().collect()));
        }
        let range = |(_, firsts, lasts): &Known| {
            let all = firsts.iter().chain(lasts);
            (*all.clone().min().expect("a time"), *all.max().expect("a time"))
        };
        let is_one = |a: &Known, b: &Known| {
            let ((from, to), (other_from, other_to)) = (range(a), range(b));
            a.0 == b.0 && (from - other_to <= gap && other_from - to <= gap)
        };
        let mut join = |is_one: &dyn Fn(&Known, &Known) -> bool| {
            while let Some((a, b)) =
                (0..found.len()).flat_map(|a| (0..a).map(move |b| (a, b))).find(|(a, b)| is_one(&found[*a], &found[*b]))
            {
                let (_, firsts, lasts) = found.remove(a);
                found[b].1.extend(firsts);
                found[b].2.extend(lasts);
            }
        };
        join(&is_one);
        join(&|a, b| a.0 == b.0 && a.1.is_empty() && b.1.is_empty());
        let summary = found.into_iter().map(|(rrtype, firsts, lasts)| {
            let rrtype = RrType::parse(&rrtype.to_string()).expect("a type");
            let (first, last) = (firsts.into_iter().min(), lasts.into_iter().max());
            // A stop is at least a second after the start, on the same day.
            (format!("{rrtype} record"), first, last.map(|last| last.max(first.unwrap_or(last))))
        });
        summary.collect()
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let seen = (0..400_i64, 0..40_i64, 0..4).prop_map(|(first, length, known)| match known {
            0 => (Some(first), None),
            1 => (None, Some(first)),
            _ => (Some(first), Some(first + length)),
        });
        prop::collection::vec(
            (prop_oneof![Just(2_u16), Just(15)], seen).prop_map(|(rrtype, (first, last))| (rrtype, first, last)),
            1..80,
        )
    }

    proptest! {
        #[test]
        fn periods_equal_the_model_for_any_order_and_repetition(
            (rows, mixed) in rows().prop_flat_map(|rows| (Just(rows.clone()), Just([rows.clone(), rows].concat()).prop_shuffle())),
            gap in 0..20_i64,
        ) {
            let kept = bundle(&rows, within(gap));
            prop_assert_eq!(summary(&kept), model(&rows, gap));
            prop_assert_eq!(&kept, &bundle(&mixed, within(gap)));
            let ids: BTreeSet<_> = kept.relationships().map(|it| it.id).collect();
            prop_assert_eq!(ids.len(), kept.relationships().count());
        }
    }
}
