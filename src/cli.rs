//! Command-line arguments. The doc comments are the text of `--help`.

use crate::image::Image;
use crate::profile_names;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::{ArgValueCompleter, Shell};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use stixmap_engine::stix::ObservableType;

/// Convert passive-DNS results to STIX 2.1.
///
/// A profile is a YAML file that defines how to query one provider and how to interpret its responses. `stixmap list` shows
/// the built-in profiles. Data is written to standard output, everything else to standard error.
///
/// Try it without an account or a network: `stixmap enrich example.com --profile cof --replay`
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Log requests (secrets redacted).
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,
    /// Print only errors.
    #[arg(short, long, global = true)]
    quiet: bool,
}

const EXIT_CODES: &str = "Exit codes: 0 success · 1 failed or refused lookup, failed case, or invalid profile \
· 2 could not start · 3 partial result, or deferred until the quota resets";

/// How much is written to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    Quiet,
    Normal,
    Verbose,
}

impl Cli {
    pub(crate) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Enrich(EnrichArgs),
    Map(MapArgs),
    Check(CheckArgs),
    Test(TestArgs),
    Diff(DiffArgs),
    Explain(ExplainArgs),
    List(ListArgs),
    New(NewArgs),
    Draft(DraftArgs),
    Record(RecordArgs),
    Serve(ServeArgs),
    Connector(ConnectorArgs),
    Deploy(DeployArgs),
    Schema(SchemaArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Returns the environment variables of all options.
pub(crate) fn variables() -> BTreeSet<String> {
    let command = Cli::command();
    let arguments = command.get_subcommands().flat_map(clap::Command::get_arguments);
    arguments.filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned)).collect()
}

/// Arguments that determine which profiles have a name, and which origins are trusted.
#[derive(Debug, Args)]
pub(crate) struct CatalogArgs {
    /// Folder with additional profiles: `DIR/NAME/profile.yaml`.
    #[arg(long, value_name = "DIR", env = "STIXMAP_PROFILES")]
    pub(crate) profiles: Option<PathBuf>,
    /// Origin to which any profile may send the credentials of other profiles: `https://api.example.com`.
    #[arg(long, value_name = "ORIGIN", env = "STIXMAP_TRUST", value_delimiter = ',')]
    pub(crate) trust: Vec<String>,
    /// File of trusted origins, one per line.
    #[arg(long, value_name = "FILE", env = "STIXMAP_TRUST_FILE")]
    pub(crate) trust_file: Option<PathBuf>,
}

/// Arguments that supply the settings of profiles.
#[derive(Debug, Clone, Args)]
pub(crate) struct SettingArgs {
    /// Settings file in YAML: `acme: { username: …, api_key: … }`.
    #[arg(long, value_name = "FILE", env = "STIXMAP_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Set a setting; takes precedence over variables and files. With several profiles, `PROFILE.KEY=VALUE`. Pass secrets in
    /// environment variables (`ACME_API_KEY`) or files (`ACME_API_KEY_FILE`) instead.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Also query addresses that are not public, and special-use names such as `.local`.
    #[arg(long)]
    pub(crate) ask_reserved: bool,
}

/// Arguments that determine what is written, and where.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Stix)]
    pub(crate) format: Format,
    /// Output file instead of standard output. Written atomically.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print each record's values, rule and objects to standard error.
    #[arg(long)]
    pub(crate) trace: bool,
    /// Print the records and rules that produced an object of the bundle to standard error.
    #[arg(long, value_name = "OBJECT-ID")]
    pub(crate) why: Option<String>,
}

impl OutputArgs {
    /// Returns whether the run must keep a trace of each record.
    pub(crate) fn needs_trace(&self) -> bool {
        self.trace || self.why.is_some() || self.format == Format::Cof
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A STIX 2.1 bundle.
    Stix,
    /// Records in the passive-DNS Common Output Format, one per line.
    Cof,
    /// Relationships as an aligned table.
    Table,
    /// Relationships as CSV.
    Csv,
}

/// Arguments that mark the observables.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct MarkingArgs {
    /// TLP marking of the observables, such as `TLP:GREEN`. Nothing is sent if it exceeds the profile's maximum.
    #[arg(long, value_name = "TLP")]
    pub(crate) tlp: Vec<String>,
    /// PAP marking of the observables, such as `PAP:AMBER`. Nothing is sent if it exceeds the profile's maximum.
    #[arg(long, value_name = "PAP")]
    pub(crate) pap: Vec<String>,
}

