//! Measures the time from the bytes of a response to the bytes of a bundle: the engine with its profile, a mapper
//! written by hand for this response, and parsing alone. All alternate in one process, and the best time counts;
//! compare ratios only.
//!
//! `mapping` measures all sizes and `mapping quick` one. For profilers, `mapping once SHAPE RECORDS WHAT` runs once;
//! `WHAT` is `engine`, `engine-saying-data`, `yardstick` or `parse`. `mapping write SHAPE RECORDS` prints a response,
//! and `mapping bundle SHAPE RECORDS` its bundle.

mod answers;
mod engine;
mod yardstick;

use answers::Shape;
use engine::Engine;
use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The number of records of a response, and of repetitions.
const SIZES: [(u64, usize); 6] = [(10, 400), (100, 200), (1_000, 60), (10_000, 60), (100_000, 15), (1_000_000, 7)];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => measure_all(),
        ["quick"] => measure_each(&[(100_000, 5)]),
        ["write", shape, records] => {
            let answer = self::shape(shape).answer(records.parse().expect("a number"));
            std::io::stdout().write_all(&answer).expect("stdout is open");
        }
        ["bundle", shape, records] => {
            let shape = self::shape(shape);
            let print = |piece: &[u8]| std::io::stdout().write_all(piece).expect("stdout is open");
            map(&Engine::shipped(shape), shape.answer(records.parse().expect("a number")), print);
        }
        ["once", shape, records, what] => once(self::shape(shape), records.parse().expect("a number"), what),
        _ => panic!("unknown arguments `{}`; see the top of this file", arguments.join(" ")),
    }
}

fn shape(profile: &str) -> Shape {
    Shape::ALL.into_iter().find(|shape| shape.profile() == profile).expect("the name of one of the three profiles")
}

fn once(shape: Shape, records: u64, what: &str) {
    let answer = shape.answer(records);
    let (bytes, mut written) = (answer.len(), 0);
    let count = |piece: &[u8]| written += black_box(piece).len();
    let rows = match what {
        "engine" => map(&Engine::shipped(shape), answer, count),
        "engine-saying-data" => map(&Engine::saying_data(shape), answer, count),
        "yardstick" => yardstick::map(shape, &answer, false, count),
        "parse" => yardstick::parse_only(shape, &answer),
        _ => 0,
    };
    println!("{bytes} octets, {rows} rows, {written} octets");
}

/// Maps a response, and returns the number of records.
fn map(engine: &Engine, answer: Vec<u8>, sink: impl FnMut(&[u8])) -> u64 {
    let report = engine.report(answer);
    Engine::write(&report.bundle, sink);
    report.counts.read
}

/// Prints each measurement as a line of JSON, for the report.
fn measure_all() {
    measure_each(&SIZES);
}

fn measure_each(sizes: &[(u64, usize)]) {
    for shape in Shape::ALL {
        let engine = Engine::shipped(shape);
        sizes.iter().for_each(|size| measure(shape.profile(), shape, &engine, false, *size));
    }
    let engine = Engine::saying_data(Shape::PassiveTotal);
    measure("riskiq, a text for each record", Shape::PassiveTotal, &engine, true, (100_000, 7));
}

/// Discards the bundles, like a program that writes to a pipe.
fn measure(name: &str, shape: Shape, engine: &Engine, says_data: bool, (records, turns): (u64, usize)) {
    let answer = shape.answer(records);
    let (mut bundle, mut other) = (vec![], vec![]);
    let rows = map(engine, answer.clone(), |piece| bundle.extend_from_slice(piece));
    assert_eq!(yardstick::map(shape, &answer, says_data, |piece| other.extend_from_slice(piece)), rows);
    assert_eq!(rows, yardstick::parse_only(shape, &answer));
    assert!(bundle == other, "{}", difference(&bundle, &other));
    drop((bundle, other));
    let forget = |piece: &[u8]| {
        black_box(piece);
    };
    let mut best = [Duration::MAX; 3];
    for _ in 0..turns {
        let copy = answer.clone();
        let mut took = [Duration::ZERO; 3];
        took[0] = timed(|| map(engine, copy, forget));
        took[1] = timed(|| yardstick::map(shape, &answer, says_data, forget));
        took[2] = timed(|| yardstick::parse_only(shape, &answer));
        best = std::array::from_fn(|i| best[i].min(took[i]));
    }
    let [by_engine, by_hand, parse] = best.map(|time| time.as_secs_f64() * 1e9 / records as f64);
    println!(
        r#"{{"name":"{name}","records":{records},"engine":{by_engine:.1},"yardstick":{by_hand:.1},"parse":{parse:.1},"ratio":{:.3}}}"#,
        by_engine / by_hand
    );
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    black_box(work());
    begun.elapsed()
}

/// Describes the first difference of two bundles, for changes to one of the mappers.
fn difference(engine: &[u8], yardstick: &[u8]) -> String {
    let at = engine.iter().zip(yardstick).take_while(|(one, other)| one == other).count();
    let around =
        |bytes: &[u8]| String::from_utf8_lossy(&bytes[at.saturating_sub(200)..bytes.len().min(at + 200)]).into_owned();
    format!("first difference at byte {at}:\nengine    {}\nyardstick {}", around(engine), around(yardstick))
}
