//! The one reader of markings, whichever way they come. Every piece of evidence counts: ids, types, definitions, names and any
//! other text; the gate takes the highest level. What cannot be read is kept as such, and is above every maximum.

mod definition;
mod evidence;
mod text;

pub use evidence::Evidence;

use super::pap::Pap;
use super::tlp::Tlp;

/// A marking of the observable that is asked about, as far as the gate is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Marking {
    /// A known level of the Traffic Light Protocol.
    Tlp(Tlp),
    /// A known level of the Permissible Actions Protocol.
    Pap(Pap),
    /// It may be any level, and is above every maximum. Says what could not be read.
    Unreadable(String),
}

impl Marking {
    /// Reads what is given as a level of the Traffic Light Protocol.
    pub fn tlp(level: &str) -> Marking {
        Tlp::parse(level).map_or_else(|| Protocol::Tlp.unknown(level), Marking::Tlp)
    }

    /// Reads what is given as a level of the Permissible Actions Protocol.
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

/// A protocol whose levels are gates.
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

/// A text of others as it is shown in a reason: one line, and not long.
fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
