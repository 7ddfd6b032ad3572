//! The Permissible Actions Protocol as OpenCTI has it: four levels in one order, with the ids of its marking definitions.

use super::id::Id;
use std::fmt;

/// A level of the Permissible Actions Protocol, from the widest range of actions to the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pap {
    /// Any action. Read as `WHITE` too, never written so.
    Clear,
    /// Active actions, such as blocking.
    Green,
    /// Passive actions: a third party may be asked.
    Amber,
    /// Actions that nobody outside can detect: no third party may be asked.
    Red,
}

impl Pap {
    /// Every level, lowest first.
    pub const ALL: [Pap; 4] = [Pap::Clear, Pap::Green, Pap::Amber, Pap::Red];

    /// Reads `PAP:AMBER` and `amber`, in any case; `WHITE` is `CLEAR`.
    pub fn parse(text: &str) -> Option<Pap> {
        let upper = text.trim().to_ascii_uppercase();
        match upper.strip_prefix("PAP:").unwrap_or(&upper) {
            "CLEAR" | "WHITE" => Some(Pap::Clear),
            "GREEN" => Some(Pap::Green),
            "AMBER" => Some(Pap::Amber),
            "RED" => Some(Pap::Red),
            _ => None,
        }
    }

    /// `PAP:AMBER`.
    pub fn as_str(self) -> &'static str {
        match self {
            Pap::Clear => "PAP:CLEAR",
            Pap::Green => "PAP:GREEN",
            Pap::Amber => "PAP:AMBER",
            Pap::Red => "PAP:RED",
        }
    }

    /// The id of its marking definition in OpenCTI, which derives it from type and definition.
    pub fn marking_id(self) -> Id {
        Id::of_marking("PAP", self.as_str())
    }
}

impl fmt::Display for Pap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_read_in_every_usual_spelling() {
        for pap in Pap::ALL {
            let short = pap.as_str().trim_start_matches("PAP:").to_lowercase();
            assert_eq!((Pap::parse(pap.as_str()), Pap::parse(&short)), (Some(pap), Some(pap)));
        }
        for other in ["TLP:RED", "", "PAP:", "AMBER+STRICT", "PAP:ORANGE"] {
            assert_eq!(Pap::parse(other), None, "{other}");
        }
        assert!(Pap::ALL.is_sorted());
    }

    #[test]
    fn ids_are_those_of_the_platform() {
        assert_eq!(Pap::Red.marking_id().to_string(), "marking-definition--4e4e3b84-de45-53df-9d9b-b21207699fd8");
    }
}
