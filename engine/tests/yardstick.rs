//! Large answers, which several threads work on, become the very bytes that a mapper written by hand makes of them on its own.

#[path = "../../benches/mapping/answers.rs"]
#[allow(dead_code, reason = "benchmarks use the rest")]
mod answers;

#[path = "../../benches/mapping/engine.rs"]
#[allow(dead_code, reason = "benchmarks use the rest")]
mod engine;

#[path = "../../benches/mapping/yardstick.rs"]
#[allow(dead_code, reason = "benchmarks use the rest")]
mod yardstick;

use answers::Shape;
use engine::Engine;

#[test]
fn large_answers_become_what_they_do_by_hand() {
    for shape in Shape::ALL {
        let answer = shape.answer(10_000);
        assert!(answer.len() > 1024 * 1024, "it is large");
        let (mut bundle, mut by_hand) = (vec![], vec![]);
        let rows = yardstick::map(shape, &answer, false, |piece| by_hand.extend_from_slice(piece));
        let report = Engine::shipped(shape).report(answer);
        Engine::write(&report.bundle, |piece| bundle.extend_from_slice(piece));
        assert_eq!(report.counts.read, rows, "{shape:?}");
        assert!(bundle == by_hand, "{shape:?}");
    }
}