/// Look up domain names and IP addresses.
///
/// Examples:
///   stixmap enrich example.com --profile cof --replay
///   stixmap enrich example.com 192.0.2.80 --profile cof --replay --tlp TLP:GREEN --format table
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct EnrichArgs {
    /// Domain names and IP addresses; their types are detected.
    #[arg(required_unless_present = "input")]
    pub(crate) values: Vec<String>,
    /// Profile, by name or path. Repeat it to query several providers and merge the results.
    #[arg(short, long, required = true, add = ArgValueCompleter::new(profile_names::complete), value_name = "NAME|PATH")]
    pub(crate) profile: Vec<String>,
    /// File of values, one per line; `-` reads standard input. Blank lines and `#` comments are ignored.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Stop before the first lookup if any value is invalid. Without it, invalid values are skipped, and the exit code is 3.
    #[arg(long)]
    pub(crate) strict: bool,
    /// STIX type of the values, instead of detecting it: `domain-name`, `ipv4-addr`, …
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) marking: MarkingArgs,
    /// Replay the profile's recorded cases through a loopback server: no account, no network.
    #[arg(long)]
    pub(crate) replay: bool,
    /// Timeout per lookup, with all its requests: `90s`, `5m`, `PT5M`.
    #[arg(long, default_value = "5m", value_name = "DURATION")]
    pub(crate) deadline: String,
    /// Maximum number of concurrent lookups.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) concurrency: u16,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
}

/// Convert stored responses of a provider, without a network.
#[derive(Debug, Args)]
pub(crate) struct MapArgs {
    /// Files with one response each; `-` reads standard input.
    #[arg(required = true, value_name = "RESPONSE")]
    pub(crate) responses: Vec<PathBuf>,
    /// Profile, by name or path.
    #[arg(short, long, add = ArgValueCompleter::new(profile_names::complete), value_name = "NAME|PATH")]
    pub(crate) profile: String,
    /// Domain name or IP address that was looked up.
    #[arg(long, value_name = "VALUE")]
    pub(crate) observable: String,
    /// STIX type of the value, instead of detecting it.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// Lookup that was used, if the profile has several for this type.
    #[arg(long, value_name = "NAME")]
    pub(crate) lookup: Option<String>,
    /// Element of the lookup's `for_each` list that was requested, for example a record type.
    #[arg(long, value_name = "ELEMENT")]
    pub(crate) each: Option<String>,
    #[command(flatten)]
    pub(crate) marking: MarkingArgs,
    /// Serialize the result as the connector does, in a child process that may crash.
    #[arg(long, hide = true)]
    pub(crate) as_sent: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
}

/// Validate profiles and test cases.
///
/// Example: stixmap check profiles/cof
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Profiles (a folder or its `profile.yaml`), folders of profiles, or single cases [default: profiles].
    pub(crate) paths: Vec<PathBuf>,
    /// Format of the diagnostics.
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(crate) format: CheckFormat,
    /// Apply fixes that cannot change the meaning.
    #[arg(long)]
    pub(crate) fix: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// Text with the affected lines.
    Text,
    /// JSON, one document.
    Json,
    /// Annotations of a GitHub workflow.
    Github,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

