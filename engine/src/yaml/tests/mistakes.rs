//! Each mistake, what is said about it, and what is written instead. Applying a fix removes its diagnostic.

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
fn what_is_fine_is_not_told() {
    check("id: a", &[]);
    check("\u{feff}id: a\r\nhttp: &h { origin: \"x\", timeout: ~, auth: [] }\r\n", &[]);
    check("id: a\nhttp:\nfields: { x: &x { at: $, as: active }, y: *x }", &[]);
    check("id: a\njson: a {{ x }}", &[]);
    check("id: a\njson: { \"<<\": 1, \"*\": \"{{ x }}\" }\nfields: {}", &[]);
    check("id: a\nquery: { a: NO, b: 012, c: 12:30, d: 1_000, e: on, f: \"~\" }", &[]);
}

#[test]
fn a_file_is_one_block() {
    check("", &["empty-file 1:1 the file is empty | nothing stands here"]);
    check("# nothing\n", &["empty-file 1:1 the file is empty | nothing stands here"]);
    check("---\n", &["empty-file 1:1 the file is empty | nothing stands here"]);
    check("~", &["wrong-type 1:1 the file takes a block, not null | not a block"]);
    check("- a", &["wrong-type 1:1 the file takes a block, not a list | not a block"]);
    check("id: a\n---\nid: b", &["second-document 2:1 a second document starts; a file has one | here"]);
}

#[test]
fn a_key_is_a_word_and_stands_once() {
    check(
        "id: a\nid: b\nstatsu: active\nid: c",
        &[
            "duplicate-field 2:1 `id` is given twice | here again | 1: first here",
            "unknown-field 3:1 the file has no field `statsu` | did you mean `status`? => status",
            "duplicate-field 4:1 `id` is given twice | here again | 1: first here",
        ],
    );
    check(
        "id: a\nhttp: { <<: { origin: o }, timeout: 3 }",
        &[
            "merge-key 2:9 `<<` merges nothing here | a block says all it holds; write the keys out, or repeat a whole value with an alias",
        ],
    );
    check(
        "id: a\n? [a]\n: b",
        &[
            "block-as-key 2:3 a key is a word, not a list or a block | used as a key; a template, and a text that starts with `{` or `[`, needs quotes",
        ],
    );
    check(
        "id: a\njson: {{ a: 1 }: 2}",
        &[
            "block-as-key 2:8 a key is a word, not a list or a block | used as a key; a template, and a text that starts with `{` or `[`, needs quotes",
        ],
    );
    check("id: a\n: b", &["syntax 2:1 a key is missing before `:` | here"]);
}

#[test]
fn tags_mean_nothing() {
    check(
        "id: !!str a\nhttp: !x { origin: 1 }",
        &[
            "tag 1:5 tags mean nothing here | its key says what it is",
            "tag 2:7 tags mean nothing here | its key says what it is",
            r#"wrong-type 2:20 `origin` takes text, not the number `1` | quote it: `"1"` => "1""#,
        ],
    );
    check("id: !<x a", &["syntax 1:5 the text is no YAML from here on | it breaks here"]);
}

