//! The choices that determine a generated profile, however the author makes them.

use crate::cli::{AuthKind, Framing, PagingKind};
use stixmap_engine::stix::ObservableType;

/// Default base URL.
pub(crate) const BASE_URL: &str = "https://api.example.net";

/// The choices of the author.
pub(super) struct Choices {
    pub(super) base_url: String,
    pub(super) auth: AuthKind,
    pub(super) framing: Framing,
    pub(super) paging: PagingKind,
    pub(super) accepts: Vec<ObservableType>,
}
