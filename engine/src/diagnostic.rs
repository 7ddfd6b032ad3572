//! What is wrong, where, and what to do: the one type for mistakes in a profile, a case or an answer.
//! Holds facts only; words are coloured and laid out by whoever prints them.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A text that a person can open: a profile, a case, a provider's answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The path or URL it is known by.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A source that labels can share.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }

    /// The line that holds this byte, counted from 1.
    pub fn line(&self, byte: usize) -> usize {
        let end = byte.min(self.text.len());
        1 + self.text.as_bytes()[..end].iter().filter(|&&b| b == b'\n').count()
    }

    /// The line and the column of this byte, both from 1; columns count characters.
    pub fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let end = byte.min(self.text.len());
        let start = self.text.as_bytes()[..end].iter().rposition(|&b| b == b'\n').map_or(0, |newline| newline + 1);
        let column = 1 + self.text.get(start..end).map_or(end - start, |text| text.chars().count());
        (self.line(byte), column)
    }
}

/// Bytes of a source, from start to before end.
pub type Span = Range<usize>;

/// A place, and what it has to do with the matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The text the span belongs to.
    pub source: Arc<Source>,
    /// Where in it.
    pub span: Span,
    /// What this place is; may be empty.
    pub text: String,
}

/// An exact replacement that removes the diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What is replaced; an empty span inserts.
    pub span: Span,
    /// What stands there afterwards.
    pub replacement: String,
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The profile cannot run, or the answer cannot be used.
    Error,
    /// It can, but probably not as meant.
    Warning,
}

/// One mistake, told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which kind of mistake.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// A fact in the reader's words, that stands alone.
    pub message: String,
    /// The first says what the place is, others say why. The first one's source is where the fix applies.
    pub labels: Vec<Label>,
    /// Facts that let the reader decide.
    pub notes: Vec<String>,
    /// The sure way out, if there is one.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// An error at one place.
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

    /// The same, as a warning.
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Adds another place of the same source.
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        let source = Arc::clone(&self.labels[0].source);
        self.labels.push(Label { source, span, text: one_line(label.into()) });
        self
    }

    /// Adds a fact.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds the way out.
    pub fn fix(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.fix = Some(Fix { span, replacement: replacement.into() });
        self
    }
}

/// How many mistakes of one file are told. Whoever mends these sees the others next.
pub const MAX_REPORTED: usize = 100;

/// The first of these, in their order; and how many more there are, as one more.
pub fn capped(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let more = diagnostics.len().saturating_sub(MAX_REPORTED);
    if more == 0 {
        return diagnostics;
    }
    let untold = diagnostics.split_off(MAX_REPORTED);
    let Label { source, span, .. } = &untold[0].labels[0];
    let place = span.start..span.start;
    let message = format!("and {} more", grouped(more));
    let mut rest = Diagnostic::error(Code::TooLarge, message, source, place, "the next one");
    if untold.iter().all(|found| found.severity == Severity::Warning) {
        rest = rest.warning();
    }
    diagnostics.push(rest);
    diagnostics
}

/// `1,912`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let is_start = |i: usize| i > 0 && (digits.len() - i).is_multiple_of(3);
    digits.char_indices().flat_map(|(i, digit)| is_start(i).then_some(',').into_iter().chain([digit])).collect()
}

/// A sentence stays one line, whatever names of the source it repeats.
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
        /// Every kind of mistake, by the slug that names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// All codes, in the order of their declaration.
            pub const ALL: &[Code] = &[$(Code::$name,)+];

            /// The slug: stable, and never used again for something else.
            pub fn slug(self) -> &'static str {
                match self { $(Code::$name => $slug,)+ }
            }

            /// What the mistake is and why it matters.
            pub fn doc(self) -> &'static str {
                match self { $(Code::$name => concat!($($doc, "\n",)+),)+ }
            }
        }
    };
}