/// Run the recorded cases of profiles, and measure how much of the profiles they test.
///
/// A case is a YAML file in the profile's `cases` folder. Its expected result is stored next to it, in `.expected`.
///
/// Examples:
///   stixmap test profiles/cof                         compare results with the expected ones
///   stixmap test profiles/cof --coverage              list rules, answers and pages that no case uses
///   stixmap test profiles/cof --mutate --at-least 90  list changes of the profile that no case detects
///   stixmap test profiles/cof --properties            test generated responses
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct TestArgs {
    /// Profiles (a folder or its `profile.yaml`), folders of profiles, or single cases [default: profiles].
    pub(crate) paths: Vec<PathBuf>,
    /// Write the result of each case as its expected result; review the difference. With `--properties`: write a
    /// counterexample as a case, `cases/property-NAME.yaml`.
    #[arg(long, group = "mode")]
    pub(crate) accept: bool,
    /// Report which rules, rows of `orientation` and `answers`, lookups, ends of paging and diagnostics of each profile are
    /// tested by its cases.
    #[arg(long, group = "mode", group = "measure")]
    pub(crate) coverage: bool,
    /// Change one thing of each profile at a time, and report the changes that neither `check` nor a case detects, with the
    /// missing case. The score is the share of valid changes that cases detect.
    #[arg(long, group = "mode", group = "measure")]
    pub(crate) mutate: bool,
    /// Generate responses from each profile (well-formed, unusual, malformed and hostile ones, pages, errors, tokens), and test
    /// what must hold for every run: no panic, no secret in outputs, nothing sent above the TLP limit, … (`stixmap explain
    /// properties`). A counterexample is minimized and printed as a case.
    #[arg(long, group = "measure", conflicts_with = "at_least")]
    pub(crate) properties: bool,
    /// Number of generated runs [default: 64, or `PROPTEST_CASES` if higher].
    #[arg(long, value_name = "N", requires = "properties", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) cases: Option<u32>,
    /// Seed of the generator: the same seed generates the same runs.
    #[arg(long, value_name = "S", requires = "properties", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Write the generated runs to this folder for other programs, and test nothing: one file per profile, with the requests,
    /// responses and bundle of a run on each line.
    #[arg(long, value_name = "DIR", requires = "properties", conflicts_with_all = ["accept", "json"])]
    pub(crate) runs: Option<PathBuf>,
    /// Print coverage and mutation score of each profile, as the page `docs/assurance.md`.
    #[arg(long, group = "mode", group = "measure")]
    pub(crate) assurance: bool,
    /// Format of coverage and mutants.
    #[arg(long, value_enum, default_value_t = TestFormat::Text, requires = "measure")]
    format: TestFormat,
    /// Short for `--format json`.
    #[arg(long, conflicts_with = "format", requires = "measure")]
    pub(crate) json: bool,
    /// Minimum coverage or mutation score of each profile, in percent. If a profile is below it, the exit code is 1.
    #[arg(long, value_name = "PERCENT", requires = "measure", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) at_least: Option<u8>,
}

