//! The Permissible Actions Protocol (PAP) as OpenCTI implements it: four ordered levels, with the ids of their marking
//! definitions.

use super::id::Id;
use std::fmt;

/// A PAP level, from the widest range of actions to the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pap {
    /// Any action. Also parsed from `WHITE`, which is never written.
    Clear,
    /// Active actions, such as blocking.
    Green,
    /// Passive actions, such as queries to a third party.
    Amber,
    /// Actions that cannot be detected from outside: no queries to a third party.
    Red,
}

impl Pap {
    /// All PAP levels of OpenCTI, lowest first.
    pub const ALL: [Pap; 4] = [Pap::Clear, Pap::Green, Pap::Amber, Pap::Red];

    /// Parses `PAP:AMBER` or `amber`, in any case; `WHITE` means `CLEAR`.
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

    /// Returns the level with its prefix, such as `PAP:AMBER`.
    pub fn as_str(self) -> &'static str {
        match self {
            Pap::Clear => "PAP:CLEAR",
            Pap::Green => "PAP:GREEN",
            Pap::Amber => "PAP:AMBER",
            Pap::Red => "PAP:RED",
        }
    }

    /// Returns the id of the marking definition, derived as OpenCTI does from type and definition.
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
    fn parse_accepts_usual_spellings() {
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
    fn marking_id_equals_that_of_the_platform() {
        assert_eq!(Pap::Red.marking_id().to_string(), "marking-definition--4e4e3b84-de45-53df-9d9b-b21207699fd8");
    }
}