#[test]
fn aliases_have_anchors_and_bounds() {
    check(
        "id: a\nhttp: { origin: *x }",
        &[
            "alias 2:17 the alias `*x` stands for nothing | no anchor above has this name; a text that starts with `*` needs quotes",
        ],
    );
    check(
        "id: a\njson: &x [*x]",
        &["alias 2:11 the alias `*x` stands for nothing | its anchor is around it; what holds itself has no end"],
    );
    check(
        "id: a\nrules:\n  - { types: *, drop: x }\nstatsu: active",
        &[
            r#"alias 3:14 the text `*` needs quotes | `*` starts an alias => "*""#,
            "unknown-field 4:1 the file has no field `statsu` | did you mean `status`? => status",
        ],
    );
    check("id: a\nquery: { type: * } # any", &[r#"alias 2:16 the text `*` needs quotes | `*` starts an alias => "*""#]);
    check("id: *", &[r#"alias 1:5 the text `*` needs quotes | `*` starts an alias => "*""#]);
    check(
        "id: a\nfields: { x: &x { at: $, as: nope }, y: *x }",
        &[
            "unknown-choice 2:30 `as` cannot be `nope` | not known here; it can be `planned`, `active` or `out-of-service`",
        ],
    );
}

#[test]
fn a_template_needs_quotes() {
    check(
        "id: a\njson: {{ x }}",
        &[r#"block-as-key 2:7 a template needs quotes | read as a block inside a block => "{{ x }}""#],
    );
    check(
        "id: a\nhttp: { origin: {{ x }} and more, timeout: 3 }",
        &[r#"block-as-key 2:17 a template needs quotes | read as a block inside a block => "{{ x }} and more""#],
    );
    check(
        "id: a\njson: {{ rrtype }} record # c\nstatsu: active",
        &[
            r#"block-as-key 2:7 a template needs quotes | read as a block inside a block => "{{ rrtype }} record""#,
            "unknown-field 3:1 the file has no field `statsu` | did you mean `status`? => status",
        ],
    );
    check(
        "id: a\njson: {{ a }}: \"{{ b }}\"",
        &[r#"block-as-key 2:7 a template needs quotes | read as a block inside a block => '{{ a }}: "{{ b }}"'"#],
    );
    check(
        "id: a\njson: [{{ a, b }} c, {{ d }}]",
        &[
            r#"block-as-key 2:8 a template needs quotes | read as a block inside a block => "{{ a, b }} c""#,
            r#"block-as-key 2:22 a template needs quotes | read as a block inside a block => "{{ d }}""#,
        ],
    );
    check(
        "{{ a }}: 1\nid: a",
        &[r#"block-as-key 1:1 a template needs quotes | read as a block inside a block => "{{ a }}""#],
    );
    check("id: {{ x\n", &["syntax 1:6 `{` is not closed | opened here"]);
}

#[test]
fn spaces_indent() {
    check("id: a\nrules:\n\t- x", &["syntax 3:1 a tab indents this line | YAML indents by spaces"]);
    check("\tid: a", &["syntax 1:1 a tab indents this line | YAML indents by spaces"]);
    check("id: a\n\tstatus: b", &["syntax 2:1 a tab indents this line | YAML indents by spaces"]);
    check(
        "id: a\r\nhttp:\r\n  origin: x\r\n\ttimeout: 3",
        &["syntax 4:1 a tab indents this line | YAML indents by spaces"],
    );
    check("id: >-\n\ta", &["syntax 2:1 a tab indents this line | YAML indents by spaces"]);
    check(
        "id: a\nhttp:\n    origin: x\n  timeout: 3",
        &["syntax 4:3 this line belongs to no block above it | no key above stands as far in"],
    );
    check(
        "id: a\nrules:\n  - a\n - b",
        &["syntax 4:2 this line belongs to no block above it | no key above stands as far in"],
    );
    check(
        "- a\nid: b",
        &["syntax 2:1 this line is no item of the list above it | items start with `- `, each as far in"],
    );
}

#[test]
fn some_texts_need_quotes() {
    check("id: a: b", &[r#"syntax 1:5 a text with `: ` in it needs quotes | this text => "a: b""#]);
    check(
        "id: $[?(@.x == 'a: b')] # path",
        &[r#"syntax 1:5 a text with `: ` in it needs quotes | this text => "$[?(@.x == 'a: b')]""#],
    );
    check(
        "id: a\nhttp: { origin: a: b, timeout: 3 }",
        &[r#"syntax 2:17 a text with `: ` in it needs quotes | this text => "a: b""#],
    );
    check("id: @a # x", &[r#"syntax 1:5 a text that starts with `@` needs quotes | this text => "@a""#]);
    check(
        "id: a\nhttp: { origin: `x`, timeout: 3 }",
        &[r#"syntax 2:17 a text that starts with ``` needs quotes | this text => "`x`""#],
    );
    check(
        "id: \"a\" b",
        &[r#"syntax 1:9 text goes on after the closing quote | here; inside `"…"` a `"` is written `\"`"#],
    );
    check(
        "id: 'it's'",
        &["syntax 1:9 text goes on after the closing quote | here; inside `'…'` a `'` is written twice"],
    );
    check("id: \"a", &["syntax 1:5 a quote is not closed | opened here"]);
    check(
        "id: \"\\q\"",
        &["syntax 1:5 a text has an escape that YAML does not know | inside `'…'` a backslash is a backslash"],
    );
}

#[test]
fn brackets_and_dashes_are_in_pairs_and_places() {
    check("id: a\nrules: [a, b\nstatus: active", &["syntax 2:8 `[` is not closed | opened here | 3: still open here"]);
    check("id: a\nrules: [a, b}", &["syntax 2:8 `[` is closed by `}` | opened here"]);
    check("id: a\nrules: ]", &["syntax 2:8 a bracket closes nothing | none is open here"]);
    check("id: [a] b", &["syntax 1:9 text goes on after the value | it belongs to nothing"]);
    check("id: a\nrules: - a", &["syntax 2:8 a `-` stands where no item can be | items start on lines of their own"]);
    check(
        "id: a\nstatus active",
        &["syntax 2:1 this line has a value without a key | `: ` parts key and value, `- ` starts an item"],
    );
    check("id: a\nhttp:\n  origin: x\n  timeout:3", &["syntax 4:10 a space is missing after `:` | here => : "]);
    check(
        "id: a\nhttp: { origin: x, timeout:3 }",
        &["unknown-field 2:20 `http` has no field `timeout:3` | a space is missing after `:` => timeout: 3"],
    );
    check(
        "id: |x",
        &["syntax 1:5 `|` and `>` start a text on the next line | quote the text if it starts with this sign"],
    );
    check("id: \"a\" #x\nb: \"c\"#x", &["syntax 2:7 a comment needs a space before `#` | here"]);
}

#[test]
fn a_field_is_known() {
    check("idd: a", &["unknown-field 1:1 the file has no field `idd` | did you mean `id`? => id"]);
    check(
        "id: a\nhttp: { Origin: x, unknown: 3 }",
        &[
            "unknown-field 2:9 `http` has no field `Origin` | did you mean `origin`? => origin",
            "unknown-field 2:20 `http` has no field `unknown` | not known here; it can have `auth`, `follow`, `offset`, `origin` and `timeout`",
        ],
    );
    check(
        "id: a\nhttp: { origin: x, orgin: y }",
        &[
            "unknown-field 2:20 `http` has no field `orgin` | not known here; it can have `auth`, `follow`, `offset`, `origin` and `timeout`",
        ],
    );
    check(
        "id: a\nhttp: { origin: x, auth: { kind: none, user: x } }",
        &["unknown-field 2:40 `auth` has no field `user` | not known here; it can have `kind`"],
    );
    check(
        "id: a\npage: { kind: none, totl: 3 }",
        &["unknown-field 2:21 `page` has no field `totl` | did you mean `total`? => total"],
    );
    check(
        "id: a\nrules:\n  - { types: [A], dorp: x }\n  - types: [A]\n    trget: active",
        &[
            "unknown-field 3:19 item 1 of `rules` has no field `dorp` | did you mean `drop`? => drop",
            "unknown-field 5:5 item 2 of `rules` has no field `trget` | did you mean `target`? => target",
        ],
    );
    check(
        "id: a\nnames: { a: 3, B: 4 }",
        &["wrong-form 2:16 a key of `names` takes lower-case letters | not of this form"],
    );
    check(
        "id: a\nstatus_of: { planed: x }",
        &[
            "wrong-form 1:1 the values do not go together as they are declared | in this file; unknown variant `planed`, expected one of `active`, `out-of-service`, `planned`",
        ],
    );
}

#[test]
fn a_field_is_there() {
    check("status: active", &["missing-field 1:1 `id` is missing in the file | needs `id`"]);
    check("id: a\nhttp: {}", &["missing-field 2:1 `origin` is missing in `http` | needs `origin`"]);
    check(
        "id: a\nhttp: { origin: x, auth: [{ kind: basic, user: x }, { name: x }] }",
        &[
            "missing-field 2:27 `password` is missing in item 1 of `auth` | needs `password`",
            "missing-field 2:53 `kind` is missing in item 2 of `auth` | needs `kind`; it can be `none`, `basic` or `header`",
        ],
    );
    check("id: a\nlogin: { form: {} }", &["missing-field 2:10 `user` is missing in `form` | needs `user`"]);
    check(
        "id: a\nlogin: {}",
        &["missing-field 2:8 `login` is an empty block | one field is missing; it holds `form` or `token`"],
    );
    check(
        "id: a\nrules:\n  -\n    types: [A]\n  - {}",
        &[
            "missing-field 4:5 `target` is missing in item 1 of `rules` | needs `target`",
            "missing-field 5:5 `types` is missing in item 2 of `rules` | needs `types`",
            "missing-field 5:5 `target` is missing in item 2 of `rules` | needs `target`",
        ],
    );
}

#[test]
fn a_word_is_one_of_few() {
    check(
        "id: a\nstatus: actve",
        &["unknown-choice 2:9 `status` cannot be `actve` | did you mean `active`? => active"],
    );
    check(
        "id: a\nstatus: OUT_OF_SERVICE",
        &["unknown-choice 2:9 `status` cannot be `OUT_OF_SERVICE` | did you mean `out-of-service`? => out-of-service"],
    );
    check(
        "id: a\nstatus: gone",
        &[
            "unknown-choice 2:9 `status` cannot be `gone` | not known here; it can be `planned`, `active` or `out-of-service`",
        ],
    );
    check("id: a\nlogin: nevr", &["unknown-choice 2:8 `login` cannot be `nevr` | did you mean `never`? => never"]);
    check(
        "id: a\nlogin: { fomr: { user: x } }",
        &["unknown-choice 2:10 `login` cannot be `fomr` | did you mean `form`? => form"],
    );
    check(
        "id: a\nhttp: { origin: x, auth: { kind: bsic } }",
        &["unknown-choice 2:34 `kind` cannot be `bsic` | did you mean `basic`? => basic"],
    );
    check(
        "id: a\nfields: { x: { at: a, as: planed } }",
        &["unknown-choice 2:27 `as` cannot be `planed` | did you mean `planned`? => planned"],
    );
}

#[test]
fn text_is_text() {
    check(
        "id: a\nhttp: { origin: NULL }",
        &[r#"wrong-type 2:17 `origin` takes text, not null | quote it: `"NULL"` => "NULL""#],
    );
    check("id: a\nhttp: { origin: ~ }", &["wrong-type 2:17 `origin` takes text, not null | not text"]);
    check("id: a\nhttp: { origin: }", &["wrong-type 2:9 `origin` takes text, and has no value | needs text"]);
    check(
        "id: a\nhttp: { origin: 1.10 }",
        &[r#"wrong-type 2:17 `origin` takes text, not the number `1.10` | quote it: `"1.10"` => "1.10""#],
    );
    check(
        "id: a\nhttp: { origin: 0x1F }",
        &[r#"wrong-type 2:17 `origin` takes text, not the number `0x1F` | quote it: `"0x1F"` => "0x1F""#],
    );
    check(
        "id: a\nhttp: { origin: True }",
        &[r#"wrong-type 2:17 `origin` takes text, not the boolean `true` | quote it: `"True"` => "True""#],
    );
    check("id: a\nhttp: { origin: [a] }", &["wrong-type 2:17 `origin` takes text, not a list | not text"]);
    check(
        "id: 12",
        &["wrong-type 1:5 `id` takes text, not the number `12` | not text; it is lower-case words joined by `-`"],
    );
    check(
        "id:",
        &["wrong-type 1:1 `id` takes text, and has no value | needs text; it is lower-case words joined by `-`"],
    );
}

#[test]
fn numbers_and_booleans_are_such() {
    check(
        "id: a\nhttp: { origin: x, timeout: \"30\", follow: yes }",
        &[
            "wrong-type 2:29 `timeout` takes a whole number, not the text `30` | without quotes: `30` => 30",
            "wrong-type 2:43 `follow` takes `true` or `false`, not `yes` | `yes` is text; write `true` => true",
        ],
    );
    check(
        "id: a\nhttp: { origin: x, timeout: soon, follow: \"false\", offset: 1.5 }",
        &[
            "wrong-type 2:29 `timeout` takes a whole number, not `soon` | not a whole number",
            "wrong-type 2:43 `follow` takes `true` or `false`, not the text `false` | without quotes: `false` => false",
            "wrong-type 2:60 `offset` takes a whole number, not the number `1.5` | not a whole number",
        ],
    );
    check(
        "id: a\nhttp: { origin: x, timeout: 90, offset: 9223372036854775808 }",
        &[
            "out-of-range 2:29 `timeout` takes at most 60, not 90 | at most 60",
            "out-of-range 2:41 `offset` takes at most 9223372036854775807, not 9223372036854775808 | at most 9223372036854775807",
        ],
    );
    check(
        "id: a\nhttp: { origin: x, timeout: 0 }",
        &["out-of-range 2:29 `timeout` takes at least 1, not 0 | at least 1"],
    );
    check("id: a\nnames: { a: -1 }", &["out-of-range 2:13 `a` takes at least 0, not -1 | at least 0"]);
}

#[test]
fn lists_and_blocks_are_such() {
    check(
        "id: a\nrules:\n  - types: A\n    drop: x\n  - { types: \"A, B\", drop: x }\n  - types: A, B\n    drop: x\n  - a",
        &[
            "wrong-type 3:12 `types` takes a list, not `A` | write `[A]` => [A]",
            r#"wrong-type 5:14 `types` takes a list, not the text `A, B` | write `["A, B"]` => ["A, B"]"#,
            "wrong-type 6:12 `types` takes a list, not `A, B` | write `[A, B]` => [A, B]",
            "wrong-type 8:5 item 4 of `rules` takes a block, not `a` | not a block",
        ],
    );
    check("id: a\nrules: { types: [A], drop: x }", &["wrong-type 2:8 `rules` takes a list, not a block | not a list"]);
    check(
        "id: a\nrules: [{ types: [], drop: \"\" }, { types: [A], drop: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx }]",
        &[
            "out-of-range 2:18 `types` takes at least 1 item, not 0 | at least 1 item",
            "out-of-range 2:28 `drop` takes at least 1 character, not 0 | at least 1 character",
            "out-of-range 2:54 `drop` takes at most 40 characters, not 49 | at most 40 characters",
        ],
    );
    check("id: a\nhttp: x", &["wrong-type 2:7 `http` takes a block, not `x` | not a block"]);
    check("id: a\nrules:", &["wrong-type 2:1 `rules` takes a list, and has no value | needs a list"]);
    check(
        "id: a\nstatus: [active]",
        &[
            "wrong-type 2:9 `status` takes a known word, not a list | not a known word; it can be `planned`, `active` or `out-of-service`",
        ],
    );
    check(
        "id: a\npage: none",
        &["wrong-type 2:7 `page` takes a block, not `none` | write `{ kind: none }` => { kind: none }"],
    );
    check(
        "id: a\nhttp: { origin: x, auth: basic }",
        &["wrong-type 2:26 `auth` takes a block or a list, not `basic` | a block starts with it: `{ kind: basic, … }`"],
    );
}

#[test]
fn a_choice_is_told_by_what_was_meant() {
    check(
        "id: a\nfields: { x: { at: 3, as: active }, y: { at: [a, 3], as: active }, z: { at: { a: 1 }, as: 3 } }",
        &[
            r#"wrong-type 2:20 `at` takes text or a list, not the number `3` | quote it: `"3"` => "3""#,
            r#"wrong-type 2:50 item 2 of `at` takes text, not the number `3` | quote it: `"3"` => "3""#,
            "wrong-type 2:77 `at` takes text or a list, not a block | not text or a list",
            "wrong-type 2:91 `as` takes a known word, not the number `3` | not a known word; it can be `planned`, `active` or `out-of-service`",
        ],
    );
    check(
        "id: a\nfields: { x: { at: a, as: active, none_when: [1.5, a, true, [x]] } }",
        &[
            r#"wrong-type 2:47 item 1 of `none_when` takes `true` or `false`, a whole number or text | quote it: `"1.5"` => "1.5""#,
            "wrong-type 2:61 item 4 of `none_when` takes `true` or `false`, a whole number or text | not `true` or `false`, a whole number or text",
        ],
    );
    check(
        "id: a\nquery: { a: true, b: { from: active }, c: [1] }",
        &[
            r#"wrong-type 2:13 `a` takes a whole number, text or a block, not the boolean `true` | quote it: `"true"` => "true""#,
            "missing-field 2:19 `format` is missing in `b` | needs `format`",
            "wrong-type 2:43 `c` takes a whole number, text or a block, not a list | not a whole number, text or a block",
        ],
    );
    check(
        "id: a\nhttp: { origin: x, auth: [{ kind: header, nmae: x }, 3] }",
        &[
            "unknown-field 2:43 item 1 of `auth` has no field `nmae` | did you mean `name`? => name",
            "wrong-type 2:54 item 2 of `auth` takes a block, not the number `3` | not a block",
        ],
    );
    check(
        "id: a\nlogin: [never]",
        &[
            "wrong-type 2:8 `login` takes a known word or a block, not a list | not a known word or a block; it can be `never`",
        ],
    );
}

#[test]
fn a_text_has_a_form() {
    check("id: A b", &["wrong-form 1:5 `id` takes lower-case words joined by `-` | not of this form"]);
    check(
        "id: a\nversion: \"1.10\"",
        &["wrong-form 2:10 `version` is not written as it must be | not of this form; what it is: A version."],
    );
    check("id: a\nversion: 1.10", &["wrong-type 2:10 `version` takes text, not the number `1.10` | not text"]);
    check("id: >-\n  a\n  b", &["wrong-form 2:3 `id` takes lower-case words joined by `-` | not of this form"]);
}