codes! {
    // The text as YAML.
    /// The file is not UTF-8 text, or none that is read: a link, a pipe, a device, one that may not be read.
    NotUtf8 = "not-utf8",
    /// The text is no YAML.
    Syntax = "syntax",
    /// The file holds nothing.
    EmptyFile = "empty-file",
    /// A second YAML document starts; a file has one.
    SecondDocument = "second-document",
    /// YAML tags (`!x`) mean nothing here: types are declared by the language itself.
    Tag = "tag",
    /// `<<` would merge keys from elsewhere: what a block says could not be read off the block.
    MergeKey = "merge-key",
    /// An alias names an anchor that is not there, or expands to more than a profile can hold.
    Alias = "alias",
    /// A key is a block or a list. Most often a template without quotes: `a: {{ x }}`.
    BlockAsKey = "block-as-key",
    /// A key stands twice in one block; one of the two would be lost in silence.
    DuplicateField = "duplicate-field",
    /// The text nests deeper, is longer, or has more mistakes than any profile. The mistakes that are not told are counted.
    TooLarge = "too-large",

    // The shape: what the JSON Schema of a profile says.
    /// A key that this block does not have.
    UnknownField = "unknown-field",
    /// A key that this block must have.
    MissingField = "missing-field",
    /// A value of another type than this key takes.
    WrongType = "wrong-type",
    /// A word that is not one of those this key takes.
    UnknownChoice = "unknown-choice",
    /// A number or a length outside its bounds.
    OutOfRange = "out-of-range",
    /// A text that does not have the form this key takes.
    WrongForm = "wrong-form",

    /// A text or key with a character that people do not see, or that ends a line: a control character, a bidirectional
    /// control, a character without width, one that Unicode does not assign. Texts of a profile stand in terminals, in
    /// OpenCTI and in generated files, and there such a character hides, forges or adds something.
    UnprintableCharacter = "unprintable-character",

    // Texts with a notation of their own.
    /// A text is no JSONPath (RFC 9535).
    PathSyntax = "path-syntax",
    /// A path has wildcards, slices or filters. A path says where one thing stands; conditions are said with `when`.
    PathSearches = "path-searches",
    /// A brace in a literal text opens or closes nothing.
    TemplateSyntax = "template-syntax",
    /// A placeholder that stands for nothing known.
    UnknownPlaceholder = "unknown-placeholder",
    /// A placeholder where it has no value.
    PlaceholderOutOfPlace = "placeholder-out-of-place",
    /// A condition or a description is no MiniJinja.
    ExpressionSyntax = "expression-syntax",
    /// A filter, test or function that is not there.
    UnknownFilter = "unknown-filter",
    /// A field that is not declared.
    UnknownName = "unknown-name",
    /// A condition that is neither true nor false.
    NotBoolean = "not-boolean",
    /// A condition that reads nothing: it holds for every record, or for none.
    ConditionConstant = "condition-constant",
    /// A text is no way to write a time.
    TimeFormat = "time-format",
    /// A time format names no zone, and none is given beside it.
    TimeZoneMissing = "time-zone-missing",
    /// A time zone that the IANA database does not have.
    UnknownTimeZone = "unknown-time-zone",

    // The meaning: what the parts say together.
    /// A setting that is not declared.
    UnknownSetting = "unknown-setting",
    /// A secret outside `http.auth`, from where it could be printed.
    SecretOutsideAuth = "secret-outside-auth",
    /// A setting that does not always hold a value of the type wanted.
    SettingType = "setting-type",
    /// A default or a choice that is not of its setting's type, or a default that is no choice.
    SettingDefault = "setting-default",
    /// A setting that every profile has is declared again.
    ReservedSetting = "reserved-setting",
    /// A setting whose environment variable belongs to another program: its value would be sent to the provider.
    ReservedVariable = "reserved-variable",
    /// A setting with the name of a credential and another type than `secret`: its value could be printed.
    CredentialNotSecret = "credential-not-secret",
    /// The base URL is no literal `https` URL of scheme, host and path.
    BaseUrl = "base-url",
    /// A header's name holds signs that no header's name has.
    HeaderName = "header-name",
    /// A header that says how a request is sent, to whom, or through what: it is set by whoever sends the request.
    HeaderReserved = "header-reserved",
    /// A path that is not sent as it stands: URLs are normalised, which resolves `.` and `..` and encodes blanks.
    PathNormal = "path-normal",
    /// A quota probe reads neither `used` and `limit` nor `remaining`.
    QuotaFigures = "quota-figures",
    /// A row of `answers` tests neither status nor body.
    AnswerMatchesAll = "answer-matches-all",
    /// A profile without a lookup.
    NothingToAsk = "nothing-to-ask",
    /// A JSON answer whose rows stand nowhere.
    RecordsMissing = "records-missing",
    /// `records` in a framing that cuts rows by itself.
    RecordsNotUsed = "records-not-used",
    /// An end of the window is asked for, and there is no `window`.
    WindowMissing = "window-missing",
    /// A cursor without one place to come from and one to go to.
    CursorPlaces = "cursor-places",
    /// A field that every record needs is not declared.
    FieldMissing = "field-missing",
    /// A field of another type than its role or its keys want.
    FieldType = "field-type",
    /// A field with a name that conditions cannot use.
    FieldName = "field-name",
    /// The last orientation has a condition: a record may match none.
    OrientationNotTotal = "orientation-not-total",
    /// An orientation without a condition hides those after it.
    OrientationHides = "orientation-hides",
    /// A word that is no DNS record type.
    UnknownRrtype = "unknown-rrtype",
    /// OpenCTI does not permit this relationship between these types, and would refuse it on import.
    RelationshipNotPermitted = "relationship-not-permitted",
    /// OpenCTI permits this relationship since a later platform than 6.0; earlier ones refuse it.
    RelationshipNewerOnly = "relationship-newer-only",
    /// A rule for ends that its record types never have.
    RuleNeverMatches = "rule-never-matches",
    /// No rule catches what the others leave.
    RulesNotTotal = "rules-not-total",
    /// A rule that matches everything hides those after it.
    RuleHides = "rule-hides",
    /// A comparison in a condition that can never be equal; MiniJinja finds it false and says nothing.
    NeverEqual = "never-equal",
    /// A rule whose records all go by an earlier one.
    RuleHidden = "rule-hidden",
    /// A row of `answers` whose answers all go by an earlier one.
    AnswerHidden = "answer-hidden",
    /// A kind of observable that is asked about, and of which no rule makes anything: every record would be dropped.
    AcceptedInVain = "accepted-in-vain",
    /// A key that changes nothing where it stands: not the requests, not the records, not the outcome.
    NoEffect = "no-effect",
    /// A window that no request names and no filter applies.
    WindowUnused = "window-unused",
    /// A field that no condition, text or orientation reads.
    FieldUnused = "field-unused",
    /// A setting that nothing uses.
    SettingUnused = "setting-unused",
    /// A setting with a name that variables and files cannot use.
    SettingName = "setting-name",
    /// Two settings that go by one name.
    SettingNameTwice = "setting-name-twice",
    /// A secret with a default: it would be no secret.
    SecretDefault = "secret-default",
    /// A setting that is required and has a default: it can never be missing.
    DefaultOfRequired = "default-of-required",
    /// A duration of nothing where some time is needed.
    DurationZero = "duration-zero",
    /// The first wait before another attempt is longer than the longest.
    RetryOrder = "retry-order",
    /// A header that two parts of the profile send.
    HeaderTwice = "header-twice",
    /// A query parameter that two parts of the profile send.
    ParameterTwice = "parameter-twice",
    /// A value that stands in a list twice.
    ValueTwice = "value-twice",
    /// A request that does not hold the observable: every answer would be the same.
    ObservableUnused = "observable-unused",
    /// Requests for each of a list, none of which holds the element.
    EachUnused = "each-unused",
    /// A request's path that does not start with `/`: it would run into the base URL.
    PathStart = "path-start",
    /// A path with a query or a fragment in it.
    PathQuery = "path-query",
    /// An id that includes a time which relationships do not have.
    IdWithoutTime = "id-without-time",
    /// A key of `relationship` that has no effect with its `repeats`.
    RepeatsKey = "repeats-key",
    /// Two kinds of credentials that each fetch a token: a request carries one.
    AuthTwice = "auth-twice",
    /// An HMAC without a key, or a plain digest with one.
    SignatureKey = "signature-key",
    /// A field whose place does not go with what it is read from.
    FieldPlace = "field-place",
    /// Keys at a level that is no object.
    LevelKeys = "level-keys",
    /// Lines of text that nobody says how to cut.
    ColumnsMissing = "columns-missing",
    /// Columns of answers that are no lines of text.
    ColumnsNotUsed = "columns-not-used",
    /// Columns that are parted by a quote or by an end of line.
    ColumnSeparator = "column-separator",
    /// A test of a body that compares a whole value and looks for a part of it at once.
    BodyTestTwice = "body-test-twice",
    /// A place in the body of an answer whose lines are all rows: nothing would ever be found there.
    PlaceInLines = "place-in-lines",
    /// A sign of a cut answer that stands nowhere, or in two places.
    SignalPlace = "signal-place",
    /// A body that is JSON and a form at once.
    BodyTwice = "body-twice",
    /// A body for a request that has none.
    BodyOfGet = "body-of-get",
    /// A value of paging or of credentials that is put into a body that is not there.
    BodyParameter = "body-parameter",
    /// A rule pack that is not known.
    UnknownPack = "unknown-pack",
    /// A token that a login's answer has nowhere or in two places, or that is sent in two.
    TokenPlace = "token-place",
    /// A figure of paging that the answer has in two places.
    FigureTwice = "figure-twice",
    /// Paging by parts of the window that are not sent as parts, or that nothing calls for.
    WindowParts = "window-parts",
    /// A job that the answer names nowhere or in two places, or that nothing tells the end of.
    JobPlace = "job-place",
    /// A job whose name no later request holds.
    JobNotAsked = "job-not-asked",
    /// A profile in a version of the language that this program does not know.
    LanguageVersion = "language-version",
    /// A profile whose `id` is not the name of its folder.
    IdNotFolder = "id-not-folder",

    // Answers.
    /// A provider's answer is JSON, and its records are not where the profile says.
    ResponseShape = "response-shape",
    /// A provider's answer is no JSON, although the profile says it is.
    ResponseSyntax = "response-syntax",
    /// A record that cannot be read. It costs itself, and is counted.
    BadRecord = "bad-record",

    // Cases.
    /// A setting that the profile does not have.
    CaseSetting = "case-setting",
    /// A setting that the profile requires, and the case does not give.
    CaseSettingMissing = "case-setting-missing",
    /// A case that makes no request, and shows no refusal either.
    CaseTestsNothing = "case-tests-nothing",
    /// A case without what is expected of it.
    CaseNotAccepted = "case-not-accepted",
    /// A case asks about something that is no observable of its type.
    CaseObservable = "case-observable",
    /// An exchange's request is not written as one.
    CaseRequest = "case-request",
    /// A reply with more than one body.
    CaseReply = "case-reply",
    /// A file that a case names is not there.
    CaseFile = "case-file",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}
