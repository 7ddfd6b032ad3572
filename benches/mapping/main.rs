//! How long an answer takes, bytes in and bundle bytes out: the engine by its profile, beside a mapper written by hand for
//! that answer, and beside reading the answer alone. All in turns in one process, the best of several; ratios are for quoting.
//!
//! `mapping` measures, `mapping quick` one size only; `mapping once SHAPE RECORDS engine|engine-saying-data|yardstick|parse` does one thing, for callgrind
//! and for memory; `mapping write SHAPE RECORDS` prints an answer, `mapping bundle SHAPE RECORDS` what it becomes.

mod answers;
mod engine;
mod yardstick;

use answers::Shape;
use engine::Engine;
use std::io::Write;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many records an answer has, and how often it is mapped.
const SIZES: [(u64, usize); 6] = [(10, 400), (100, 200), (1_000, 60), (10_000, 15), (100_000, 7), (1_000_000, 3)];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => measure_all(),
        ["quick"] => measure_each(&[(100_000, 5)]),
        ["write", shape, records] => {
            let answer = self::shape(shape).answer(records.parse().expect("a number"));
            std::io::stdout().write_all(&answer).expect("somebody reads it");
        }
        ["bundle", shape, records] => {
            let shape = self::shape(shape);
            let bundle = mapped(&Engine::shipped(shape), shape.answer(records.parse().expect("a number"))).1;
            std::io::stdout().write_all(&bundle).expect("somebody reads it");
        }
        ["once", shape, records, what] => once(self::shape(shape), records.parse().expect("a number"), what),
        _ => panic!("what `{}` means stands at the top of this file", arguments.join(" ")),
    }
}

fn shape(profile: &str) -> Shape {
    Shape::ALL.into_iter().find(|shape| shape.profile() == profile).expect("the name of one of the three profiles")
}

fn once(shape: Shape, records: u64, what: &str) {
    let answer = shape.answer(records);
    let bytes = answer.len();
    let out = match what {
        "engine" => mapped(&Engine::shipped(shape), answer).1.len(),
        "engine-saying-data" => mapped(&Engine::saying_data(shape), answer).1.len(),
        "yardstick" => yardstick::map(shape, &answer, false).bundle.len(),
        "parse" => usize::try_from(yardstick::parse_only(shape, &answer)).expect("it is small"),
        _ => 0,
    };
    println!("{bytes} {out}");
}

/// Bytes in, how many records and bytes out.
fn mapped(engine: &Engine, answer: Vec<u8>) -> (u64, Vec<u8>) {
    let report = engine.report(answer);
    (report.counts.read, Engine::write(&report.bundle))
}

/// One line a measurement, as JSON, for the report.
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

fn measure(name: &str, shape: Shape, engine: &Engine, says_data: bool, (records, turns): (u64, usize)) {
    let answer = shape.answer(records);
    let mut best = [Duration::MAX; 3];
    for turn in 0..turns {
        let copy = answer.clone();
        let (by_engine, (read, bundle)) = timed(|| mapped(engine, copy));
        let (by_hand, other) = timed(|| yardstick::map(shape, &answer, says_data));
        let (parse, rows) = timed(|| yardstick::parse_only(shape, &answer));
        if turn == 0 {
            assert!(bundle == other.bundle, "{}", difference(&bundle, &other.bundle));
            assert_eq!((read, rows), (other.rows, other.rows));
        }
        best = [by_engine.min(best[0]), by_hand.min(best[1]), parse.min(best[2])];
    }
    let [by_engine, by_hand, parse] = best.map(|time| time.as_secs_f64() * 1e9 / records as f64);
    println!(
        r#"{{"name":"{name}","records":{records},"engine":{by_engine:.1},"yardstick":{by_hand:.1},"parse":{parse:.1},"ratio":{:.3}}}"#,
        by_engine / by_hand
    );
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let done = work();
    (begun.elapsed(), done)
}

/// Where two bundles part, for whoever has changed one of the mappers.
fn difference(engine: &[u8], yardstick: &[u8]) -> String {
    let at = engine.iter().zip(yardstick).take_while(|(one, other)| one == other).count();
    let around =
        |bytes: &[u8]| String::from_utf8_lossy(&bytes[at.saturating_sub(200)..bytes.len().min(at + 200)]).into_owned();
    format!("they part at byte {at}:\nengine    {}\nyardstick {}", around(engine), around(yardstick))
}
