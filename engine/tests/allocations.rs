//! Memory budgets per record: number of allocations, allocated octets, and peak memory, for each shape of response.
//! Unlike time, they are reproducible; a regression requires raising a budget explicitly.

#[path = "../../benches/mapping/answers.rs"]
#[allow(dead_code, reason = "benchmarks use the rest")]
mod answers;

#[path = "../../benches/mapping/engine.rs"]
#[allow(dead_code, reason = "benchmarks use the rest")]
mod engine;

use allocation_counter::{AllocationInfo, measure};
use answers::Shape;
use engine::Engine;

/// Responses from this size are parsed on another thread, whose allocations are not counted.
const READ_AHEAD: usize = 1024 * 1024;

/// Maximum cost per record.
struct Budget {
    shape: Shape,
    /// Difference in the number of records of the two measured responses.
    records: u64,
    /// Allocations per 100 records.
    allocations: u64,
    /// Octets allocated per record, freed or not. With secrets in a profile, the search in all encodings copies the
    /// response two or three times, 64 KiB at once.
    allocated: u64,
    /// Peak memory per record in octets, without the response and the bundle's text.
    held: u64,
}

const BUDGETS: [Budget; 3] = [
    Budget { shape: Shape::PassiveTotal, records: 2_048, allocations: 520, allocated: 1_400, held: 101 },
    Budget { shape: Shape::Saf, records: 3_072, allocations: 865, allocated: 2_050, held: 172 },
    Budget { shape: Shape::Cof, records: 2_400, allocations: 600, allocated: 665, held: 99 },
];

#[test]
fn allocations_per_record_stay_within_the_budget() {
    let mut over = vec![];
    for Budget { shape, records, allocations, allocated, held } in BUDGETS {
        let engine = Engine::shipped(shape);
        let (few, many) = (cost(&engine, shape, records), cost(&engine, shape, 2 * records));
        let costs = [
            ((many.count_total - few.count_total) * 100 / records, allocations, "allocations per 100 records"),
            ((many.bytes_total - few.bytes_total) / records, allocated, "octets allocated per record"),
            // Lists double their capacity, so that a difference of two sizes would depend on where they lie between two
            // steps.
            (many.bytes_max / (2 * records), held, "octets held per record"),
        ];
        let exceeding = costs.iter().filter(|(cost, budget, _)| cost > budget);
        over.extend(exceeding.map(|(cost, budget, what)| format!("{shape:?}: {cost} {what}, of {budget}")));
    }
    assert!(over.is_empty(), "{}", over.join("\n"));
}

fn cost(engine: &Engine, shape: Shape, records: u64) -> AllocationInfo {
    let answer = shape.answer(records);
    assert!(answer.len() < READ_AHEAD, "the response is parsed on this thread");
    let cost = measure(|| {
        engine.report(answer);
    });
    assert!(cost.count_total > 0, "allocations are counted");
    cost
}
