//! Periods of one relationship: reports are joined where they overlap or lie within a gap of each other, in whatever order
//! they come and however often. Does not know which relationships are the same.

use super::columns::{Link, Moment};
use super::descriptions::DescriptionTable;

/// From the first to the last instant that reports of a period name, whether as a start or as a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reach {
    from: Moment,
    to: Moment,
}

impl Reach {
    /// Of one report: an end that is unknown lies where the other is.
    pub(super) fn of(link: &Link) -> Reach {
        Reach { from: link.first.earlier(link.last), to: link.first.later(link.last) }
    }

    /// Whether so many microseconds lie between them at most.
    pub(super) fn is_near(self, other: Reach, gap: i64) -> bool {
        !self.from.is_after(other.to, gap) && !other.from.is_after(self.to, gap)
    }

    pub(super) fn widen(&mut self, other: Reach) {
        *self = Reach { from: self.from.earlier(other.from), to: self.to.later(other.to) };
    }
}

/// A period of the relationship that is first reported at a place.
#[derive(Debug, Clone)]
pub(super) struct Period {
    pub(super) place: u32,
    pub(super) reach: Reach,
    pub(super) link: Link,
}

/// Joins what is near, of each place. Sorted by place.
pub(super) fn joined(mut periods: Vec<Period>, gap: i64, words: &mut DescriptionTable) -> Vec<Period> {
    // Stable: equal periods say the same in any order.
    periods.sort_by_key(|period| (period.place, period.reach));
    periods.dedup_by(|next, one| {
        one.place == next.place && one.reach.is_near(next.reach, gap) && absorb(one, next, words)
    });
    periods
}

/// Joins what has no start, of each place, however far apart: nothing else tells it apart. Sorted by place.
pub(super) fn without_start_once(mut periods: Vec<Period>, words: &mut DescriptionTable) -> Vec<Period> {
    let has_no_start = |period: &Period| period.link.first == Moment::new(None);
    periods.sort_by_key(|period| (period.place, !has_no_start(period), period.reach));
    periods.dedup_by(|next, one| one.place == next.place && has_no_start(next) && absorb(one, next, words));
    periods
}

fn absorb(one: &mut Period, next: &Period, words: &mut DescriptionTable) -> bool {
    one.reach.widen(next.reach);
    one.link.widen(&next.link);
    one.link.description = words.union(one.link.description, next.link.description);
    true
}

#[cfg(test)]
mod tests {
    use crate::dns::RrType;
    use crate::stix::{Bundle, Graph, Identity, Observable, Policy, RelationshipType, Repeats, Report, Seen, Tlp};
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
            let report = Report { seen, tlp: Tlp::Clear, rrtype: Some(rrtype), description };
            assert!(graph.relate(&asked, RelationshipType::RelatedTo, &other, report));
        }
        let created = Timestamp::UNIX_EPOCH;
        graph.into_bundle(&Identity::new("A provider", "organization", created), None, created)
    }

    /// What relationships say: description, start and stop.
    fn told(bundle: &Bundle) -> BTreeSet<(String, Option<i64>, Option<i64>)> {
        let days = |time: Option<Timestamp>| time.map(|time| time.as_second() / DAY);
        let told =
            bundle.relationships().map(|it| (it.descriptions.join(", "), days(it.start_time), days(it.stop_time)));
        told.collect()
    }

    fn within(days: i64) -> Repeats {
        Repeats::Gap(SignedDuration::from_secs(days * DAY))
    }

    #[test]
    fn periods_of_a_relationship_are_joined_within_the_gap_only() {
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
            let expected = expected.into_iter().map(|(said, first, last)| (said.to_owned(), first, last)).collect();
            assert_eq!(told(&bundle(&rows, within(30))), expected, "{rows:?}");
        }
    }

    #[test]
    fn widened_periods_are_one_whatever_the_types() {
        let rows = [(2, Some(0), Some(10)), (15, Some(900), Some(910))];
        let expected = BTreeSet::from([("MX record, NS record".to_owned(), Some(0), Some(910))]);
        assert_eq!(told(&bundle(&rows, Repeats::Widen)), expected);
    }

    #[test]
    fn the_lowest_type_of_equal_starts_keeps_the_id_that_others_derive() {
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

    /// The same by comparing each with each until nothing is near anything else.
    fn model(rows: &[Row], gap: i64) -> BTreeSet<(String, Option<i64>, Option<i64>)> {
        let mut found: Vec<Known> = vec![];
        for (rrtype, first, last) in rows {
            found.push((*rrtype, first.iter().copied().collect(), last.iter().copied().collect()));
        }
        let reach = |(_, firsts, lasts): &Known| {
            let all = firsts.iter().chain(lasts);
            (*all.clone().min().expect("a time"), *all.max().expect("a time"))
        };
        let is_one = |a: &Known, b: &Known| {
            let ((from, to), (other_from, other_to)) = (reach(a), reach(b));
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
        let told = found.into_iter().map(|(rrtype, firsts, lasts)| {
            let rrtype = RrType::parse(&rrtype.to_string()).expect("a type");
            let (first, last) = (firsts.into_iter().min(), lasts.into_iter().max());
            // A stop is later than the start: by a second, which is the same day.
            (format!("{rrtype} record"), first, last.map(|last| last.max(first.unwrap_or(last))))
        });
        told.collect()
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
        fn periods_are_those_of_the_model_in_any_order_and_number(
            (rows, mixed) in rows().prop_flat_map(|rows| (Just(rows.clone()), Just([rows.clone(), rows].concat()).prop_shuffle())),
            gap in 0..20_i64,
        ) {
            let one = bundle(&rows, within(gap));
            prop_assert_eq!(told(&one), model(&rows, gap));
            prop_assert_eq!(&one, &bundle(&mixed, within(gap)));
            let ids: BTreeSet<_> = one.relationships().map(|it| it.id).collect();
            prop_assert_eq!(ids.len(), one.relationships().count());
        }
    }
}
