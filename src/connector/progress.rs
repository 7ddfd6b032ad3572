//! How far a delivery has come, counted as its work counts: what the work expects, what was sent for certain, what was given up,
//! and what is said when all is sent. It outlives the process, so that another announces and sends what is left and no more.

use super::platform::Tracking;
use serde::{Deserialize, Serialize};

/// What is said at the end, to whoever waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WorkMessage {
    pub(super) text: String,
    pub(super) in_error: bool,
}

impl WorkMessage {
    pub(super) fn error(text: impl Into<String>) -> WorkMessage {
        WorkMessage { text: text.into(), in_error: true }
    }

    /// The same, with what comes after it.
    pub(super) fn and(self, more: &str) -> WorkMessage {
        WorkMessage { text: format!("{}; {more}", self.text), ..self }
    }

    /// The same as a failure, with what failed.
    pub(super) fn but(self, failure: &str) -> WorkMessage {
        WorkMessage::error(format!("{}; but {failure}", self.text))
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    /// The bundle that is sent, and how many messages it is.
    bundle: String,
    number: usize,
    /// So many of them are sent for certain.
    sent: usize,
    /// What the work expects in all, as far as that is certain.
    expected: usize,
    /// What it expects if the platform did what it was asked last.
    asked: usize,
    /// So many of what it expects were of bundles before, or will never come and were reported.
    settled: usize,
    /// Whether messages may have been sent that are not among those: what the work has seen may be them.
    is_blurred: bool,
    /// The draft that was made for it.
    pub(super) draft: Option<String>,
    said: Option<WorkMessage>,
}

impl Progress {
    /// Of a work that another process began with.
    pub(super) fn of_another(tracking: Tracking) -> Progress {
        let Tracking { expected, processed } = tracking;
        Progress { expected, asked: expected, settled: processed, is_blurred: true, ..Progress::default() }
    }

    /// Turns to a bundle of so many messages. What was sent of the same bundle before counts.
    pub(super) fn turn_to(&mut self, bundle: &str, number: usize, said: WorkMessage) {
        self.is_blurred |= self.left() > 0;
        if !self.is_of(bundle) || self.number != number {
            self.settled += self.sent;
            self.sent = 0;
        }
        (self.bundle, self.number, self.said) = (bundle.to_owned(), number, Some(said));
    }

    /// Whether it is about this bundle.
    pub(super) fn is_of(&self, bundle: &str) -> bool {
        self.bundle == bundle
    }

    /// How many messages of the bundle are sent for certain.
    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    pub(super) fn send_up_to(&mut self, sent: usize) {
        self.sent = sent;
    }

    /// How many messages of the bundle are not sent for certain.
    pub(super) fn left(&self) -> usize {
        self.number.saturating_sub(self.sent)
    }

    /// What the work waits for, and is not sent for certain.
    pub(super) fn open(&self) -> usize {
        self.expected.saturating_sub(self.settled + self.sent)
    }

    /// How many messages must be announced before the rest is sent.
    pub(super) fn unannounced(&self) -> usize {
        self.left().saturating_sub(self.open())
    }

    /// How many are announced that will not come.
    pub(super) fn surplus(&self) -> usize {
        self.open().saturating_sub(self.left())
    }

    /// So many were reported that will not come.
    pub(super) fn give_up(&mut self, number: usize) {
        self.settled += number;
    }

    /// What the work expects for certain.
    pub(super) fn expected(&self) -> usize {
        self.expected
    }

    /// The platform is asked to expect more.
    pub(super) fn ask(&mut self, more: usize) {
        self.asked = self.expected + more;
    }

    /// Whether the process died before the platform said that it does.
    pub(super) fn is_unsure(&self) -> bool {
        self.asked != self.expected
    }

    /// The platform does what it was asked.
    pub(super) fn agree(&mut self) {
        self.expected = self.asked;
    }

    /// What the work counts, whatever it was asked. Where that is not told, it is taken to have done what it was asked.
    pub(super) fn learn(&mut self, tracking: Option<Tracking>) {
        self.asked = tracking.map_or(self.asked, |tracking| tracking.expected);
        self.expected = self.asked;
        // All of the bundle has arrived, though the broker could not say so in time.
        let all = self.settled + self.number;
        if !self.is_blurred && tracking.is_some_and(|told| (told.expected, told.processed) == (all, all)) {
            self.sent = self.number;
        }
    }

    /// Messages may have been sent, or reported, that are not known to be: they may be so again.
    pub(super) fn blur(&mut self) {
        self.is_blurred = true;
    }

    /// The platform does not do what it was asked.
    pub(super) fn refuse(&mut self) {
        self.asked = self.expected;
    }

    /// Nothing more is sent: this is said.
    pub(super) fn end(&mut self, said: WorkMessage) {
        self.settled += self.sent;
        (self.number, self.sent, self.said) = (0, 0, Some(said));
    }