impl TestArgs {
    pub(crate) fn format(&self) -> TestFormat {
        if self.json { TestFormat::Json } else { self.format }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestFormat {
    /// Text: what is missing, one line each.
    Text,
    /// JSON: everything.
    Json,
    /// Coverage of the profile's lines in LCOV's format.
    Lcov,
    /// Coverage of the profile's lines in Cobertura's XML.
    Cobertura,
}

/// Compare the results of two versions of a profile.
///
/// Runs recorded cases with both, and lists relationships and observables that were added, removed or changed, and outcomes
/// that differ. Exit code 0: no difference; 1: differences.
///
/// Examples:
///   stixmap diff cof profiles/cof                the built-in profile and the one on disk
///   git worktree add ../before HEAD~1; stixmap diff ../before/profiles/cof profiles/cof
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct DiffArgs {
    /// Old version of the profile, by name or path (folder or file).
    #[arg(value_name = "OLD")]
    pub(crate) old: String,
    /// New version of the profile, by name or path (folder or file).
    #[arg(value_name = "NEW")]
    pub(crate) new: String,
    /// Folder of the cases: `cases` or its parent. Without it, the cases of NEW, or of OLD if NEW is a single file.
    #[arg(long, value_name = "DIR")]
    pub(crate) cases: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
}

/// Show what a profile would do, the manual of the profile language, or the meaning of a diagnostic.
///
/// Nothing is sent. Missing settings are shown as their names in braces, and so are all secrets.
///
/// Examples:
///   stixmap explain cof                                      requests, mapping and limits
///   stixmap explain cof example.com --set min_tlp=TLP:CLEAR  the requests for this name, and whether they may be sent
///   stixmap explain profile                                  the manual of the profile language
///   stixmap explain unknown-field                            the meaning of a diagnostic; `codes` lists all
///   stixmap explain properties                               what `stixmap test --properties` tests
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ExplainArgs {
    /// Profile, by name or path; `profile` or `case` for the manual of these files; the code of a diagnostic, or `codes` for a
    /// list; `properties` for the properties that `stixmap test --properties` tests.
    #[arg(add = ArgValueCompleter::new(profile_names::complete), value_name = "PROFILE|CODE")]
    pub(crate) topic: String,
    /// Domain name or IP address: show the requests for it.
    pub(crate) value: Option<String>,
    /// STIX type of the value, instead of detecting it.
    #[arg(long = "type", value_name = "TYPE", requires = "value")]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) marking: MarkingArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Current time, for tests.
    #[arg(long, value_name = "TIME", hide = true, requires = "value")]
    pub(crate) now: Option<String>,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
}

/// Run profiles as OpenCTI connectors, each with its own queue.
///
/// Configure it by environment variables, or by a `config.yml` in the working directory or next to the program. Required:
/// OPENCTI_URL, OPENCTI_TOKEN, CONNECTOR_ID and the profile's settings (`stixmap explain cof`). Other variables of OpenCTI
/// connectors work as usual: CONNECTOR_NAME, CONNECTOR_SCOPE, CONNECTOR_AUTO, CONNECTOR_LOG_LEVEL, CONNECTOR_EXPOSE_METRICS,
/// CONNECTOR_VALIDATE_BEFORE_IMPORT, MQ_HOST, … In addition:
///
///   CONNECTOR_CONCURRENCY       maximum concurrent deliveries [default: 4]
///   CONNECTOR_DELIVERY_TIMEOUT  maximum seconds per delivery, from 10 to 1600 [default: 600]
///   CONNECTOR_GRACE_PERIOD      seconds that a shutdown waits for deliveries in progress [default: 8]
///   OPENCTI_SSL_VERIFY          verify the platform's certificate [default: true]; or authorities in PEM
///   MQ_USE_SSL_REJECT_UNAUTHORIZED
///                               verify the broker's certificate [default: true]
///   CONNECTOR_JOURNAL_PATH      folder of the journal of deliveries in progress [default: STATE_DIRECTORY, else
///                               XDG_STATE_HOME/stixmap, else ~/.local/state/stixmap]
///
/// The `config.yml` is read only if this user or root owns it and its folder, and no other user can write them. Pass `--config
/// config.yml` to read it in any case.
///
/// Secrets can be read from files: OPENCTI_TOKEN_FILE, ACME_API_KEY_FILE. With several profiles, each one needs its own id,
/// ACME_CONNECTOR_ID; every other variable of a connector can have such a prefix.
///
/// Exit code 0: stopped by a signal; 2: missing or invalid configuration, or an unrecoverable error.
///
/// Example: OPENCTI_URL=https://opencti.example OPENCTI_TOKEN_FILE=token stixmap connector --profile cof
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ConnectorArgs {
    /// Profile, by name or path; several profiles run as several connectors.
    #[arg(short, long, add = ArgValueCompleter::new(profile_names::complete), value_name = "NAME|PATH", env = "STIXMAP_PROFILE", value_delimiter = ',', required = true)]
    pub(crate) profile: Vec<String>,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
}

/// List the available profiles.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
}

/// Create a profile with a first case; both pass `check` and `test`.
///
/// Writes `DIR/NAME/profile.yaml`. On a terminal, prompts for what no flag specifies; otherwise uses common defaults. Existing
/// files are never overwritten. If you have a response of the provider, `stixmap draft` generates more of the profile.
///
/// Examples:
///   stixmap new acme
///   stixmap new acme --base-url https://api.acme.example --auth bearer --paging cursor --accepts domain-name,ipv4-addr
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct NewArgs {
    /// Name of the profile: lower-case words joined by `-`.
    pub(crate) name: String,
    /// Base URL: scheme, host and the common path of all requests.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Authentication method.
    #[arg(long, value_enum)]
    pub(crate) auth: Option<AuthKind>,
    /// How a response is divided into rows.
    #[arg(long, value_enum)]
    pub(crate) framing: Option<Framing>,
    /// Paging method.
    #[arg(long, value_enum)]
    pub(crate) paging: Option<PagingKind>,
    /// STIX types that the provider can look up.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "TYPE,…")]
    pub(crate) accepts: Vec<Accepted>,
    /// Folder of profiles, in which the profile's folder is created.
    #[arg(short, long, value_name = "DIR", default_value = "profiles")]
    pub(crate) out: PathBuf,
}

/// Generate a profile from a sample response.
///
/// Finds the records in the sample, and writes `DIR/NAME/profile.yaml` with the sample as first case. Every possible location
/// of rows is tested, and the draft that maps most of the sample is kept. Comments state the evidence for each line: how many
/// rows have a value, and its form. The sample can be JSON, NDJSON, SAF or delimited text. No network is used, and existing
/// files are never overwritten.
///
/// Examples:
///   stixmap draft acme --sample response.json --observable example.com
///   curl "$URL" | stixmap draft acme --sample - --observable 192.0.2.7 --url "$URL"
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct DraftArgs {
    /// Name of the profile: lower-case words joined by `-`.
    pub(crate) name: String,
    /// Response of the provider with at least one record; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) sample: PathBuf,
    /// Domain name or IP address that was looked up.
    #[arg(long, value_name = "VALUE")]
    pub(crate) observable: String,
    /// STIX type of the value, instead of detecting it.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// URL of the request, from which the base URL, path and query parameters are taken. An API key in it is not stored.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Authentication method.
    #[arg(long, value_enum)]
    pub(crate) auth: Option<AuthKind>,
    /// Folder of profiles, in which the profile's folder is created.
    #[arg(short, long, value_name = "DIR", default_value = "profiles")]
    pub(crate) out: PathBuf,
}

/// Values of `http.auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum AuthKind {
    /// No authentication.
    None,
    /// HTTP Basic: user name and password (RFC 7617).
    Basic,
    /// Key in a header of the provider.
    #[default]
    Header,
    /// `Authorization: Bearer …`.
    Bearer,
    /// Key in the query.
    Query,
    /// OAuth 2.0 client credentials (RFC 6749 §4.4).
    Oauth2,
    /// Token in exchange for user name and password.
    Login,
    /// HMAC signature of each request.
    Signature,
}

