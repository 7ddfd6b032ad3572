//! What a deployment is generated from: the profile, and the options of the command.

use super::variable::Variable;
use crate::image::Image;
use stixmap_engine::plan::Plan;

/// The profile to deploy, with the options of the command.
pub(super) struct Deployment<'d> {
    pub(super) plan: &'d Plan,
    pub(super) image: &'d Image,
    pub(super) replicas: u16,
    pub(super) variables: Vec<Variable>,
    /// Whether the profile is part of the image; otherwise it is deployed as a file.
    pub(super) in_image: bool,
}
