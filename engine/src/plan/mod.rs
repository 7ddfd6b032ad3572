//! Compiled profiles. The compiler resolves names, parses paths, templates and conditions, and validates rules. A
//! [`Plan`] that compiles can run; all mistakes of a profile are reported here, with their locations.

mod answers;
mod auth;
mod body;
mod comparison;
mod compiler;
mod compiled;
mod compilation;
mod parts;
mod declared_settings;
mod consistency;
mod credentials;
mod cascade;
mod effect;
mod expression;
mod fields;
mod grammar;
mod http;
mod endpoints;
mod lookups;
mod fast_path;
mod pack;
mod paging;
mod path;
mod places;
mod quota;
mod records;
mod reserved;
mod rows;
mod rules;
mod setting;
mod template;
mod printable_texts;
mod time;
mod window;
mod window_text;
mod header_values;
mod headers;
mod standard_fields;

pub use answers::{AnswerPlan, BodyTestPlan, ResponseLocation};
pub use auth::{AuthPlan, BasicPlan, SignaturePlan, TokenBody, TokenCarrier, TokenEndpoint, TokenPlan};
pub use body::BodyPlan;
pub use compiled::{Plan, RelationshipPlan, TlpPlan, WindowPlan};
pub use compiler::ValueOrSetting;
pub use endpoints::{possible_sources, possible_targets, sources, targets};
pub use expression::{Condition, FILTERS, Filter, Prose, tests};
pub(crate) use fast_path::push_value;
pub use http::{BaseUrl, HttpPlan, RetryPlan};
pub use lookups::{JobPlan, LookupPlan, QueryPlan};
pub use pack::packs;
pub use paging::{CursorTarget, PagingPlan, Parameter};
pub use path::{Path, PathStep};
pub use quota::{ElementPlan, ProbeFigures, ProbePlan, QuotaPlan, RatePlan};
pub use records::{FieldPlan, Operand, OrientationPlan, RecordPlan, Source as FieldPlace};
pub use reserved::{is_credential, variable};
pub use rows::{ColumnsPlan, LevelPlan, RowTestPlan, RowsPlan, SignalPlan};
pub use rules::{AlsoRelatePlan, RulePlan, RuleThen, RulesPlan};
pub use setting::{
    ASK_RESERVED, BASE_URL, COMMON_SETTINGS, PRIVATE_ADDRESSES, SHORTEST_SECRET, Secret, SettingError, SettingSpec,
    SettingValue, Settings, TOKEN_URL,
};
pub use standard_fields::ROLES;
pub use template::{Local, Part, Template};
pub use time::{Datum, TimeFormat, after, before, exact, integer, time_text};
pub(crate) use window_text::Form;
pub use window_text::{Distance, WindowText};