/// Values of `framing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Framing {
    /// One JSON document.
    #[default]
    Json,
    /// NDJSON: one JSON value per line.
    Ndjson,
    /// Streaming API Framing: JSON lines with `cond` and `obj`.
    Saf,
    /// Delimited text, such as CSV.
    Delimited,
}

impl Framing {
    /// Returns the value as a profile spells it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Saf => "saf",
            Self::Delimited => "delimited",
        }
    }
}

/// Values of `paging`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum PagingKind {
    /// A single page.
    #[default]
    None,
    /// Page numbers.
    Page,
    /// Offset of the first record of a page.
    Offset,
    /// URL of the next page in each response.
    NextUrl,
    /// Cursor of the next page in each response.
    Cursor,
}

/// STIX types that a generated profile can accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Accepted {
    DomainName,
    #[value(name = "ipv4-addr")]
    Ipv4Addr,
    #[value(name = "ipv6-addr")]
    Ipv6Addr,
}

impl Accepted {
    /// Types that most providers can look up.
    pub(crate) const DEFAULT: [Accepted; 3] = [Self::DomainName, Self::Ipv4Addr, Self::Ipv6Addr];

    pub(crate) fn kind(self) -> ObservableType {
        match self {
            Self::DomainName => ObservableType::DomainName,
            Self::Ipv4Addr => ObservableType::Ipv4Addr,
            Self::Ipv6Addr => ObservableType::Ipv6Addr,
        }
    }
}

