//! Each kind of mistake with its message and its fix. Applying a fix removes its diagnostic.

use super::{diagnostics, fixed, line};

fn check(text: &str, expected: &[&str]) {
    let found = diagnostics(text);
    assert_eq!(found.iter().map(line).collect::<Vec<_>>(), expected, "{text}");
    for (found, fixed) in found.iter().filter_map(|found| Some((found, fixed(found)?))) {
        let same = |other: &&crate::diagnostic::Diagnostic| line(other) == line(found);
        assert!(!diagnostics(&fixed).iter().any(|other| same(&other)), "{fixed}");
    }
}

#[test]
fn valid_text_has_no_diagnostics() {
    check("id: a", &[]);
    check("\u{feff}id: a\r\nhttp: &h { origin: \"x\", timeout: ~, auth: [] }\r\n", &[]);
    check("id: a\nhttp:\nfields: { x: &x { at: $, as: active }, y: *x }", &[]);
    check("id: a\njson: a {{ x }}", &[]);
    check("id: a\njson: { \"<<\": 1, \"*\": \"{{ x }}\" }\nfields: {}", &[]);
    check("id: a\nquery: { a: NO, b: 012, c: 12:30, d: 1_000, e: on, f: \"~\" }", &[]);
}

#[test]
fn file_must_be_single_mapping() {
    check("", &["empty-file 1:1 the file is empty | no content"]);
    check("# nothing\n", &["empty-file 1:1 the file is empty | no content"]);
    check("---\n", &["empty-file 1:1 the file is empty | no content"]);
    check("~", &["wrong-type 1:1 the file must be a mapping, found null | expected a mapping"]);
    check("- a", &["wrong-type 1:1 the file must be a mapping, found a list | expected a mapping"]);
    check("id: a\n---\nid: b", &["second-document 2:1 a file must contain a single YAML document | second document"]);
}

#[test]
fn key_must_be_unique_scalar() {
    check(
        "id: a\nid: b\nstatsu: active\nid: c",
        &[
            "duplicate-field 2:1 duplicate field `id` | repeated here | 1: first here",
            "unknown-field 3:1 unknown field `statsu` in the file | did you mean `status`? => status",
            "duplicate-field 4:1 duplicate field `id` | repeated here | 1: first here",
        ],
    );
    check(
        "id: a\nhttp: { <<: { origin: o }, timeout: 3 }",
        &[
            "merge-key 2:9 merge keys (`<<`) are not supported | merge key; write the keys, or repeat a whole value with an alias",
        ],
    );
    check(
        "id: a\n? [a]\n: b",
        &[
            "block-as-key 2:3 a key must be a scalar, not a list or mapping | used as a key; quote templates and strings that start with `{` or `[`",
        ],
    );
    check(
        "id: a\njson: {{ a: 1 }: 2}",
        &[
            "block-as-key 2:8 a key must be a scalar, not a list or mapping | used as a key; quote templates and strings that start with `{` or `[`",
        ],
    );
    check("id: a\n: b", &["syntax 2:1 missing key before `:` | here"]);
}

#[test]
fn tags_are_rejected() {
    check(
        "id: !!str a\nhttp: !x { origin: 1 }",
        &[
            "tag 1:5 tags are not supported | remove the tag",
            "tag 2:7 tags are not supported | remove the tag",
            r#"wrong-type 2:20 `origin` must be a string, found the number `1` | quote it: `"1"` => "1""#,
        ],
    );
    check("id: !<x a", &["syntax 1:5 invalid YAML syntax | here"]);
}

