//! Cascading mistakes: if the structure of a profile has mistakes, parts are missing that others depend on. What may
//! only follow from these is not reported.

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::yaml::Tree;

/// Returns whether a mistake may follow from what is missing in a recovered profile. `holes` are the blocks and lists
/// that lack something.
pub(super) fn is_cascading(found: &Diagnostic, tree: &Tree, holes: &[Span]) -> bool {
    if holes.is_empty() {
        return false;
    }
    let place = &found.labels[0].span;
    let lacks = |pointer: &str| {
        let block = tree.span(pointer);
        !tree.has(pointer)
            || block.is_empty()
            || holes.iter().any(|hole| hole.start < block.end && block.start < hole.end && hole.len() <= block.len())
    };
    let stands_nowhere = found.labels.iter().any(|label| label.span.is_empty() && label.span.start == 0);
    stands_nowhere
        || match found.code {
            Code::UnknownSetting | Code::SettingType => lacks("/settings"),
            // Without its orientation a record needs other fields.
            Code::UnknownName if holes.contains(&tree.span("/record")) => true,
            Code::UnknownName | Code::FieldMissing | Code::FieldType | Code::NeverEqual => lacks("/record/fields"),
            Code::SettingUnused
            | Code::FieldUnused
            | Code::AcceptedInVain
            | Code::WindowUnused
            | Code::WindowMissing
            | Code::RuleNeverMatches
            | Code::EachUnused => true,
            code if depends_on_block(code) => {
                holes.iter().any(|hole| hole.start <= place.start && place.end <= hole.end)
                    || holes.iter().any(|hole| place.start <= hole.start && hole.end <= place.end)
            }
            _ => false,
        }
}

/// Mistakes that another key of the same block, or another row of the same list, would prevent.
fn depends_on_block(code: Code) -> bool {
    matches!(
        code,
        Code::RecordsMissing
            | Code::RecordsNotUsed
            | Code::CursorPlaces
            | Code::SignalPlace
            | Code::ColumnsMissing
            | Code::ColumnsNotUsed
            | Code::FieldPlace
            | Code::PlaceInRows
            | Code::UnknownColumn
            | Code::AnswerMatchesAll
            | Code::QuotaFigures
            | Code::JobNotAsked
            | Code::IdWithoutTime
            | Code::TimeZoneMissing
            | Code::SignatureKey
            | Code::BodyOfGet
            | Code::BodyParameter
            | Code::PlaceholderOutOfPlace
            | Code::ObservableUnused
            | Code::NothingToAsk
            | Code::LevelKeys
            | Code::RulesNotTotal
            | Code::RuleHides
            | Code::RuleHidden
            | Code::AnswerHidden
            | Code::OrientationNotTotal
            | Code::OrientationHides
            | Code::SettingDefault
    )
}
