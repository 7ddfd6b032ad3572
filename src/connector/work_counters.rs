//! Counters of a work: messages that it expects, that were published, and that were given
//! up. They are stored in the journal, so that after a restart only the rest is announced and published.

use super::platform::Tracking;
use serde::{Deserialize, Serialize};

/// Final message of a work, for analysts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WorkMessage {
    pub(super) text: String,
    pub(super) in_error: bool,
}

impl WorkMessage {
    pub(super) fn error(text: impl Into<String>) -> WorkMessage {
        WorkMessage { text: text.into(), in_error: true }
    }

    /// Appends a remark.
    pub(super) fn and(self, more: &str) -> WorkMessage {
        WorkMessage { text: format!("{}; {more}", self.text), ..self }
    }

    /// Appends a failure, which makes it an error.
    pub(super) fn but(self, failure: &str) -> WorkMessage {
        WorkMessage::error(format!("{}; but {failure}", self.text))
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    /// Id of the bundle that is published, and its number of messages.
    bundle: String,
    number: usize,
    /// Messages that the broker confirmed.
    sent: usize,
    /// Messages that the work expects, as far as the platform confirmed it.
    expected: usize,
    /// Messages that it expects if the last request was executed.
    requested: usize,
    /// Expected messages that belonged to earlier bundles, or were reported as failed.
    settled: usize,
    /// Whether more messages may have been published or reported than are counted here.
    is_uncertain: bool,
    /// Id of the draft that was created for validation.
    pub(super) draft: Option<String>,
    message: Option<WorkMessage>,
}

impl Progress {
    /// Returns the progress of a work that another process began.
    pub(super) fn from_tracking(tracking: Tracking) -> Progress {
        let Tracking { expected, processed } = tracking;
        Progress { expected, requested: expected, settled: processed, is_uncertain: true, ..Progress::default() }
    }

    /// Begins a bundle of `number` messages. If it is the same bundle as before, its published messages count.
    pub(super) fn begin_bundle(&mut self, bundle: &str, number: usize, message: WorkMessage) {
        self.is_uncertain |= self.left() > 0;
        if !self.is_for(bundle) || self.number != number {
            self.settled += self.sent;
            self.sent = 0;
        }
        (self.bundle, self.number, self.message) = (bundle.to_owned(), number, Some(message));
    }

    /// Returns whether it is the progress of this bundle.
    pub(super) fn is_for(&self, bundle: &str) -> bool {
        self.bundle == bundle
    }

    /// Returns how many messages of the bundle the broker confirmed.
    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    pub(super) fn send_up_to(&mut self, sent: usize) {
        self.sent = sent;
    }

    /// Returns how many messages of the bundle are not confirmed.
    pub(super) fn left(&self) -> usize {
        self.number.saturating_sub(self.sent)
    }

    /// Returns how many messages the work expects that are not confirmed.
    pub(super) fn open(&self) -> usize {
        self.expected.saturating_sub(self.settled + self.sent)
    }

    /// Returns how many messages must be announced before the rest is published.
    pub(super) fn unannounced(&self) -> usize {
        self.left().saturating_sub(self.open())
    }

    /// Returns how many announced messages will never be published.
    pub(super) fn surplus(&self) -> usize {
        self.open().saturating_sub(self.left())
    }

    /// Counts expected messages that were reported as failed.
    pub(super) fn settle(&mut self, number: usize) {
        self.settled += number;
    }

    /// Returns how many messages the work expects, as far as the platform confirmed it.
    pub(super) fn expected(&self) -> usize {
        self.expected
    }

    /// Records that the platform is requested to expect more messages.
    pub(super) fn request(&mut self, more: usize) {
        self.requested = self.expected + more;
    }

    /// Returns whether the platform did not confirm the last request.
    pub(super) fn is_unconfirmed(&self) -> bool {
        self.requested != self.expected
    }

    /// Records that the platform executed the last request.
    pub(super) fn confirm(&mut self) {
        self.expected = self.requested;
    }

    /// Takes over the counters of the work. If they cannot be read, the last request counts as executed.
    pub(super) fn reconcile(&mut self, tracking: Option<Tracking>) {
        self.requested = tracking.map_or(self.requested, |tracking| tracking.expected);
        self.expected = self.requested;
        // The whole bundle was imported, although the broker did not confirm it in time.
        let all = self.settled + self.number;
        if !self.is_uncertain && tracking.is_some_and(|work| (work.expected, work.processed) == (all, all)) {
            self.sent = self.number;
        }
    }

    /// Records that messages may have been published or reported without confirmation; they may be repeated.
    pub(super) fn mark_uncertain(&mut self) {
        self.is_uncertain = true;
    }

    /// Records that the platform rejected the last request.
    pub(super) fn reject(&mut self) {
        self.requested = self.expected;
    }

    /// Ends publishing with this message; the rest of the bundle is not sent.
    pub(super) fn finish(&mut self, message: WorkMessage) {
        self.settled += self.sent;
        (self.number, self.sent, self.message) = (0, 0, Some(message));
    }