    /// What is to be said, if nothing else is left to do.
    pub(super) fn ended(&self) -> Option<&WorkMessage> {
        self.said.as_ref().filter(|_| self.left() == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said() -> WorkMessage {
        WorkMessage { text: "fine".into(), in_error: false }
    }

    fn announced(number: usize) -> Progress {
        let mut progress = Progress::default();
        progress.turn_to("a", number, said());
        progress.ask(progress.unannounced());
        progress.agree();
        progress
    }

    #[test]
    fn the_rest_of_the_same_bundle_is_sent_and_not_announced_again() {
        let mut progress = announced(3);
        progress.send_up_to(2);
        assert_eq!((progress.open(), progress.ended()), (1, None));
        progress.turn_to("a", 3, said());
        assert_eq!((progress.sent(), progress.unannounced(), progress.surplus()), (2, 0, 0));
        progress.send_up_to(3);
        assert_eq!((progress.open(), progress.ended()), (0, Some(&said())));
    }

    #[test]
    fn of_another_bundle_what_is_not_covered_is_announced() {
        let after = |number| {
            let mut progress = announced(5);
            progress.send_up_to(2);
            progress.turn_to("b", number, said());
            (progress.sent(), progress.unannounced(), progress.surplus())
        };
        assert_eq!(after(7), (0, 4, 0));
        assert_eq!(after(3), (0, 0, 0));
        assert_eq!(after(1), (0, 0, 2));
    }

    #[test]
    fn what_may_have_been_announced_is_known_when_the_platform_tells_it() {
        let mut progress = Progress::default();
        progress.turn_to("a", 4, said());
        progress.ask(4);
        assert!(progress.is_unsure());
        for (told, unannounced) in [(Some(0), 4), (Some(4), 0), (None, 0)] {
            let mut progress = progress.clone();
            progress.learn(told.map(|expected| Tracking { expected, processed: 0 }));
            assert_eq!((progress.is_unsure(), progress.unannounced()), (false, unannounced), "{told:?}");
        }
    }

    #[test]
    fn what_has_arrived_was_sent_unless_it_may_be_something_else() {
        let all = Some(Tracking { expected: 5, processed: 5 });
        let mut progress = announced(5);
        progress.learn(Some(Tracking { expected: 5, processed: 4 }));
        assert_eq!(progress.ended(), None);
        let mut again = progress.clone();
        progress.learn(all);
        assert_eq!(progress.ended(), Some(&said()));
        // Some of it may have been sent twice.
        let mut repeated = again.clone();
        repeated.blur();
        again.turn_to("a", 5, said());
        for mut progress in [again, repeated] {
            progress.learn(all);
            assert_eq!(progress.ended(), None);
        }
    }

    #[test]
    fn what_another_process_sent_is_seen_by_what_the_work_counts() {
        let mut progress = Progress::of_another(Tracking { expected: 10, processed: 4 });
        progress.turn_to("a", 10, said());
        assert_eq!((progress.unannounced(), progress.surplus()), (4, 0));
    }

    #[test]
    fn what_is_given_up_is_announced_again_when_it_comes_after_all() {
        let mut progress = announced(5);
        progress.send_up_to(2);
        progress.give_up(progress.open());
        progress.end(WorkMessage::error("no broker"));
        assert_eq!((progress.open(), progress.ended()), (0, Some(&WorkMessage::error("no broker"))));
        progress.turn_to("a", 5, said());
        assert_eq!((progress.sent(), progress.unannounced()), (0, 5));
    }

    proptest! {
        /// However often it is sent, and however much of it arrives unseen: what is told as sent has arrived.
        #[test]
        fn what_is_told_as_sent_has_arrived(
            number in 1..9_usize,
            tries in proptest::collection::vec((0..9_usize, 0..9_usize, any::<bool>()), 1..5),
        ) {
            let (mut progress, mut arrived, mut processed) = (announced(number), vec![false; number], 0);
            for (sent, certain, is_killed) in tries {
                let from = progress.sent();
                let to = number.min(from + sent);
                arrived[from..to].fill(true);
                processed += to - from;
                progress.send_up_to(to.min(from + certain));
                match is_killed {
                    true => progress.turn_to("a", number, said()),
                    false => progress.blur(),
                }
                progress.learn(Some(Tracking { expected: number, processed }));
                if progress.ended().is_some() {
                    prop_assert!(arrived.iter().all(|is_there| *is_there));
                }
            }
        }

        /// However often it is begun anew, by which bundle, and ended in the middle: the work gets what it expects, exactly.
        #[test]
        fn a_work_expects_what_it_gets(turns in proptest::collection::vec((0..3_usize, 0..9_usize, 0..9_usize), 1..9)) {
            let (mut progress, mut expected, mut got) = (Progress::default(), 0, 0);
            let count = turns.len();
            for (turn, (bundle, number, sent)) in turns.into_iter().enumerate() {
                progress.turn_to(["a", "b", "c"][bundle], number, said());
                got += progress.surplus();
                progress.give_up(progress.surplus());
                let more = progress.unannounced();
                expected += more;
                progress.ask(more);
                progress.agree();
                let before = progress.sent();
                let is_last = turn + 1 == count;
                let now = if is_last { number } else { number.min(before + sent) };
                got += now - before;
                progress.send_up_to(now);
                prop_assert_eq!(expected - got, progress.open());
            }
            prop_assert_eq!((expected, progress.open()), (got, 0));
        }
    }
}
