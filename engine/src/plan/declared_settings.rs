//! Compiles the settings that a profile declares, and adds those that all profiles have.

use super::compiler::Compiler;
use super::paging;
use super::setting::{
    ASK_RESERVED, BASE_URL, COMMON_SETTINGS, PRIVATE_ADDRESSES, SettingSpec, SettingValue, TOKEN_URL,
};
use crate::diagnostic::Code;
use crate::profile::{Auth, Profile, Setting, SettingType};
use crate::yaml;

pub(super) fn settings(compiler: &mut Compiler, profile: &Profile) -> Vec<SettingSpec> {
    let mut specs: Vec<SettingSpec> =
        profile.settings.iter().map(|(name, setting)| setting_spec(compiler, name, setting, profile)).collect();
    let common = |name: &str, kind, description: &str| SettingSpec {
        name: name.into(),
        kind,
        description: description.into(),
        required: false,
        default: None,
        also: vec![],
        at_least: None,
        at_most: None,
        choices: vec![],
    };
    let url = |name: &str, description: &str| common(name, SettingType::Url, description);
    specs.push(SettingSpec {
        default: Some("drop".into()),
        choices: vec!["drop".into(), "keep".into()],
        ..common(
            PRIVATE_ADDRESSES,
            SettingType::String,
            "Whether to drop or keep records about private, loopback, link-local and other non-public addresses",
        )
    });
    specs.push(SettingSpec {
        default: Some("false".into()),
        ..common(
            ASK_RESERVED,
            SettingType::Boolean,
            "Whether to query the provider for non-public addresses and special-use names",
        )
    });
    specs.push(url(BASE_URL, "Base URL to use instead of the provider's, such as that of a proxy or test server"));
    if profile.http.auth.iter().any(|(_, auth)| matches!(auth, Auth::Oauth2 { .. })) {
        specs.push(url(
            TOKEN_URL,
            "Token endpoint to use instead of the provider's, such as that of a proxy or test server",
        ));
    }
    specs
}

fn setting_spec(compiler: &mut Compiler, name: &str, setting: &Setting, profile: &Profile) -> SettingSpec {
    // A page or response of 0 rows is useless.
    let least = paging::is_number_of(profile, name).then_some(1);
    let spec = SettingSpec {
        name: name.to_owned(),
        kind: setting.kind,
        description: setting.description.clone(),
        required: setting.required,
        default: setting.default.clone(),
        also: setting.also.clone(),
        at_least: setting.at_least.max(least),
        at_most: setting.at_most,
        choices: setting.choices.clone(),
    };
    let pointer = yaml::child("/settings", name);
    let others = setting.also.iter().enumerate().map(|(i, also)| (also.as_str(), format!("{pointer}/also/{i}")));
    for (word, pointer) in std::iter::once((name, pointer.clone())).chain(others) {
        let is_of_every_profile = |own: &&&str| word == **own || word.strip_suffix("_file") == Some(**own);
        if let Some(own) = COMMON_SETTINGS.iter().find(is_of_every_profile) {
            let message = format!("the setting `{own}` is reserved: every profile has it");
            compiler.error(Code::ReservedSetting, &pointer, message, "reserved name");
        }
    }
    for (i, choice) in setting.choices.iter().enumerate() {
        if spec.read(choice).is_err() {
            let message = format!("invalid choice: expected {}", spec.wanted());
            compiler.error(
                Code::SettingDefault,
                &format!("{pointer}/choices/{i}"),
                message,
                "not of the setting's type",
            );
        }
    }
    bounds(compiler, &spec, setting, &pointer);
    if let Some(default) = &setting.default
        && spec.read(default).is_err()
    {
        let (message, label) = match SettingValue::read(setting.kind, default) {
            Some(_) if setting.choices.is_empty() => {
                (format!("invalid default: expected {}", spec.wanted()), "out of bounds".to_owned())
            }
            Some(_) => (
                "the default is not one of the choices".to_owned(),
                format!("expected one of {}", setting.choices.join(", ")),
            ),
            None => {
                (format!("invalid default: expected {}", setting.kind.wanted()), "not of the setting's type".to_owned())
            }
        };
        compiler.error(Code::SettingDefault, &format!("{pointer}/default"), message, label);
    }
    spec
}

/// Validates `at_least` and `at_most`: they require type `integer` and must permit at least one number.
fn bounds(compiler: &mut Compiler, spec: &SettingSpec, setting: &Setting, pointer: &str) {
    let given = [("at_least", setting.at_least), ("at_most", setting.at_most)];
    for (key, _) in given.into_iter().filter(|(_, bound)| bound.is_some() && spec.kind != SettingType::Integer) {
        let label = "only for settings of type `integer`";
        compiler.error_at_key(Code::NoEffect, &format!("{pointer}/{key}"), format!("`{key}` has no effect"), label);
    }
    if let (Some(least), Some(most)) = (spec.at_least, spec.at_most)
        && least > most
    {
        let message = format!("`at_most` must be at least `at_least`: {most} is less than {least}");
        compiler.error(Code::OutOfRange, &format!("{pointer}/at_most"), message, "less than `at_least`");
    }
}
