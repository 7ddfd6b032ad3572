//! Diagnostics: what is wrong, where, and how to fix it. The only type for mistakes in profiles, cases and responses.
//! Holds facts without layout or color, which the output adds.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A text that diagnostics refer to: a profile, a case or a provider's response.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// Path or URL of the text, for display.
    pub name: String,
    /// Complete text, which the spans refer to.
    pub text: String,
}

impl Source {
    /// Creates a source that labels can share.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }

    /// Returns the line of a byte, counted from 1.
    pub fn line(&self, byte: usize) -> usize {
        let end = byte.min(self.text.len());
        1 + self.text.as_bytes()[..end].iter().filter(|&&b| b == b'\n').count()
    }

    /// Returns line and column of a byte, both counted from 1. Columns count characters.
    pub fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let end = byte.min(self.text.len());
        let start = self.text.as_bytes()[..end].iter().rposition(|&b| b == b'\n').map_or(0, |newline| newline + 1);
        let column = 1 + self.text.get(start..end).map_or(end - start, |text| text.chars().count());
        (self.line(byte), column)
    }
}

/// A range of bytes in a source; the end is exclusive.
pub type Span = Range<usize>;

/// A location and its relevance to the diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Source that the span refers to.
    pub source: Arc<Source>,
    /// Location in the source, in bytes.
    pub span: Span,
    /// Text of the label; may be empty.
    pub text: String,
}

/// A replacement that certainly resolves the diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// Range to replace; an empty span inserts.
    pub span: Span,
    /// Text to insert in its place.
    pub replacement: String,
}

/// Severity of a diagnostic, which determines the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The profile cannot run, or the response cannot be used.
    Error,
    /// The profile can run, but probably not as intended.
    Warning,
}

/// One mistake with its code, location, explanation and optional fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Kind of the mistake.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in a sentence that is complete without the labels.
    pub message: String,
    /// Locations: the first is the mistake itself, the others explain it. A fix applies to the source of the first.
    pub labels: Vec<Label>,
    /// Additional information for the decision of the reader.
    pub notes: Vec<String>,
    /// A certain fix, if there is one.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// Creates an error with one label.
    pub fn error(
        code: Code,
        message: impl Into<String>,
        source: &Arc<Source>,
        span: Span,
        label: impl Into<String>,
    ) -> Self {
        let labels = vec![Label { source: Arc::clone(source), span, text: one_line(label.into()) }];
        Self { code, severity: Severity::Error, message: one_line(message.into()), labels, notes: vec![], fix: None }
    }

    /// Changes the severity to a warning.
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Adds a label at another location of the same source.
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        let source = Arc::clone(&self.labels[0].source);
        self.labels.push(Label { source, span, text: one_line(label.into()) });
        self
    }

    /// Adds a note with further information.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds a fix that certainly resolves the diagnostic.
    pub fn fix(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.fix = Some(Fix { span, replacement: replacement.into() });
        self
    }
}

/// Sorts diagnostics by location and removes duplicates, which occur because an alias shows the same part under another
/// name.
pub(crate) fn sorted(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by_key(|diagnostic| diagnostic.labels[0].span.start);
    let mut kept: Vec<Diagnostic> = vec![];
    for diagnostic in diagnostics {
        let start = diagnostic.labels[0].span.start;
        let mut here = kept.iter().rev().take_while(|other| other.labels[0].span.start == start);
        if !here.any(|other| other.code == diagnostic.code && other.labels == diagnostic.labels) {
            kept.push(diagnostic);
        }
    }
    kept
}

/// Maximum number of diagnostics that are reported for one file.
pub const MAX_REPORTED: usize = 100;

/// Truncates diagnostics to [`MAX_REPORTED`], and adds one with the number of omitted ones.
pub fn capped(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let more = diagnostics.len().saturating_sub(MAX_REPORTED);
    if more == 0 {
        return diagnostics;
    }
    let omitted = diagnostics.split_off(MAX_REPORTED);
    let Label { source, span, .. } = &omitted[0].labels[0];
    let start = span.start..span.start;
    let message = format!("diagnostics not shown: {}", grouped(more));
    let mut rest = Diagnostic::error(Code::TooLarge, message, source, start, "the next one is here");
    if omitted.iter().all(|found| found.severity == Severity::Warning) {
        rest = rest.warning();
    }
    diagnostics.push(rest);
    diagnostics
}

