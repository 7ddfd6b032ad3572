//! Parallel computation on scoped threads. Results and their order do not depend on the number of threads. This is the
//! only module of the engine that creates threads; they only compute, and end with the call. The number of processors
//! is all that the engine reads from its environment.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{LazyLock, Mutex};
use std::thread::{Builder, ScopedJoinHandle, available_parallelism, scope};

/// Minimum number of items for which threads are worth their cost.
const PARALLEL_MINIMUM: usize = 8 * 1024;

/// Maximum number of threads: more would wait for memory.
const MAX_THREADS: usize = 8;

/// Number of finished results that a worker may queue.
const QUEUE: usize = 4;

/// Returns the number of threads to use.
pub(crate) fn processors() -> usize {
    static PROCESSORS: LazyLock<usize> =
        LazyLock::new(|| available_parallelism().map_or(1, usize::from).min(MAX_THREADS));
    *PROCESSORS
}

/// Returns the number of threads for a number of items.
pub(crate) fn workers(items: usize) -> usize {
    if items < PARALLEL_MINIMUM { 1 } else { processors() }
}

/// Parallel map for items that each take long, such as compiling a profile; order preserved.
pub fn map<T: Sync, R: Send>(items: &[T], convert: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    for_each(processors().min(items.len()), items.iter().zip(&mut results), |(item, result)| {
        *result = Some(convert(item));
    });
    results.into_iter().map(|result| result.expect("every item was converted")).collect()
}

/// Parallel map for many items that each take little time, by index; order preserved.
pub(crate) fn map_chunked<T: Sync, R: Default + Clone + Send>(
    items: &[T],
    convert: impl Fn(usize, &T) -> R + Sync,
) -> Vec<R> {
    let mut results = vec![R::default(); items.len()];
    let workers = workers(items.len());
    let length = items.len().div_ceil(workers).max(1);
    let chunks = (0..).step_by(length).zip(items.chunks(length).zip(results.chunks_mut(length)));
    for_each(workers, chunks, |(start, (items, results))| {
        for (index, (item, result)) in (start..).zip(items.iter().zip(results)) {
            *result = convert(index, item);
        }
    });
    results
}

/// Runs two closures, in parallel if there is more than one worker.
pub(crate) fn join(workers: usize, one: impl FnOnce() + Send, other: impl FnOnce() + Send) {
    let both: [Box<dyn FnOnce() + Send>; 2] = [Box::new(one), Box::new(other)];
    for_each(workers, both.into_iter(), |task| task());
}

/// Passes `first` and then the converted parts to `sink` in order, while later parts are converted by the workers.
/// Stops at the first error of `sink`.
pub(crate) fn map_in_order<P: Sync, R: Send, E>(
    workers: usize,
    first: impl FnOnce() -> R,
    parts: &[P],
    convert: impl Fn(&P) -> R + Sync,
    mut sink: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    scope(|scope| {
        let worker = |number: usize| -> Receiver<R> {
            let (sender, ready) = sync_channel(QUEUE);
            let mut mine = parts.iter().skip(number).step_by(workers).map(&convert);
            let _ = Builder::new().spawn_scoped(scope, move || mine.try_for_each(|part| sender.send(part)));
            ready
        };
        let ready: Vec<Receiver<R>> = (0..workers).filter(|_| workers > 1).map(worker).collect();
        sink(first())?;
        // Parts without a worker are converted here: creating a thread may fail.
        parts.iter().enumerate().try_for_each(|(index, part)| {
            let converted = ready.get(index % workers).and_then(|ready| ready.recv().ok());
            sink(converted.unwrap_or_else(|| convert(part)))
        })
    })
}

/// Runs a producer in a thread and passes its parts to `sink` here, in order. If no thread can be created, both run
/// alternately on this thread. A panic of the producer is resumed here.
pub(crate) fn produce_ahead<P: Send, R: Send>(
    produce: impl Fn(&mut dyn FnMut(P)) -> R + Sync,
    mut sink: impl FnMut(P),
) -> R {
    scope(|scope| {
        let (sender, ready) = sync_channel(QUEUE);
        // Sending fails only if the receiver has panicked.
        let send = move |part| drop(sender.send(part));
        let producer = Builder::new().spawn_scoped(scope, || produce(&mut { send }));
        ready.iter().for_each(&mut sink);
        match producer.map(ScopedJoinHandle::join) {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => produce(&mut sink),
        }
    })
}

/// Calls `run` for each task. An idle worker takes the next task; if no thread can be created, this thread runs all of
/// them.
fn for_each<W: Send>(workers: usize, tasks: impl Iterator<Item = W> + Send, run: impl Fn(W) + Sync) {
    let tasks = Mutex::new(tasks);
    let next = || tasks.lock().expect("taking the next task does not panic").next();
    let worker = || {
        while let Some(task) = next() {
            run(task);
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
    fn map_chunked_preserves_order() {
        for length in [0, 1, PARALLEL_MINIMUM - 1, PARALLEL_MINIMUM, PARALLEL_MINIMUM + 1, 5 * PARALLEL_MINIMUM + 3] {
            let items: Vec<usize> = (0..length).map(|number| number * 3).collect();
            let results = map_chunked(&items, |index, item| (index, item + 1));
            assert_eq!(results, items.iter().map(|item| item + 1).enumerate().collect::<Vec<_>>());
        }
    }

    #[test]
    fn map_preserves_order() {
        for length in [0, 1, 2, 100] {
            let items: Vec<u32> = (0..length).collect();
            assert!(map(&items, |item| item * 3).into_iter().eq((0..length).map(|item| item * 3)));
        }
    }

    #[test]
    fn for_each_runs_each_task_once() {
        for workers in [1, 2, 5] {
            let mut runs = vec![0; 1000];
            for_each(workers, runs.iter_mut(), |count| *count += 1);
            assert_eq!(runs, [1; 1000], "{workers} workers");
        }
    }

    #[test]
    fn map_in_order_preserves_order() {
        let parts: Vec<u32> = (1..=1000).collect();
        for workers in [1, 2, 5] {
            let mut seen = vec![];
            let sink = |part: u32| {
                seen.push(part);
                Ok::<(), ()>(())
            };
            assert_eq!(map_in_order(workers, || 0, &parts, |part| *part, sink), Ok(()));
            assert!(seen.iter().copied().eq(0..=1000), "{workers} workers");
        }
    }

    #[test]
    fn produce_ahead_preserves_order() {
        let produce = |send: &mut dyn FnMut(u32)| {
            (0..1000).for_each(send);
            "all"
        };
        let mut seen = vec![];
        assert_eq!(produce_ahead(produce, |part| seen.push(part)), "all");
        assert!(seen.into_iter().eq(0..1000));
    }

    #[test]
    fn produce_ahead_resumes_panic_of_producer() {
        let produce = |send: &mut dyn FnMut(u32)| {
            send(1);
            panic!("a simulated fault");
        };
        assert!(std::panic::catch_unwind(|| produce_ahead(produce, |_| ())).is_err());
    }

    #[test]
    fn map_in_order_stops_at_first_error() {
        let parts: Vec<u32> = (1..=1000).collect();
        for workers in [1, 2, 5] {
            let sink = |part: u32| if part < 7 { Ok(()) } else { Err(part) };
            assert_eq!(map_in_order(workers, || 0, &parts, |part| *part, sink), Err(7), "{workers} workers");
        }
    }
}
