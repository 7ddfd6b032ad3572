//! What is published for one delivery, and where.

use super::instance::Connector;
use super::journal::Entry;
use super::message::Delivery;
use super::platform::RequestContext;

/// Publishes the objects of one delivery.
#[derive(Clone, Copy)]
pub(super) struct Publisher<'d> {
    pub(super) connector: &'d Connector,
    pub(super) delivery: &'d Delivery,
    pub(super) entry: &'d Entry,
    /// Id of the bundle that contains the objects.
    pub(super) bundle: &'d str,
    pub(super) context: RequestContext<'d>,
}
