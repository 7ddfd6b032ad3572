//! The only parser of markings, in whatever form they are received. Ids, types, definitions, names and any other text
//! are all considered, and the highest level applies. A marking that cannot be parsed is kept as such, and is above
//! every permitted maximum.

mod definition;
mod evidence;
mod flattened;
mod subject;
mod text;

pub use evidence::Evidence;
pub use flattened::Flattened;
pub use subject::Subject;

use super::pap::Pap;
use super::tlp::Tlp;

/// A marking of the queried observable, as the TLP and PAP gates evaluate it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Marking {
    /// A known level of the Traffic Light Protocol (TLP).
    Tlp(Tlp),
    /// A known level of the Permissible Actions Protocol (PAP).
    Pap(Pap),
    /// A marking that could not be parsed, with the reason. It may have any level, and is above every permitted
    /// maximum.
    Unreadable(String),
}

impl Marking {
    /// Parses a TLP level; an unknown level is [`Marking::Unreadable`].
    pub fn tlp(level: &str) -> Marking {
        Tlp::parse(level).map_or_else(|| Protocol::Tlp.unknown(level), Marking::Tlp)
    }

    /// Parses a PAP level; an unknown level is [`Marking::Unreadable`].
    pub fn pap(level: &str) -> Marking {
        Pap::parse(level).map_or_else(|| Protocol::Pap.unknown(level), Marking::Pap)
    }

    fn protocol(&self) -> Option<Protocol> {
        match self {
            Self::Tlp(_) => Some(Protocol::Tlp),
            Self::Pap(_) => Some(Protocol::Pap),
            Self::Unreadable(_) => None,
        }
    }
}

/// A protocol whose levels the gates evaluate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Protocol {
    Tlp,
    Pap,
}

impl Protocol {
    fn level(self, word: &str) -> Option<Marking> {
        match self {
            Self::Tlp => Tlp::parse(word).map(Marking::Tlp),
            Self::Pap => Pap::parse(word).map(Marking::Pap),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Tlp => "TLP",
            Self::Pap => "PAP",
        }
    }

    fn unknown(self, level: &str) -> Marking {
        Marking::Unreadable(format!("unknown {} level `{}`", self.name(), shown(level)))
    }
}

/// Returns an external text for use in a reason: escaped, on one line, truncated to 60 characters.
fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
