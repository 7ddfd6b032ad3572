//! What a record costs, counted instead of timed: allocations, and the most memory at once. A budget stands here for each
//! shape of answer; whoever makes the engine dearer has to say so by raising it, and no noise of a machine hides it.

#[path = "../../benches/mapping/answers.rs"]
#[allow(dead_code, reason = "benchmarks use the rest")]
mod answers;

#[path = "../../benches/mapping/engine.rs"]
#[allow(dead_code, reason = "benchmarks use the rest")]
mod engine;

use allocation_counter::{AllocationInfo, measure};
use answers::Shape;
use engine::Engine;

/// So many records more make the difference that is counted.
const RECORDS: u64 = 4_000;

/// What a record may cost: allocations, of a hundred records; and octets besides the answer and the bundle's text.
const BUDGET: [(Shape, u64, u64); 3] =
    [(Shape::PassiveTotal, 660, 100), (Shape::Saf, 1_410, 180), (Shape::Cof, 930, 105)];

#[test]
fn a_record_costs_no_more_than_its_budget() {
    let mut over = vec![];
    for (shape, allocations, octets) in BUDGET {
        let engine = Engine::shipped(shape);
        let (few, many) = (cost(&engine, shape, RECORDS), cost(&engine, shape, 2 * RECORDS));
        let per_hundred = (many.count_total - few.count_total) * 100 / RECORDS;
        let held = (many.bytes_max - few.bytes_max) / RECORDS;
        if per_hundred > allocations || held > octets {
            over.push(format!("{shape:?}: {per_hundred} allocations of {allocations}, {held} octets of {octets}"));
        }
    }
    assert!(over.is_empty(), "{}", over.join("\n"));
}

fn cost(engine: &Engine, shape: Shape, records: u64) -> AllocationInfo {
    let answer = shape.answer(records);
    let cost = measure(|| {
        engine.report(answer);
    });
    assert!(cost.count_total > 0, "allocations are counted");
    cost
}