/// Query a provider once, and record the exchange as a case.
///
/// Writes `cases/NAME.yaml` and `NAME.expected`. Secrets and settings that identify the user are replaced. Texts and numbers
/// of the responses that do not affect the result become `made-up` and 0, and headers that the profile does not read are left
/// out. The records themselves are kept, because the case tests them: check the provider's terms before you publish them.
///
/// Examples:
///   stixmap record example.com --profile profiles/cof
///   stixmap record 192.0.2.34 --profile cof --out cases --case an-address --about "An address with two names"
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct RecordArgs {
    /// Domain name or IP address.
    pub(crate) value: String,
    /// Profile, by name or path.
    #[arg(short, long, add = ArgValueCompleter::new(profile_names::complete), value_name = "NAME|PATH")]
    pub(crate) profile: String,
    /// STIX type of the value, instead of detecting it.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) marking: MarkingArgs,
    /// Name of the case [default: from the value].
    #[arg(long, value_name = "NAME")]
    pub(crate) case: Option<String>,
    /// Description of the case, one sentence.
    #[arg(long, value_name = "TEXT")]
    pub(crate) about: Option<String>,
    /// Folder of the case [default: `cases` in the profile's folder].
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Keep responses unchanged, except for secrets and settings that identify the user.
    #[arg(long)]
    pub(crate) whole: bool,
    /// Timeout of the lookup, with all its requests: `90s`, `5m`, `PT5M`.
    #[arg(long, default_value = "5m", value_name = "DURATION")]
    pub(crate) deadline: String,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
}

/// Mock a provider from recorded cases.
///
/// Prints the base URL to standard output and each request to standard error. Requests are matched by method, path and the
/// parameters that a case contains; the bounds of the window and secrets are ignored. If several cases match, earlier requests
/// decide which one is served. An unknown request is answered with 404 and the closest recorded ones. Credentials are not
/// verified. Exits with 0 when it receives a signal to stop.
///
/// Examples:
///   stixmap serve cof --listen 127.0.0.1:8080
///   stixmap enrich example.com --profile cof --set base_url=http://127.0.0.1:8080 --set min_tlp=TLP:CLEAR --set since=P20Y
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ServeArgs {
    /// Profile, by name or path.
    #[arg(add = ArgValueCompleter::new(profile_names::complete), value_name = "NAME|PATH")]
    pub(crate) profile: String,
    /// Address and port to listen on; port 0 selects a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Serve only this case, named by its file without `.yaml`; can be repeated [default: all cases].
    #[arg(long, value_name = "NAME")]
    pub(crate) case: Vec<String>,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
}

/// Generate the deployment files of a profile for OpenCTI.
///
/// Writes files for Docker Compose, Kubernetes, and OpenCTI's catalogue with XTM Composer, and a README with the settings and
/// the mapping. The operator's values are in `.env`, which is never changed.
///
/// Examples:
///   stixmap deploy cof                     list the files
///   stixmap deploy cof --out cof           write them
///   stixmap deploy cof --out cof --check   exit with 1 if a file is missing or differs
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct DeployArgs {
    /// Profile, by name or path.
    #[arg(add = ArgValueCompleter::new(profile_names::complete), value_name = "NAME|PATH")]
    pub(crate) profile: String,
    /// Folder to write to. Without it, the files are listed.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Write nothing; report files that are missing or differ.
    #[arg(long, requires = "out", conflicts_with = "force")]
    pub(crate) check: bool,
    /// Overwrite files that differ.
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
    /// Name of the container image.
    #[arg(long, value_name = "NAME[:TAG]", default_value_t)]
    pub(crate) image: Image,
    /// Number of Kubernetes replicas.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) replicas: u16,
    #[command(flatten)]
    pub(crate) catalog: CatalogArgs,
}

/// Print the JSON Schema of profiles or cases, for editors.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Kind of file.
    #[arg(value_enum)]
    pub(crate) of: SchemaOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    Profile,
    Case,
}

/// Print completions for a shell.
///
/// Commands, options, and names of profiles are completed. Generate the script again after an update of the program.
///
/// Examples:
///   source <(stixmap completions bash)
///   stixmap completions bash > /etc/bash_completion.d/stixmap
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct CompletionsArgs {
    /// Name of the shell.
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// Print a manual page, of the program or of one command.
///
/// Examples:
///   stixmap man > stixmap.1
///   stixmap man enrich > stixmap-enrich.1
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ManArgs {
    /// Name of the command.
    pub(crate) command: Option<String>,
}
