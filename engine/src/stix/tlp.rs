//! The Traffic Light Protocol (TLP 2.0, FIRST) as OpenCTI implements it: five ordered levels, with the ids of their
//! marking definitions. A level is never lowered; an unknown level counts as above every maximum.

use super::id::Id;
use std::fmt;

/// A TLP level, from the widest audience to the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tlp {
    /// No restriction. Also parsed from `WHITE`, which is only written in the object that STIX predefines.
    Clear,
    /// The recipients' community.
    Green,
    /// The recipients' organization and its clients.
    Amber,
    /// The recipients' organization only.
    AmberStrict,
    /// The individual recipients only.
    Red,
}

impl Tlp {
    /// All TLP 2.0 levels of OpenCTI, lowest first.
    pub const ALL: [Tlp; 5] = [Tlp::Clear, Tlp::Green, Tlp::Amber, Tlp::AmberStrict, Tlp::Red];

    /// Parses `TLP:AMBER+STRICT` or `amber+strict`, in any case; `WHITE` means `CLEAR`.
    pub fn parse(text: &str) -> Option<Tlp> {
        let upper = text.trim().to_ascii_uppercase();
        let level = upper.strip_prefix("TLP:").unwrap_or(&upper);
        match level {
            "CLEAR" | "WHITE" => Some(Tlp::Clear),
            "GREEN" => Some(Tlp::Green),
            "AMBER" => Some(Tlp::Amber),
            "AMBER+STRICT" => Some(Tlp::AmberStrict),
            "RED" => Some(Tlp::Red),
            _ => None,
        }
    }

    /// Returns the level with its prefix, such as `TLP:AMBER+STRICT`.
    pub fn as_str(self) -> &'static str {
        match self {
            Tlp::Clear => "TLP:CLEAR",
            Tlp::Green => "TLP:GREEN",
            Tlp::Amber => "TLP:AMBER",
            Tlp::AmberStrict => "TLP:AMBER+STRICT",
            Tlp::Red => "TLP:RED",
        }
    }

    /// Returns name and content of the predefined marking definition (STIX 2.1 §7.2.1.4); `None` for AMBER+STRICT,
    /// which TLP 1 does not have.
    pub(super) fn predefined(self) -> Option<(&'static str, &'static str)> {
        match self {
            Tlp::Clear => Some(("TLP:WHITE", "white")),
            Tlp::Green => Some(("TLP:GREEN", "green")),
            Tlp::Amber => Some(("TLP:AMBER", "amber")),
            Tlp::AmberStrict => None,
            Tlp::Red => Some(("TLP:RED", "red")),
        }
    }

    /// Returns the id of the marking definition in OpenCTI: that of STIX for TLP 1, and OpenCTI's own for AMBER+STRICT.
    pub fn marking_id(self) -> Id {
        let uuid: u128 = match self {
            Tlp::Clear => 0x613f2e26_407d_48c7_9eca_b8e91df99dc9,
            Tlp::Green => 0x34098fce_860f_48ae_8e50_ebd3cc5e41da,
            Tlp::Amber => 0xf88d31f6_486f_44da_b317_01333bde0b82,
            Tlp::AmberStrict => 0x826578e1_40ad_459f_bc73_ede076f81f37,
            Tlp::Red => 0x5e57c739_391a_4eb3_b6be_7d15ca92d5ed,
        };
        Id::new("marking-definition", uuid.to_be_bytes())
    }
}

impl fmt::Display for Tlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_accepts_usual_spellings() {
        for tlp in Tlp::ALL {
            let short = tlp.as_str().trim_start_matches("TLP:").to_lowercase();
            assert_eq!((Tlp::parse(tlp.as_str()), Tlp::parse(&short)), (Some(tlp), Some(tlp)));
        }
        assert_eq!(Tlp::parse("TLP:WHITE"), Some(Tlp::Clear));
        for other in ["TLP:ORANGE", "PAP:RED", "", "TLP:", "AMBER STRICT"] {
            assert_eq!(Tlp::parse(other), None, "{other}");
        }
    }

    #[test]
    fn levels_are_ordered_by_restriction() {
        assert!(Tlp::ALL.is_sorted());
        assert!(Tlp::AmberStrict > Tlp::Amber && Tlp::Red > Tlp::AmberStrict);
    }
}
