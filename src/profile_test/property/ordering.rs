//! Invariance under the order of rows, their distribution over pages, and their repetition.

use super::bundle_view::difference;
use super::ensure::ensure;
use super::play::Played;
use super::scenario::{InjectedFault, Scenario};
use super::take::Take;

pub(super) fn order_free(take: &Take) -> Result<(), String> {
    let Ok(one) = take.stage.play(&take.scene.whole()) else { return Ok(()) };
    let reversed = take.scene.with_rows(|rows| rows.reverse());
    let turned = take.scene.with_rows(|rows| {
        let by = rows.len() / 2;
        rows.rotate_left(by);
    });
    for scene in [reversed, turned] {
        same(take, &one, &scene, "in another order")?;
    }
    if is_one_answer(take, &one) {
        same_if_asked_alike(take, &one, &take.scene.with_pages_reversed(), "on other pages")?;
    }
    Ok(())
}

/// Tests whether all pages belong to one request and its next pages, and each was received.
fn is_one_answer(take: &Take, one: &Played) -> bool {
    let pages = &take.scene.pages;
    let accepting =
        take.stage.plan.lookups.iter().filter(|lookup| lookup.accepts.contains(&one.setting.observable.kind()));
    let asks: usize = accepting.map(|lookup| lookup.for_each.len().max(1)).sum();
    asks == 1
        && pages.len() > 1
        && one.pages >= pages.len()
        && pages.iter().all(|page| page.fault == InjectedFault::None)
}

pub(super) fn idempotent(take: &Take) -> Result<(), String> {
    let Ok(one) = take.stage.play(&take.scene.whole()) else { return Ok(()) };
    let doubled = take.scene.with_rows(|rows| *rows = rows.iter().chain(rows.iter()).cloned().collect());
    same_if_asked_alike(take, &one, &doubled, "twice")
}

/// Checks that another scenario yields the same bundle.
fn same(take: &Take, one: &Played, scene: &Scenario, how: &str) -> Result<(), String> {
    let Ok(other) = take.stage.play(scene) else { return Ok(()) };
    ensure(one.bundle == other.bundle, || difference(how, &one.bundle, &other.bundle))
}

/// Checks the same if both scenarios send the same requests: with offset paging, repeated rows may shift the pages.
fn same_if_asked_alike(take: &Take, one: &Played, scene: &Scenario, how: &str) -> Result<(), String> {
    let Ok(other) = take.stage.play(scene) else { return Ok(()) };
    let is_comparable = one.exchanges.iter().map(|e| &e.request).eq(other.exchanges.iter().map(|e| &e.request));
    ensure(!is_comparable || one.bundle == other.bundle, || difference(how, &one.bundle, &other.bundle))
}