    /// Returns the final message if nothing is left to publish.
    pub(super) fn finished(&self) -> Option<&WorkMessage> {
        self.message.as_ref().filter(|_| self.left() == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message() -> WorkMessage {
        WorkMessage { text: "fine".into(), in_error: false }
    }

    fn announced(number: usize) -> Progress {
        let mut progress = Progress::default();
        progress.begin_bundle("a", number, message());
        progress.request(progress.unannounced());
        progress.confirm();
        progress
    }

    #[test]
    fn same_bundle_resumes_without_new_announcement() {
        let mut progress = announced(3);
        progress.send_up_to(2);
        assert_eq!((progress.open(), progress.finished()), (1, None));
        progress.begin_bundle("a", 3, message());
        assert_eq!((progress.sent(), progress.unannounced(), progress.surplus()), (2, 0, 0));
        progress.send_up_to(3);
        assert_eq!((progress.open(), progress.finished()), (0, Some(&message())));
    }

    #[test]
    fn other_bundle_announces_only_messages_in_excess() {
        let after = |number| {
            let mut progress = announced(5);
            progress.send_up_to(2);
            progress.begin_bundle("b", number, message());
            (progress.sent(), progress.unannounced(), progress.surplus())
        };
        assert_eq!(after(7), (0, 4, 0));
        assert_eq!(after(3), (0, 0, 0));
        assert_eq!(after(1), (0, 0, 2));
    }

    #[test]
    fn unconfirmed_announcement_is_resolved_by_tracking() {
        let mut progress = Progress::default();
        progress.begin_bundle("a", 4, message());
        progress.request(4);
        assert!(progress.is_unconfirmed());
        for (expected, unannounced) in [(Some(0), 4), (Some(4), 0), (None, 0)] {
            let mut progress = progress.clone();
            progress.reconcile(expected.map(|expected| Tracking { expected, processed: 0 }));
            assert_eq!((progress.is_unconfirmed(), progress.unannounced()), (false, unannounced), "{expected:?}");
        }
    }

    #[test]
    fn imported_bundle_counts_as_sent_unless_uncertain() {
        let all = Some(Tracking { expected: 5, processed: 5 });
        let mut progress = announced(5);
        progress.reconcile(Some(Tracking { expected: 5, processed: 4 }));
        assert_eq!(progress.finished(), None);
        let mut again = progress.clone();
        progress.reconcile(all);
        assert_eq!(progress.finished(), Some(&message()));
        // Some messages may have been sent twice.
        let mut repeated = again.clone();
        repeated.mark_uncertain();
        again.begin_bundle("a", 5, message());
        for mut progress in [again, repeated] {
            progress.reconcile(all);
            assert_eq!(progress.finished(), None);
        }
    }

    #[test]
    fn progress_of_another_process_is_read_from_tracking() {
        let mut progress = Progress::from_tracking(Tracking { expected: 10, processed: 4 });
        progress.begin_bundle("a", 10, message());
        assert_eq!((progress.unannounced(), progress.surplus()), (4, 0));
    }

    #[test]
    fn settled_messages_are_announced_again_when_resent() {
        let mut progress = announced(5);
        progress.send_up_to(2);
        progress.settle(progress.open());
        progress.finish(WorkMessage::error("no broker"));
        assert_eq!((progress.open(), progress.finished()), (0, Some(&WorkMessage::error("no broker"))));
        progress.begin_bundle("a", 5, message());
        assert_eq!((progress.sent(), progress.unannounced()), (0, 5));
    }

    proptest! {
        /// A finished bundle has arrived completely, whatever attempts and unconfirmed messages preceded.
        #[test]
        fn finished_bundle_has_arrived(
            number in 1..9_usize,
            attempts in proptest::collection::vec((0..9_usize, 0..9_usize, any::<bool>()), 1..5),
        ) {
            let (mut progress, mut arrived, mut processed) = (announced(number), vec![false; number], 0);
            for (sent, certain, is_killed) in attempts {
                let from = progress.sent();
                let to = number.min(from + sent);
                arrived[from..to].fill(true);
                processed += to - from;
                progress.send_up_to(to.min(from + certain));
                match is_killed {
                    true => progress.begin_bundle("a", number, message()),
                    false => progress.mark_uncertain(),
                }
                progress.reconcile(Some(Tracking { expected: number, processed }));
                if progress.finished().is_some() {
                    prop_assert!(arrived.iter().all(|is_there| *is_there));
                }
            }
        }

        /// The work receives exactly the messages that it expects, whatever bundles are begun and interrupted.
        #[test]
        fn work_receives_exactly_what_it_expects(bundles in proptest::collection::vec((0..3_usize, 0..9_usize, 0..9_usize), 1..9)) {
            let (mut progress, mut expected, mut received) = (Progress::default(), 0, 0);
            let count = bundles.len();
            for (turn, (bundle, number, sent)) in bundles.into_iter().enumerate() {
                progress.begin_bundle(["a", "b", "c"][bundle], number, message());
                received += progress.surplus();
                progress.settle(progress.surplus());
                let more = progress.unannounced();
                expected += more;
                progress.request(more);
                progress.confirm();
                let before = progress.sent();
                let is_last = turn + 1 == count;
                let now = if is_last { number } else { number.min(before + sent) };
                received += now - before;
                progress.send_up_to(now);
                prop_assert_eq!(expected - received, progress.open());
            }
            prop_assert_eq!((expected, progress.open()), (received, 0));
        }
    }
}
