//! Work on many things, shared by the processors for as long as it takes. What comes of it is the same, and in the same order,
//! as if one did it all. This is the one place where the engine has threads: they compute and end. How many processors there
//! are is all that the engine asks of the machine.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{LazyLock, Mutex};
use std::thread::{Builder, ScopedJoinHandle, available_parallelism, scope};

/// Fewer things are done by one before another has begun.
const MANY: usize = 8 * 1024;

/// More processors would wait for memory.
const MOST: usize = 8;

/// So many parts of each worker wait for whoever takes them.
const AHEAD: usize = 4;

/// How many processors there are to work with.
pub(crate) fn processors() -> usize {
    static PROCESSORS: LazyLock<usize> = LazyLock::new(|| available_parallelism().map_or(1, usize::from).min(MOST));
    *PROCESSORS
}

/// How many share the work on so many things.
pub(crate) fn workers(things: usize) -> usize {
    if things < MANY { 1 } else { processors() }
}

/// What becomes of things that take long, of each.
pub fn all<T: Sync, R: Send>(things: &[T], made: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let mut all: Vec<Option<R>> = things.iter().map(|_| None).collect();
    each(processors().min(things.len()), things.iter().zip(&mut all), |(thing, result)| *result = Some(made(thing)));
    all.into_iter().map(|result| result.expect("each was worked on")).collect()
}

/// What each of many things becomes, by its place.
pub(crate) fn map<T: Sync, R: Default + Clone + Send>(things: &[T], made: impl Fn(usize, &T) -> R + Sync) -> Vec<R> {
    let mut all = vec![R::default(); things.len()];
    let workers = workers(things.len());
    let part = things.len().div_ceil(workers).max(1);
    let parts = (0..).step_by(part).zip(things.chunks(part).zip(all.chunks_mut(part)));
    each(workers, parts, |(start, (things, results))| {
        for (place, (thing, result)) in (start..).zip(things.iter().zip(results)) {
            *result = made(place, thing);
        }
    });
    all
}

/// Does two things.
pub(crate) fn both(workers: usize, one: impl FnOnce() + Send, other: impl FnOnce() + Send) {
    let both: [Box<dyn FnOnce() + Send>; 2] = [Box::new(one), Box::new(other)];
    each(workers, both.into_iter(), |work| work());
}

/// Hands on what comes first, and what becomes of each part, in their order, while those that follow are worked on.
pub(crate) fn in_order<P: Sync, R: Send, E>(
    workers: usize,
    first: impl FnOnce() -> R,
    parts: &[P],
    made: impl Fn(&P) -> R + Sync,
    mut sink: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    scope(|scope| {
        let worker = |number: usize| -> Receiver<R> {
            let (sender, ready) = sync_channel(AHEAD);
            let mut mine = parts.iter().skip(number).step_by(workers).map(&made);
            let _ = Builder::new().spawn_scoped(scope, move || mine.try_for_each(|part| sender.send(part)));
            ready
        };
        let ready: Vec<Receiver<R>> = (0..workers).filter(|_| workers > 1).map(worker).collect();
        sink(first())?;
        // What no worker does is done here: there may be none.
        parts.iter().enumerate().try_for_each(|(place, part)| {
            let done = ready.get(place % workers).and_then(|ready| ready.recv().ok());
            sink(done.unwrap_or_else(|| made(part)))
        })
    })
}

/// Makes parts in a thread and takes them here, in their order; where no thread can be had, one after the other.
pub(crate) fn ahead<P: Send, R: Send>(made: impl Fn(&mut dyn FnMut(P)) -> R + Sync, mut sink: impl FnMut(P)) -> R {
    scope(|scope| {
        let (sender, ready) = sync_channel(AHEAD);
        // Nobody takes a part only where taking one has panicked.
        let hand_on = move |part| drop(sender.send(part));
        let maker = Builder::new().spawn_scoped(scope, || made(&mut { hand_on }));
        ready.iter().for_each(&mut sink);
        match maker.map(ScopedJoinHandle::join) {
            Ok(Ok(made)) => made,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => made(&mut sink),
        }
    })
}

/// Does each piece of work. Whoever is done takes the next one; where no thread can be had, this one does all of them.
fn each<W: Send>(workers: usize, work: impl Iterator<Item = W> + Send, does: impl Fn(W) + Sync) {
    let work = Mutex::new(work);
    let next = || work.lock().expect("taking the next one does not fail").next();
    let worker = || {
        while let Some(one) = next() {
            does(one);
        }
    };
    scope(|scope| {
        for _ in 1..workers {
            let _ = Builder::new().spawn_scoped(scope, worker);
        }
        worker();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_become_stands_where_they_stood() {
        for length in [0, 1, MANY - 1, MANY, MANY + 1, 5 * MANY + 3] {
            let things: Vec<usize> = (0..length).map(|number| number * 3).collect();
            let made = map(&things, |place, thing| (place, thing + 1));
            assert_eq!(made, things.iter().map(|thing| thing + 1).enumerate().collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_takes_long_stands_where_it_stood() {
        for length in [0, 1, 2, 100] {
            let things: Vec<u32> = (0..length).collect();
            assert!(all(&things, |thing| thing * 3).into_iter().eq((0..length).map(|thing| thing * 3)));
        }
    }

    #[test]
    fn each_piece_of_work_is_done_once() {
        for workers in [1, 2, 5] {
            let mut done = vec![0; 1000];
            each(workers, done.iter_mut(), |place| *place += 1);
            assert_eq!(done, [1; 1000], "{workers} workers");
        }
    }

    #[test]
    fn parts_are_handed_on_in_their_order() {
        let parts: Vec<u32> = (1..=1000).collect();
        for workers in [1, 2, 5] {
            let mut seen = vec![];
            let sink = |part: u32| {
                seen.push(part);
                Ok::<(), ()>(())
            };
            assert_eq!(in_order(workers, || 0, &parts, |part| *part, sink), Ok(()));
            assert!(seen.iter().copied().eq(0..=1000), "{workers} workers");
        }
    }

    #[test]
    fn parts_made_ahead_come_in_their_order() {
        let made = |hand_on: &mut dyn FnMut(u32)| {
            (0..1000).for_each(hand_on);
            "all"
        };
        let mut seen = vec![];
        assert_eq!(ahead(made, |part| seen.push(part)), "all");
        assert!(seen.into_iter().eq(0..1000));
    }

    #[test]
    fn a_panic_of_who_makes_parts_is_heard() {
        let made = |hand_on: &mut dyn FnMut(u32)| {
            hand_on(1);
            panic!("as if there were a fault");
        };
        assert!(std::panic::catch_unwind(|| ahead(made, |_| ())).is_err());
    }

    #[test]
    fn workers_end_when_nobody_takes_more() {
        let parts: Vec<u32> = (1..=1000).collect();
        for workers in [1, 2, 5] {
            let sink = |part: u32| if part < 7 { Ok(()) } else { Err(part) };
            assert_eq!(in_order(workers, || 0, &parts, |part| *part, sink), Err(7), "{workers} workers");
        }
    }
}
