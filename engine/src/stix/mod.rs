//! STIX 2.1 objects in the form that OpenCTI imports: observable types, deterministic ids, markings, permitted
//! relationships, bundles. Independent of providers, records and rules, and of OpenCTI's protocol.

mod bundle;
mod columns;
mod graph;
mod id;
mod index;
mod json;
mod observable_type;
mod marking;
mod object;
mod observable;
mod pap;
mod periods;
mod inline_string;
mod time;
mod tlp;
mod descriptions;
mod serialize;

pub use bundle::Bundle;
pub use graph::{Graph, Policy, RelationshipReport, Repeats, Seen};
pub use id::Id;
pub use index::Index;
pub use json::Layout;
pub use marking::{Evidence, Flattened, Marking, Subject};
pub use object::{Identity, Object, Relationship};
pub use observable::{Observable, ObservableError};
pub use observable_type::{ObservableType, Permission, RelationshipType, is_permitted, permission, permitted_between};
pub use pap::Pap;
pub use time::{LATEST, id_time, object_time, stix_time};
pub use tlp::Tlp;