#[test]
fn aliases_must_be_known_and_bounded() {
    check(
        "id: a\nhttp: { origin: *x }",
        &["alias 2:17 unknown alias `*x` | no anchor above has this name; quote a string that starts with `*`"],
    );
    check(
        "id: a\njson: &x [*x]",
        &["alias 2:11 unknown alias `*x` | used inside its own anchor; a recursive alias is infinite"],
    );
    check(
        "id: a\nrules:\n  - { types: *, drop: x }\nstatsu: active",
        &[
            r#"alias 3:14 missing quotes around `*` | `*` starts an alias => "*""#,
            "unknown-field 4:1 unknown field `statsu` in the file | did you mean `status`? => status",
        ],
    );
    check("id: a\nquery: { type: * } # any", &[r#"alias 2:16 missing quotes around `*` | `*` starts an alias => "*""#]);
    check("id: *", &[r#"alias 1:5 missing quotes around `*` | `*` starts an alias => "*""#]);
    check(
        "id: a\nfields: { x: &x { at: $, as: nope }, y: *x }",
        &[
            "unknown-choice 2:30 unknown value `nope` of `as` | unknown value; expected `planned`, `active` or `out-of-service`",
        ],
    );
}

#[test]
fn template_without_quotes_is_reported() {
    check(
        "id: a\njson: {{ x }}",
        &[r#"block-as-key 2:7 missing quotes around a template | parsed as a nested mapping => "{{ x }}""#],
    );
    check(
        "id: a\nhttp: { origin: {{ x }} and more, timeout: 3 }",
        &[r#"block-as-key 2:17 missing quotes around a template | parsed as a nested mapping => "{{ x }} and more""#],
    );
    check(
        "id: a\njson: {{ rrtype }} record # c\nstatsu: active",
        &[
            r#"block-as-key 2:7 missing quotes around a template | parsed as a nested mapping => "{{ rrtype }} record""#,
            "unknown-field 3:1 unknown field `statsu` in the file | did you mean `status`? => status",
        ],
    );
    check(
        "id: a\njson: {{ a }}: \"{{ b }}\"",
        &[r#"block-as-key 2:7 missing quotes around a template | parsed as a nested mapping => '{{ a }}: "{{ b }}"'"#],
    );
    check(
        "id: a\njson: [{{ a, b }} c, {{ d }}]",
        &[
            r#"block-as-key 2:8 missing quotes around a template | parsed as a nested mapping => "{{ a, b }} c""#,
            r#"block-as-key 2:22 missing quotes around a template | parsed as a nested mapping => "{{ d }}""#,
        ],
    );
    check(
        "{{ a }}: 1\nid: a",
        &[r#"block-as-key 1:1 missing quotes around a template | parsed as a nested mapping => "{{ a }}""#],
    );
    check("id: {{ x\n", &["syntax 1:6 `{` is not closed | opened here"]);
}

#[test]
fn indentation_must_be_consistent_spaces() {
    check("id: a\nrules:\n\t- x", &["syntax 3:1 tab in indentation | YAML requires spaces"]);
    check("\tid: a", &["syntax 1:1 tab in indentation | YAML requires spaces"]);
    check("id: a\n\tstatus: b", &["syntax 2:1 tab in indentation | YAML requires spaces"]);
    check("id: a\r\nhttp:\r\n  origin: x\r\n\ttimeout: 3", &["syntax 4:1 tab in indentation | YAML requires spaces"]);
    check("id: >-\n\ta", &["syntax 2:1 tab in indentation | YAML requires spaces"]);
    check(
        "id: a\nhttp:\n    origin: x\n  timeout: 3",
        &["syntax 4:3 invalid indentation | no key above has this indentation"],
    );
    check("id: a\nrules:\n  - a\n - b", &["syntax 4:2 invalid indentation | no key above has this indentation"]);
    check("- a\nid: b", &["syntax 2:1 expected a list item | items start with `- ` and have the same indentation"]);
}

#[test]
fn strings_with_special_characters_require_quotes() {
    check("id: a: b", &[r#"syntax 1:5 missing quotes around a string with `: ` | this string => "a: b""#]);
    check(
        "id: $[?(@.x == 'a: b')] # path",
        &[r#"syntax 1:5 missing quotes around a string with `: ` | this string => "$[?(@.x == 'a: b')]""#],
    );
    check(
        "id: a\nhttp: { origin: a: b, timeout: 3 }",
        &[r#"syntax 2:17 missing quotes around a string with `: ` | this string => "a: b""#],
    );
    check(
        "id: a\nhttp: { kind: basic username: b, timeout: 3 }",
        &["syntax 2:15 missing quotes or comma | quotes around this string, or a comma in it"],
    );
    check("id: @a # x", &[r#"syntax 1:5 missing quotes around a string that starts with `@` | this string => "@a""#]);
    check(
        "id: a\nhttp: { origin: `x`, timeout: 3 }",
        &[r#"syntax 2:17 missing quotes around a string that starts with ``` | this string => "`x`""#],
    );
    check(
        "id: \"a\" b",
        &[r#"syntax 1:9 unexpected text after the closing quote | here; in double quotes, write `"` as `\"`"#],
    );
    check(
        "id: 'it's'",
        &["syntax 1:9 unexpected text after the closing quote | here; in single quotes, write `'` as `''`"],
    );
    check("id: \"a", &["syntax 1:5 unclosed quote | opened here"]);
    check("id: \"\\q\"", &["syntax 1:5 invalid escape sequence | in single quotes, a backslash is literal"]);
}

#[test]
fn brackets_and_dashes_must_be_well_formed() {
    check("id: a\nrules: [a, b\nstatus: active", &["syntax 2:8 `[` is not closed | opened here | 3: still open here"]);
    check("id: a\nrules: [a, b}", &["syntax 2:8 `[` is closed by `}` | opened here"]);
    check("id: a\nrules: ]", &["syntax 2:8 unmatched closing bracket | no bracket is open here"]);
    check("id: [a] b", &["syntax 1:9 unexpected text after the value | here"]);
    check("id: a\nrules: - a", &["syntax 2:8 unexpected `-` | each list item starts on its own line"]);
    check("id: a\nstatus active", &["syntax 2:1 value without a key | write `key: value`, or `- item`"]);
    check("id: a\nhttp:\n  origin: x\n  timeout:3", &["syntax 4:10 missing space after `:` | here => : "]);
    check(
        "id: a\nhttp: { origin: x, timeout:3 }",
        &["unknown-field 2:20 unknown field `timeout:3` in `http` | missing space after `:` => timeout: 3"],
    );
    check(
        "id: |x",
        &["syntax 1:5 missing line break after `|` or `>` | quote a string that starts with this character"],
    );
    check("id: \"a\" #x\nb: \"c\"#x", &["syntax 2:7 missing space before `#` | here"]);
}

#[test]
fn unknown_field_is_reported() {
    check("idd: a", &["unknown-field 1:1 unknown field `idd` in the file | did you mean `id`?"]);
    check(
        "id: a\nhttp: { Origin: x, unknown: 3 }",
        &[
            "unknown-field 2:9 unknown field `Origin` in `http` | did you mean `origin`? => origin",
            "unknown-field 2:20 unknown field `unknown` in `http` | unknown field; known fields: `auth`, `follow`, `offset`, `origin` and `timeout`",
        ],
    );
    check(
        "id: a\nhttp: { origin: x, orgin: y }",
        &[
            "unknown-field 2:20 unknown field `orgin` in `http` | unknown field; known fields: `auth`, `follow`, `offset`, `origin` and `timeout`",
        ],
    );
    check(
        "id: a\nhttp: { origin: x, auth: { kind: none, user: x } }",
        &["unknown-field 2:40 unknown field `user` in `auth` | unknown field; known fields: `kind`"],
    );
    check(
        "id: a\npage: { kind: none, totl: 3 }",
        &["unknown-field 2:21 unknown field `totl` in `page` | did you mean `total`? => total"],
    );
    check(
        "id: a\nrules:\n  - { types: [A], dorp: x }\n  - types: [A]\n    trget: active",
        &[
            "unknown-field 3:19 unknown field `dorp` in item 1 of `rules` | did you mean `drop`? => drop",
            "unknown-field 5:5 unknown field `trget` in item 2 of `rules` | did you mean `target`? => target",
        ],
    );
    check(
        "id: a\nnames: { a: 3, B: 4 }",
        &["wrong-form 2:16 key of `names` must be lower-case letters | invalid format"],
    );
    check(
        "id: a\nstatus_of: { planed: x }",
        &[
            "wrong-form 1:1 invalid combination of values | in this file; unknown variant `planed`, expected one of `active`, `out-of-service`, `planned`",
        ],
    );
}

#[test]
fn missing_field_is_reported() {
    check("status: active", &["missing-field 1:1 missing field `id` in the file | requires `id`"]);
    check("id: a\nhttp: {}", &["missing-field 2:1 missing field `origin` in `http` | requires `origin`"]);
    check(
        "id: a\nhttp: { origin: x, auth: [{ kind: basic, user: x }, { name: x }] }",
        &[
            "missing-field 2:27 missing field `password` in item 1 of `auth` | requires `password`",
            "missing-field 2:53 missing field `kind` in item 2 of `auth` | requires `kind`; expected `none`, `basic` or `header`",
        ],
    );
    check("id: a\nlogin: { form: {} }", &["missing-field 2:10 missing field `user` in `form` | requires `user`"]);
    check(
        "id: a\nlogin: {}",
        &["missing-field 2:8 `login` is an empty mapping | requires one field; expected `form` or `token`"],
    );
    check(
        "id: a\nrules:\n  -\n    types: [A]\n  - {}",
        &[
            "missing-field 4:5 missing field `target` in item 1 of `rules` | requires `target`",
            "missing-field 5:5 missing field `types` in item 2 of `rules` | requires `types`",
            "missing-field 5:5 missing field `target` in item 2 of `rules` | requires `target`",
        ],
    );
}

#[test]
fn unknown_value_is_reported() {
    check(
        "id: a\nstatus: actve",
        &["unknown-choice 2:9 unknown value `actve` of `status` | did you mean `active`? => active"],
    );
    check(
        "id: a\nstatus: OUT_OF_SERVICE",
        &[
            "unknown-choice 2:9 unknown value `OUT_OF_SERVICE` of `status` | did you mean `out-of-service`? => out-of-service",
        ],
    );
    check(
        "id: a\nstatus: gone",
        &[
            "unknown-choice 2:9 unknown value `gone` of `status` | unknown value; expected `planned`, `active` or `out-of-service`",
        ],
    );
    check(
        "id: a\nlogin: nevr",
        &["unknown-choice 2:8 unknown value `nevr` of `login` | did you mean `never`? => never"],
    );
    check(
        "id: a\nlogin: { fomr: { user: x } }",
        &["unknown-choice 2:10 unknown field `fomr` in `login` | did you mean `form`? => form"],
    );
    check(
        "id: a\nhttp: { origin: x, auth: { kind: bsic } }",
        &["unknown-choice 2:34 unknown value `bsic` of `kind` | did you mean `basic`? => basic"],
    );
    check(
        "id: a\nfields: { x: { at: a, as: planed } }",
        &["unknown-choice 2:27 unknown value `planed` of `as` | did you mean `planned`? => planned"],
    );
}

#[test]
fn string_of_wrong_type_is_reported() {
    check(
        "id: a\nhttp: { origin: NULL }",
        &[r#"wrong-type 2:17 `origin` must be a string, found null | quote it: `"NULL"` => "NULL""#],
    );
    check("id: a\nhttp: { origin: ~ }", &["wrong-type 2:17 `origin` must be a string, found null | expected a string"]);
    check(
        "id: a\nhttp: { origin: }",
        &["wrong-type 2:9 `origin` must be a string, found no value | expected a string"],
    );
    check(
        "id: a\nhttp: { origin: 1.10 }",
        &[r#"wrong-type 2:17 `origin` must be a string, found the number `1.10` | quote it: `"1.10"` => "1.10""#],
    );
    check(
        "id: a\nhttp: { origin: 0x1F }",
        &[r#"wrong-type 2:17 `origin` must be a string, found the number `0x1F` | quote it: `"0x1F"` => "0x1F""#],
    );
    check(
        "id: a\nhttp: { origin: True }",
        &[r#"wrong-type 2:17 `origin` must be a string, found the boolean `true` | quote it: `"True"` => "True""#],
    );
    check(
        "id: a\nhttp: { origin: [a] }",
        &["wrong-type 2:17 `origin` must be a string, found a list | expected a string"],
    );
    check(
        "id: 12",
        &[
            "wrong-type 1:5 `id` must be a string, found the number `12` | expected a string; expected lower-case words joined by `-`",
        ],
    );
    check(
        "id:",
        &[
            "wrong-type 1:1 `id` must be a string, found no value | expected a string; expected lower-case words joined by `-`",
        ],
    );
}

#[test]
fn numbers_and_booleans_of_wrong_type_are_reported() {
    check(
        "id: a\nhttp: { origin: x, timeout: \"30\", follow: yes }",
        &[
            "wrong-type 2:29 `timeout` must be an integer, found the string `30` | remove the quotes: `30` => 30",
            "wrong-type 2:43 `follow` must be `true` or `false`, found `yes` | `yes` is a string; write `true` => true",
        ],
    );
    check(
        "id: a\nhttp: { origin: x, timeout: soon, follow: \"false\", offset: 1.5 }",
        &[
            "wrong-type 2:29 `timeout` must be an integer, found `soon` | expected an integer",
            "wrong-type 2:43 `follow` must be `true` or `false`, found the string `false` | remove the quotes: `false` => false",
            "wrong-type 2:60 `offset` must be an integer, found the number `1.5` | expected an integer",
        ],
    );
    check(
        "id: a\nhttp: { origin: x, timeout: 90, offset: 9223372036854775808 }",
        &[
            "out-of-range 2:29 `timeout` must be at most 60, found 90 | at most 60",
            "out-of-range 2:41 `offset` must be at most 9223372036854775807, found 9223372036854775808 | at most 9223372036854775807",
        ],
    );
    check(
        "id: a\nhttp: { origin: x, timeout: 0 }",
        &["out-of-range 2:29 `timeout` must be at least 1, found 0 | at least 1"],
    );
    check("id: a\nnames: { a: -1 }", &["out-of-range 2:13 `a` must be at least 0, found -1 | at least 0"]);
}

#[test]
fn lists_and_mappings_of_wrong_type_are_reported() {
    check(
        "id: a\nrules:\n  - types: A\n    drop: x\n  - { types: \"A, B\", drop: x }\n  - types: A, B\n    drop: x\n  - a",
        &[
            "wrong-type 3:12 `types` must be a list, found `A` | write `[A]` => [A]",
            r#"wrong-type 5:14 `types` must be a list, found the string `A, B` | write `["A, B"]` => ["A, B"]"#,
            "wrong-type 6:12 `types` must be a list, found `A, B` | write `[A, B]` => [A, B]",
            "wrong-type 8:5 item 4 of `rules` must be a mapping, found `a` | expected a mapping",
        ],
    );
    check(
        "id: a\nrules: { types: [A], drop: x }",
        &["wrong-type 2:8 `rules` must be a list, found a mapping | expected a list"],
    );
    check(
        "id: a\nrules: [{ types: [], drop: \"\" }, { types: [A], drop: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx }]",
        &[
            "out-of-range 2:18 `types` must have at least 1 item, found 0 | at least 1 item",
            "out-of-range 2:28 `drop` must have at least 1 character, found 0 | at least 1 character",
            "out-of-range 2:54 `drop` must have at most 40 characters, found 49 | at most 40 characters",
        ],
    );
    check("id: a\nhttp: x", &["wrong-type 2:7 `http` must be a mapping, found `x` | expected a mapping"]);
    check("id: a\nrules:", &["wrong-type 2:1 `rules` must be a list, found no value | expected a list"]);
    check(
        "id: a\nstatus: [active]",
        &[
            "wrong-type 2:9 `status` must be a keyword, found a list | expected a keyword; expected `planned`, `active` or `out-of-service`",
        ],
    );
    check(
        "id: a\npage: none",
        &["wrong-type 2:7 `page` must be a mapping, found `none` | write `{ kind: none }` => { kind: none }"],
    );
    check(
        "id: a\nhttp: { origin: x, auth: basic }",
        &[
            "wrong-type 2:26 `auth` must be a mapping or a list, found `basic` | expected a mapping: `{ kind: basic, … }`",
        ],
    );
}

#[test]
fn message_refers_to_intended_branch() {
    check(
        "id: a\nfields: { x: { at: 3, as: active }, y: { at: [a, 3], as: active }, z: { at: { a: 1 }, as: 3 } }",
        &[
            r#"wrong-type 2:20 `at` must be a string or a list, found the number `3` | quote it: `"3"` => "3""#,
            r#"wrong-type 2:50 item 2 of `at` must be a string, found the number `3` | quote it: `"3"` => "3""#,
            "wrong-type 2:77 `at` must be a string or a list, found a mapping | expected a string or a list",
            "wrong-type 2:91 `as` must be a keyword, found the number `3` | expected a keyword; expected `planned`, `active` or `out-of-service`",
        ],
    );
    check(
        "id: a\nfields: { x: { at: a, as: active, none_when: [1.5, a, true, [x]] } }",
        &[
            r#"wrong-type 2:47 item 1 of `none_when` must be `true` or `false`, an integer or a string | quote it: `"1.5"` => "1.5""#,
            "wrong-type 2:61 item 4 of `none_when` must be `true` or `false`, an integer or a string | expected `true` or `false`, an integer or a string",
        ],
    );
    check(
        "id: a\nquery: { a: true, b: { from: active }, c: [1] }",
        &[
            r#"wrong-type 2:13 `a` must be an integer, a string or a mapping, found the boolean `true` | quote it: `"true"` => "true""#,
            "missing-field 2:19 missing field `format` in `b` | requires `format`",
            "wrong-type 2:43 `c` must be an integer, a string or a mapping, found a list | expected an integer, a string or a mapping",
        ],
    );
    check(
        "id: a\nhttp: { origin: x, auth: [{ kind: header, nmae: x }, 3] }",
        &[
            "unknown-field 2:43 unknown field `nmae` in item 1 of `auth` | did you mean `name`? => name",
            "wrong-type 2:54 item 2 of `auth` must be a mapping, found the number `3` | expected a mapping",
        ],
    );
    check(
        "id: a\nlogin: [never]",
        &[
            "wrong-type 2:8 `login` must be a keyword or a mapping, found a list | expected a keyword or a mapping; expected `never`",
        ],
    );
}

#[test]
fn string_of_wrong_format_is_reported() {
    check("id: A b", &["wrong-form 1:5 `id` must be lower-case words joined by `-` | invalid format"]);
    check(
        "id: a\nversion: \"1.10\"",
        &["wrong-form 2:10 invalid format of `version` | invalid format; expected: A version."],
    );
    check(
        "id: a\nversion: 1.10",
        &["wrong-type 2:10 `version` must be a string, found the number `1.10` | expected a string"],
    );
    check("id: >-\n  a\n  b", &["wrong-form 2:3 `id` must be lower-case words joined by `-` | invalid format"]);
}
