//! Progress bar on a terminal, for work that takes more than a second.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;
use stixmap_engine::printable;

/// Returns a progress bar that appears after a second, or a hidden one if standard error is not a terminal.
pub(crate) fn bar(lookups: usize, is_wanted: bool) -> ProgressBar {
    if !is_wanted || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(lookups as u64), ProgressDrawTarget::hidden());
    let style = ProgressStyle::with_template("{spinner} {pos}/{len} lookups · {elapsed} · {msg}");
    bar.set_style(style.expect("the template is fixed"));
    let shown = bar.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if !shown.is_finished() {
            shown.set_draw_target(ProgressDrawTarget::stderr());
            shown.enable_steady_tick(Duration::from_millis(200));
        }
    });
    bar
}

/// Shows what is currently processed.
pub(crate) fn show(bar: &ProgressBar, text: &str) {
    bar.set_message(printable::line(text).into_owned());
}
