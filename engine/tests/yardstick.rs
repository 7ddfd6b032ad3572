//! Large responses, which several threads process, give the same bytes as a hand-written mapper.

#[path = "../../benches/mapping/answers.rs"]
#[allow(dead_code, reason = "benchmarks use the rest")]
mod answers;

#[path = "../../benches/mapping/engine.rs"]
#[allow(dead_code, reason = "benchmarks use the rest")]
mod engine;

#[path = "../../benches/mapping/yardstick.rs"]
#[allow(dead_code, reason = "benchmarks use the rest")]
mod handwritten;

use answers::Shape;
use engine::Engine;

#[test]
fn large_response_equals_the_handwritten_mapping() {
    for shape in Shape::ALL {
        let answer = shape.answer(10_000);
        assert!(answer.len() > 1024 * 1024, "the response is parsed ahead");
        let (mut bundle, mut by_hand) = (vec![], vec![]);
        let rows = handwritten::map(shape, &answer, false, |chunk| by_hand.extend_from_slice(chunk));
        let report = Engine::shipped(shape).report(answer);
        Engine::write(&report.bundle, |chunk| bundle.extend_from_slice(chunk));
        assert_eq!(report.counts.read, rows, "{shape:?}");
        assert!(bundle == by_hand, "{shape:?}");
    }
}
