//! Recorded test cases: an observable, the requests to a provider with their responses, and the transcript of the
//! result. A case is played as a normal run, with recorded responses and a clock that only waiting advances.

mod check;
mod declaration;
mod exchange;
mod play;
mod recorded;

pub use check::check;
pub use declaration::{CaseFile, ExchangeBlock, FaultWord, ObservableBlock, ReplyBlock};
pub use exchange::Exchange;
pub use play::{Asked, Played, input, play};
pub use recorded::Case;
