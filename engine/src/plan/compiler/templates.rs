//! Compiles texts with placeholders, and validates that each placeholder is permitted where it stands.

use super::super::template::{Segments, TemplateError};
use super::*;

impl Compiler<'_> {
    /// Parses a template, and validates that its placeholders are permitted in this context.
    pub(in crate::plan) fn template(
        &mut self,
        text: &TemplateText,
        pointer: &str,
        context: TemplateContext,
    ) -> Option<Template> {
        let read = Segments::read(&text.0);
        let mut fits = read.mistakes.is_empty();
        for mistake in &read.mistakes {
            self.template_error(mistake, pointer);
        }
        for (part, inside) in &read.parts {
            fits &= self.is_permitted(part, (pointer, inside), context);
        }
        fits.then(|| read.template())
    }

    fn template_error(&mut self, mistake: &TemplateError, pointer: &str) {
        let (name, inside) = match mistake {
            TemplateError::Brace(inside) => {
                let place = inside.clone();
                self.error_within(Code::TemplateSyntax, pointer, place, "unbalanced brace in a template", "unbalanced")
                    .notes
                    .push("write a literal brace twice: `{{` or `}}`".into());
                return;
            }
            TemplateError::Doubled(name, inside) => {
                let fix = self.replacement(pointer, inside, &format!("{{{name}}}"));
                let label = format!("did you mean `{{{name}}}`?");
                self.error_within(
                    Code::TemplateSyntax,
                    pointer,
                    inside.clone(),
                    "double braces are literal braces",
                    label,
                )
                .fix = fix;
                return;
            }
            TemplateError::Time(inside) => {
                let message = "missing or invalid time format of a window bound";
                let label = "expected `:` and a time format";
                self.error_within(Code::TimeFormat, pointer, inside.clone(), message, label).notes.push(
                    "write `{window.start:%Y-%m-%d}` or `{window.start:epoch-seconds}`; in `query` also `{ from: window.start, format: …, zone: … }`".into(),
                );
                return;
            }
            TemplateError::Placeholder(name, inside) => (name, inside),
        };
        let settings: Vec<String> = self.settings.iter().map(|spec| format!("settings.{}", spec.name)).collect();
        let near = suggest_placeholder(name, &settings);
        let message = format!("unknown placeholder `{{{name}}}`");
        let label = near
            .as_ref()
            .map_or_else(|| "unknown placeholder".to_owned(), |(near, _)| format!("did you mean `{{{near}}}`?"));
        let setting = near.as_ref().and_then(|(near, _)| near.strip_prefix("settings.")).map(str::to_owned);
        self.suggested.extend(setting);
        let sure = near.filter(|(_, is_sure)| *is_sure);
        let fix = sure.and_then(|(near, _)| self.replacement(pointer, inside, &near));
        let found = self.error_within(Code::UnknownPlaceholder, pointer, inside.clone(), message, label);
        found.fix = fix;
        found.notes.push(
            "common placeholders: `{settings.NAME}`, `{observable.value}`, `{observable.type}`, `{each}`; `stixmap explain profile` lists all".into(),
        );
    }

    fn is_permitted(
        &mut self,
        part: &Part,
        (pointer, inside): (&str, &Range<usize>),
        context: TemplateContext,
    ) -> bool {
        let (message, label) = match part {
            Part::Literal(_) => return true,
            Part::Window(_) if context.observable && !self.has_window => {
                let label = "requires a `window` block";
                self.error_within(
                    Code::WindowMissing,
                    pointer,
                    inside.clone(),
                    "missing `window` in the profile",
                    label,
                );
                return false;
            }
            Part::Setting(name) => return self.is_setting_permitted(name, (pointer, inside), context),
            Part::Each if context.each => return true,
            Part::Each => ("`{each}` requires `for_each` in its lookup".to_owned(), "no value"),
            Part::Window(_)
            | Part::ObservableValue
            | Part::ObservableType
            | Part::ObservableExpanded
            | Part::ObservableReverse => {
                if context.observable {
                    return true;
                }
                let what = if matches!(part, Part::Window(_)) { "window" } else { "observable" };
                (format!("the {what} is not available here"), "only settings are permitted")
            }
            Part::Local(local) if context.locals.contains(local) => return true,
            Part::Local(local) => {
                (format!("`{{{}}}` is not available here", local.as_str()), "no value in this request")
            }
        };
        self.error_within(Code::PlaceholderOutOfPlace, pointer, inside.clone(), message, label);
        false
    }

    fn is_setting_permitted(
        &mut self,
        name: &str,
        (pointer, inside): (&str, &Range<usize>),
        context: TemplateContext,
    ) -> bool {
        // The placeholder starts with `settings.`.
        let inside = inside.end - name.len()..inside.end;
        let Some(kind) = self.setting(name).map(|spec| spec.kind) else {
            let known: Vec<String> = self.settings.iter().map(|spec| spec.name.clone()).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let place = self.span_within(pointer, inside.clone());
            let fix = |compiler: &Self, near: &str| compiler.replacement(pointer, &inside, near);
            self.unknown_reference((Code::UnknownSetting, "/settings"), place, (name, fix), &known);
            return false;
        };
        self.used_settings.insert(name.to_owned());
        if kind == SettingType::Secret && !context.secrets {
            let message = format!("the secret `{name}` can be used in `http.auth` only");
            self.error_within(Code::SecretOutsideAuth, pointer, inside, message, "its value would be printed");
            return false;
        }
        true
    }
}
