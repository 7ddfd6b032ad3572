//! Detects equivalent mutants, such as a default that is written out: their plans are equal except for locations in the
//! text.

use stixmap_engine::plan::Plan;

/// Returns the behavior of a plan as text.
pub(super) fn compiled(plan: &Plan) -> String {
    // Destructures every field, so that a new one does not compile until it is considered.
    let Plan {
        source: _,
        id_span: _,
        id,
        version,
        name,
        summary,
        status,
        links,
        terms,
        licence,
        subscription,
        settings,
        http,
        quota,
        answers,
        window,
        lookups,
        record,
        rules,
        also_relate,
        relationship,
        tlp,
        pap_max,
        identity,
    } = plan;
    let metadata =
        format!("{id:?}{version:?}{name:?}{summary:?}{status:?}{links:?}{terms:?}{licence:?}{subscription:?}");
    let requests = format!("{settings:?}{http:?}{quota:?}{answers:?}{window:?}{lookups:?}");
    let mapping = format!("{record:?}{:?}{also_relate:?}{relationship:?}{tlp:?}{pap_max:?}{identity:?}", rules.rules);
    without_locations(&format!("{metadata}{requests}{mapping}"))
}

/// Removes spans (`12..34`) and line numbers (`line: 5`).
fn without_locations(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        kept.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = figure_end(rest);
        let (figure, after) = rest.split_at(end);
        let is_end_of_span = kept.ends_with("..");
        let is_location = is_end_of_span || kept.ends_with("line: ") || is_range(after);
        kept.push_str(if is_location { "_" } else { figure });
        rest = after;
    }
    kept.push_str(rest);
    kept
}

fn figure_end(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())
}

fn is_range(after: &str) -> bool {
    after.strip_prefix("..").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::{compiled, without_locations};
    use crate::profile_test::edit::{Edit, source};
    use serde_json::Value;
    use stixmap_engine::plan::Plan;
    use stixmap_engine::yaml::Tree;

    #[test]
    fn without_locations_removes_spans_and_keeps_numbers() {
        assert_eq!(
            without_locations("{ span: 12..34, line: 5, most: 100, text: \"a1\" }"),
            "{ span: _.._, line: _, most: 100, text: \"a1\" }"
        );
    }

    /// Tests whether a changed profile compiles to the same plan.
    fn is_same(pointer: &str, other: Option<Value>) -> bool {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/providers/columns/profile.yaml");
        let text = std::fs::read_to_string(path).expect("a profile");
        let tree = Tree::parse(&stixmap_engine::diagnostic::Source::new("profile.yaml", text)).expect("YAML");
        assert!(tree.has(pointer), "{pointer}");
        let edit =
            other.map_or_else(|| Edit::Remove(pointer.to_owned()), |other| Edit::Replace(pointer.to_owned(), other));
        let plan = |value: &Value| Plan::read(&source(value)).expect("it compiles");
        compiled(&plan(tree.value())) == compiled(&plan(&edit.applied(tree.value())))
    }

    #[test]
    fn compiled_is_equal_for_equivalent_profiles_only() {
        assert!(is_same("/http/auth", None), "`auth: none` is the default");
        assert!(!is_same("/answers/0/means", Some("ok".into())));
        assert!(!is_same("/answers/0", None));
    }
}
