//! What a record costs, counted instead of timed: allocations, their octets, and the most memory at once. A budget stands
//! here for each shape of answer; whoever makes the engine dearer has to say so by raising it, and no noise of a machine
//! hides it.

#[path = "../../benches/mapping/answers.rs"]
#[allow(dead_code, reason = "benchmarks use the rest")]
mod answers;

#[path = "../../benches/mapping/engine.rs"]
#[allow(dead_code, reason = "benchmarks use the rest")]
mod engine;

use allocation_counter::{AllocationInfo, measure};
use answers::Shape;
use engine::Engine;

/// So many records more make the difference that is counted. Twice as many are still worked on by one thread: no other is
/// counted.
const RECORDS: u64 = 2_000;

/// What a record may cost.
struct Budget {
    shape: Shape,
    /// Allocations of a hundred records.
    allocations: u64,
    /// Octets that are asked for, and mostly copied to; freed again or not.
    allocated: u64,
    /// Octets that are held, besides the answer and the bundle's text.
    held: u64,
}

const BUDGETS: [Budget; 3] = [
    Budget { shape: Shape::PassiveTotal, allocations: 510, allocated: 580, held: 103 },
    Budget { shape: Shape::Saf, allocations: 865, allocated: 905, held: 172 },
    Budget { shape: Shape::Cof, allocations: 600, allocated: 678, held: 101 },
];

#[test]
fn a_record_costs_no_more_than_its_budget() {
    let mut over = vec![];
    for Budget { shape, allocations, allocated, held } in BUDGETS {
        let engine = Engine::shipped(shape);
        let (few, many) = (cost(&engine, shape, RECORDS), cost(&engine, shape, 2 * RECORDS));
        let costs = [
            ((many.count_total - few.count_total) * 100 / RECORDS, allocations, "allocations of a hundred"),
            ((many.bytes_total - few.bytes_total) / RECORDS, allocated, "octets allocated"),
            // Lists double as they grow: a difference would count where two sizes stand between two steps.
            (many.bytes_max / (2 * RECORDS), held, "octets held"),
        ];
        let dearer = costs.iter().filter(|(cost, budget, _)| cost > budget);
        over.extend(dearer.map(|(cost, budget, what)| format!("{shape:?}: {cost} {what}, of {budget}")));
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