/// Formats a number with thousands separators, such as `1,912`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let is_start = |i: usize| i > 0 && (digits.len() - i).is_multiple_of(3);
    digits.char_indices().flat_map(|(i, digit)| is_start(i).then_some(',').into_iter().chain([digit])).collect()
}

/// Returns the text on one line, even if names in it contain line breaks.
fn one_line(text: String) -> String {
    match text.contains(['\n', '\r']) {
        true => text.split_whitespace().collect::<Vec<_>>().join(" "),
        false => text,
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.labels[0];
        write!(f, "{}:{}: {} [{}]", place.source.name, place.source.line(place.span.start), self.message, self.code)
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $slug:literal,)+) => {
        /// Kinds of diagnostics, each with a stable slug.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// All codes in the order of their declaration.
            pub const ALL: &[Code] = &[$(Code::$name,)+];

            /// Returns the slug, which is stable and never reused.
            pub fn slug(self) -> &'static str {
                match self { $(Code::$name => $slug,)+ }
            }

            /// Returns the description: what the mistake is and why it matters.
            pub fn doc(self) -> &'static str {
                match self { $(Code::$name => concat!($($doc, "\n",)+),)+ }
            }
        }
    };
}

codes! {
    // YAML syntax.
    /// The file is not UTF-8 text, or it is not a regular readable file: a link, a pipe, a device, or one without read
    /// permission.
    NotUtf8 = "not-utf8",
    /// The text is not valid YAML.
    Syntax = "syntax",
    /// The file has no content.
    EmptyFile = "empty-file",
    /// A file must contain a single YAML document.
    SecondDocument = "second-document",
    /// YAML tags (`!x`) are not supported: types are declared by the profile language.
    Tag = "tag",
    /// Merge keys (`<<`) are not supported: a mapping would no longer show all its content.
    MergeKey = "merge-key",
    /// An alias refers to an unknown anchor, or expands to more than a profile may contain.
    Alias = "alias",
    /// A key is a mapping or list. The most frequent cause is a template without quotes: `a: {{ x }}`.
    BlockAsKey = "block-as-key",
    /// A key occurs twice in one mapping; one of its values would be lost silently.
    DuplicateField = "duplicate-field",
    /// A limit is exceeded: nesting, length, or the number of mistakes. Mistakes beyond the limit are counted, but not
    /// shown.
    TooLarge = "too-large",

    // Structure, as the JSON Schema of a profile requires.
    /// A key that this mapping does not permit.
    UnknownField = "unknown-field",
    /// A required key is missing in this mapping.
    MissingField = "missing-field",
    /// A value has the wrong type for its key.
    WrongType = "wrong-type",
    /// A value is not one of the permitted keywords.
    UnknownChoice = "unknown-choice",
    /// A number or a length is outside its range.
    OutOfRange = "out-of-range",
    /// A string does not have the required format.
    WrongForm = "wrong-form",

    /// A string or key contains a character that is invisible or ends a line: a control character, a bidirectional
    /// control, a character without width, or one that Unicode does not assign. Strings of a profile are shown in
    /// terminals, in OpenCTI and in generated files, where such a character hides, forges or adds text.
    UnprintableCharacter = "unprintable-character",

    // Strings with their own syntax.
    /// A path is not valid JSONPath (RFC 9535).
    PathSyntax = "path-syntax",
    /// A path contains wildcards, slices or filters. A path must select a single value; conditions are expressed with
    /// `when`.
    PathSearches = "path-searches",
    /// An unmatched brace in a literal string.
    TemplateSyntax = "template-syntax",
    /// A placeholder that is not defined.
    UnknownPlaceholder = "unknown-placeholder",
    /// A placeholder that has no value at this position.
    PlaceholderOutOfPlace = "placeholder-out-of-place",
    /// A condition or description is not a valid MiniJinja expression.
    ExpressionSyntax = "expression-syntax",
    /// A filter, test or function that does not exist.
    UnknownFilter = "unknown-filter",
    /// A name that is not a declared field.
    UnknownName = "unknown-name",
    /// A condition that does not evaluate to true or false.
    NotBoolean = "not-boolean",
    /// A condition without variables: it is true for every record, or for none.
    ConditionConstant = "condition-constant",
    /// An invalid time format.
    TimeFormat = "time-format",
    /// A time format has no time zone, and none is declared.
    TimeZoneMissing = "time-zone-missing",
    /// A time zone that is not in the IANA database.
    UnknownTimeZone = "unknown-time-zone",

    // Semantics: consistency of the parts.
    /// A setting that is not declared in `settings`.
    UnknownSetting = "unknown-setting",
    /// A secret is used outside `http.auth`, where it could be printed.
    SecretOutsideAuth = "secret-outside-auth",
    /// A setting whose value does not always have the required type.
    SettingType = "setting-type",
    /// A default or choice has another type than its setting, or the default is not one of the choices.
    SettingDefault = "setting-default",
    /// The name of a setting is reserved, because every profile has this setting.
    ReservedSetting = "reserved-setting",
    /// The environment variable of a setting belongs to another program: its value would be sent to the provider.
    ReservedVariable = "reserved-variable",
    /// The name of a setting suggests a credential, but its type is not `secret`: its value could be printed.
    CredentialNotSecret = "credential-not-secret",
    /// The base URL is not a literal `https` URL of scheme, host and path.
    BaseUrl = "base-url",
    /// A header name contains characters that header names do not permit (RFC 9110 §5.1).
    HeaderName = "header-name",
    /// A header that controls the transport of a request: the HTTP client sets it.
    HeaderReserved = "header-reserved",
    /// A path that would be sent in another form: URLs are normalized, which resolves `.` and `..` and encodes spaces.
    PathNormal = "path-normal",
    /// A quota probe needs `remaining`, or both `used` and `limit`.
    QuotaFigures = "quota-figures",
    /// A row of `answers` without a condition on status or body matches every response.
    AnswerMatchesAll = "answer-matches-all",
    /// A profile must have a lookup.
    NothingToAsk = "nothing-to-ask",
    /// `records` is missing for a JSON response.
    RecordsMissing = "records-missing",
    /// `records` is not used by a framing that defines rows itself.
    RecordsNotUsed = "records-not-used",
    /// A request uses the window, but `window` is missing.
    WindowMissing = "window-missing",
    /// A cursor needs exactly one source and one destination.
    CursorPlaces = "cursor-places",
    /// A field that every record requires is not declared.
    FieldMissing = "field-missing",
    /// A field has another type than its role or its keys require.
    FieldType = "field-type",
    /// The name of a field cannot be used in conditions.
    FieldName = "field-name",
    /// The last orientation has a condition, so that a record may match none.
    OrientationNotTotal = "orientation-not-total",
    /// An orientation without a condition makes later ones unreachable.
    OrientationHides = "orientation-hides",
    /// An unknown DNS record type.
    UnknownRrtype = "unknown-rrtype",
    /// OpenCTI does not permit this relationship between these types, and would reject it on import.
    RelationshipNotPermitted = "relationship-not-permitted",
    /// OpenCTI permits this relationship since a later version than 6.0; earlier versions reject it.
    RelationshipNewerOnly = "relationship-newer-only",
    /// A rule has a source or target that its record types never produce.
    RuleNeverMatches = "rule-never-matches",
    /// No rule matches the remaining records.
    RulesNotTotal = "rules-not-total",
    /// A rule that matches every record makes later ones unreachable.
    RuleHides = "rule-hides",
    /// A comparison in a condition is never true; MiniJinja evaluates it to false without an error.
    NeverEqual = "never-equal",
    /// A rule is unreachable, because earlier rules match all its records.
    RuleHidden = "rule-hidden",
    /// A row of `answers` is unreachable, because earlier rows match all its responses.
    AnswerHidden = "answer-hidden",
    /// An observable type is accepted, but no rule creates anything for it: every record would be dropped.
    AcceptedInVain = "accepted-in-vain",
    /// Relationships would stop before they start: `start_time` and `stop_time` are exchanged.
    TimesSwapped = "times-swapped",
    /// A key that changes nothing where it stands: not the requests, not the records, not the outcome.
    NoEffect = "no-effect",
    /// A window that no request names and no filter applies.
    WindowUnused = "window-unused",
    /// A field that no condition, template or orientation reads.
    FieldUnused = "field-unused",
    /// A setting that is never used.
    SettingUnused = "setting-unused",
    /// The name of a setting is not permitted in environment variables and files.
    SettingName = "setting-name",
    /// Two settings have the same name or environment variable.
    SettingNameTwice = "setting-name-twice",
    /// A secret must not have a default, which would be public.
    SecretDefault = "secret-default",
    /// A required setting has a default, so that it can never be missing.
    DefaultOfRequired = "default-of-required",
    /// A duration must be longer than zero.
    DurationZero = "duration-zero",
    /// The first retry delay exceeds the maximum delay.
    RetryOrder = "retry-order",
    /// Two parts of the profile send the same header.
    HeaderTwice = "header-twice",
    /// Two parts of the profile send the same query parameter.
    ParameterTwice = "parameter-twice",
    /// A list contains a value twice.
    ValueTwice = "value-twice",
    /// A request does not contain the observable: every response would be the same.
    ObservableUnused = "observable-unused",
    /// Requests for each element of a list, none of which contains the element.
    EachUnused = "each-unused",
    /// A path does not start with `/`: it would continue the last segment of the base URL.
    PathStart = "path-start",
    /// A path contains a query or a fragment.
    PathQuery = "path-query",
    /// Ids include a start time that relationships do not have.
    IdWithoutTime = "id-without-time",
    /// A key of `relationship` that has no effect with its `repeats`.
    RepeatsKey = "repeats-key",
    /// Two kinds of credentials that each fetch a token: a request carries one.
    AuthTwice = "auth-twice",
    /// An HMAC without a key, or a plain digest with a key.
    SignatureKey = "signature-key",
    /// The source of a field does not match the structure of the rows.
    FieldPlace = "field-place",
    /// Keys are declared at a level that is not an object.
    LevelKeys = "level-keys",
    /// `columns` is missing for lines of text.
    ColumnsMissing = "columns-missing",
    /// `columns` is declared for responses that are not lines of text.
    ColumnsNotUsed = "columns-not-used",
    /// The column separator is a quote or a line end.
    ColumnSeparator = "column-separator",
    /// A condition on the body compares a whole value and searches a part of it at once.
    BodyTestTwice = "body-test-twice",
    /// A path into the body of a response whose lines are all rows never matches.
    PlaceInLines = "place-in-lines",
    /// A path contradicts `records`, so that it never leads to a value: what it enters is the list of rows.
    PlaceInRows = "place-in-rows",
    /// A path into a line of columns never leads to one of them.
    UnknownColumn = "unknown-column",
    /// The signal of a truncated response has no location, or two.
    SignalPlace = "signal-place",
    /// A body cannot be both JSON and a form.
    BodyTwice = "body-twice",
    /// A body for a request method without a body.
    BodyOfGet = "body-of-get",
    /// A paging or authentication parameter is placed in a body, but the request has none.
    BodyParameter = "body-parameter",
    /// A rule pack that does not exist.
    UnknownPack = "unknown-pack",
    /// The location of a token in the login response, or in requests, is missing or ambiguous.
    TokenEndpoint = "token-place",
    /// A paging value has two locations in the response.
    FigureTwice = "figure-twice",
    /// Paging by parts of the window that are not sent as parts, or that nothing calls for.
    WindowParts = "window-parts",
    /// A job that the answer names nowhere or in two places, or that nothing tells the end of.
    JobPlace = "job-place",
    /// No later request contains the job's id.
    JobNotAsked = "job-not-asked",
    /// The version of the profile language is not supported.
    LanguageVersion = "language-version",
    /// A field was renamed; its old name is still accepted.
    DeprecatedField = "deprecated-field",
    /// The `id` of a profile differs from the name of its folder.
    IdNotFolder = "id-not-folder",

    // Responses.
    /// A provider's response is JSON, but the records are not at the declared path.
    ResponseShape = "response-shape",
    /// A provider's response is not valid JSON, although the profile declares JSON.
    ResponseSyntax = "response-syntax",
    /// A record has a value that is not of its declared type. Only this record is omitted and counted as bad.
    BadRecord = "bad-record",

    // Cases.
    /// A setting that the profile does not declare.
    CaseSetting = "case-setting",
    /// A setting that the profile requires is missing in the case.
    CaseSettingMissing = "case-setting-missing",
    /// A case sends no request and shows no refusal either.
    CaseTestsNothing = "case-tests-nothing",
    /// A case has no expected result.
    CaseNotAccepted = "case-not-accepted",
    /// The observable of a case is not valid for its type.
    CaseObservable = "case-observable",
    /// The request of an exchange has an invalid format.
    CaseRequest = "case-request",
    /// A response has more than one body.
    CaseReply = "case-reply",
    /// A file that a case refers to cannot be read.
    CaseFile = "case-file",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}
