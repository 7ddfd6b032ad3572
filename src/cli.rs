//! The command line: every command and flag, with the words `--help` teaches them in.

use crate::deploy::Image;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::net::SocketAddr;
use std::path::PathBuf;
use stixmap_engine::stix::Kind;

/// Passive-DNS providers to STIX 2.1, by profile.
///
/// A profile is a YAML file that says how one provider is asked and what its answers mean. `stixmap list` shows those
/// that are built in. Data goes to standard output, everything else to standard error.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more: the requests that are made (secrets as their names).
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,
    /// Say nothing but errors.
    #[arg(short, long, global = true)]
    quiet: bool,
}

const EXIT_CODES: &str = "Exit codes: 0 fine · 1 a lookup failed or was refused, a case differs, a profile has a mistake \
· 2 could not start · 3 partial, or deferred until the provider may be asked again";

/// How much is said on standard error.
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
}

/// Where profiles are looked for.
#[derive(Debug, Args)]
pub(crate) struct ShelfArgs {
    /// A folder with profiles in addition to those built in: `DIR/NAME/profile.yaml`.
    #[arg(long, value_name = "DIR", env = "STIXMAP_PROFILES")]
    pub(crate) profiles: Option<PathBuf>,
    /// An origin that profiles may send the variables of other profiles to: `https://api.example.com`.
    #[arg(long, value_name = "ORIGIN", env = "STIXMAP_TRUST", value_delimiter = ',')]
    pub(crate) trust: Vec<String>,
    /// A file of such origins, one a line.
    #[arg(long, value_name = "FILE", env = "STIXMAP_TRUST_FILE")]
    pub(crate) trust_file: Option<PathBuf>,
}

/// Where settings come from.
#[derive(Debug, Clone, Args)]
pub(crate) struct SettingArgs {
    /// A file of settings: `acme: { username: …, api_key: … }`.
    #[arg(long, value_name = "FILE", env = "STIXMAP_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// A setting, over everything else; with several profiles, `PROFILE.KEY=VALUE`. Secrets are safer in variables
    /// (`ACME_API_KEY`) or files (`ACME_API_KEY_FILE`).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Ask about private and other addresses that are not public, and about special-use names such as `.local`, too.
    #[arg(long)]
    pub(crate) ask_reserved: bool,
}

/// How results are written.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// What is written.
    #[arg(long, value_enum, default_value_t = Format::Stix)]
    pub(crate) format: Format,
    /// Where to, instead of standard output. The file appears when it is whole.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Tell what became of each record, on standard error: its values, its rule, its objects.
    #[arg(long)]
    pub(crate) trace: bool,
    /// Tell which records and rules an object of the bundle came from, on standard error.
    #[arg(long, value_name = "OBJECT-ID")]
    pub(crate) why: Option<String>,
}

impl OutputArgs {
    /// Whether what became of each record must be kept.
    pub(crate) fn needs_trace(&self) -> bool {
        self.trace || self.why.is_some() || self.format == Format::Cof
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A STIX 2.1 bundle.
    Stix,
    /// The records, in the passive-DNS Common Output Format, one a line.
    Cof,
    /// The relationships, for people.
    Table,
    /// The relationships, for spreadsheets.
    Csv,
}

/// How an observable is marked.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct MarkingArgs {
    /// TLP marking of the observables, such as `TLP:GREEN`. Above the profile's maximum nothing is sent.
    #[arg(long, value_name = "TLP")]
    pub(crate) tlp: Vec<String>,
    /// PAP marking of the observables, such as `PAP:AMBER`. Above the profile's maximum nothing is sent.
    #[arg(long, value_name = "PAP")]
    pub(crate) pap: Vec<String>,
}

/// Ask providers about domain names and addresses.
///
/// Examples:
///   stixmap enrich example.com --profile acme --replay
///   stixmap enrich 192.0.2.34 example.org --profile acme --tlp TLP:GREEN --format table
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct EnrichArgs {
    /// Domain names and addresses; their types are found from the values.
    #[arg(required_unless_present = "input")]
    pub(crate) values: Vec<String>,
    /// A profile, by name or path; several are asked and their answers merged.
    #[arg(short, long, required = true, value_name = "NAME|PATH")]
    pub(crate) profile: Vec<String>,
    /// A file of values, one a line; `-` is standard input. Blank lines and `#` comments are nothing.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Look up nothing if one of the values is invalid; without it the others are looked up, and the exit code is 3.
    #[arg(long)]
    pub(crate) strict: bool,
    /// The STIX type of the values, instead of finding it: `domain-name`, `ipv4-addr` …
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) marking: MarkingArgs,
    /// Answer from the profile's recorded cases, by a server on loopback: no account, no network.
    #[arg(long)]
    pub(crate) replay: bool,
    /// How long one lookup may take in all: `90s`, `5m`, `PT5M`.
    #[arg(long, default_value = "5m", value_name = "DURATION")]
    pub(crate) deadline: String,
    /// How many lookups run at once.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) concurrency: u16,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) shelf: ShelfArgs,
}

/// Map stored answers of a provider, without a network.
#[derive(Debug, Args)]
pub(crate) struct MapArgs {
    /// Files that each hold one answer; `-` is standard input.
    #[arg(required = true, value_name = "ANSWER")]
    pub(crate) answers: Vec<PathBuf>,
    /// The profile, by name or path.
    #[arg(short, long, value_name = "NAME|PATH")]
    pub(crate) profile: String,
    /// What was asked about.
    #[arg(long, value_name = "VALUE")]
    pub(crate) observable: String,
    /// Its STIX type, instead of finding it.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// The lookup that was used, if the profile has several for this type.
    #[arg(long, value_name = "NAME")]
    pub(crate) lookup: Option<String>,
    /// Which of the lookup's list was asked for, if it has one: a record type, for instance.
    #[arg(long, value_name = "ELEMENT")]
    pub(crate) each: Option<String>,
    #[command(flatten)]
    pub(crate) marking: MarkingArgs,
    /// Do with it what a connector does before it sends it, to see whether that can be survived.
    #[arg(long, hide = true)]
    pub(crate) as_sent: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) shelf: ShelfArgs,
}

/// Find every mistake in profiles and cases, before the first request.
///
/// Example: stixmap check profiles/acme
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Profiles (a folder or its `profile.yaml`), folders of profiles, or single cases. Without any: `profiles`.
    pub(crate) paths: Vec<PathBuf>,
    /// How mistakes are told.
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(crate) format: CheckFormat,
    /// Apply the fixes that are sure.
    #[arg(long)]
    pub(crate) fix: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people, with the lines they are about.
    Text,
    /// For programs.
    Json,
    /// As annotations of a GitHub workflow.
    Github,
}

/// Run the recorded cases of profiles, and say how much of the profiles they prove.
///
/// A case is a YAML file in the profile's `cases` folder; what must come of it stands beside it, in `.expected`.
///
/// Examples:
///   stixmap test profiles/acme                       do the cases come out as expected?
///   stixmap test profiles/acme --coverage            which rules, answers, pages does no case use?
///   stixmap test profiles/acme --mutate --at-least 90   which mistakes would no case notice?
///   stixmap test profiles/acme --properties          what holds, whatever the provider answers?
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct TestArgs {
    /// Profiles (a folder or its `profile.yaml`), folders of profiles, or single cases. Without any: `profiles`.
    pub(crate) paths: Vec<PathBuf>,
    /// Write what came of each case as what is expected of it. Read the difference before you keep it. With
    /// `--properties`: write a run for which one does not hold as a case, `cases/property-NAME.yaml`.
    #[arg(long, group = "mode")]
    pub(crate) accept: bool,
    /// Tell which rules, rows of `orientation` and `answers`, lookups, ends of paging and diagnostics of each profile its
    /// cases exercise, and which they do not.
    #[arg(long, group = "mode", group = "measure")]
    pub(crate) coverage: bool,
    /// Change each profile one thing at a time, and tell which changes neither `check` nor a case notices, with the case
    /// that is missing. The score is the share of the changes which compile that cases notice.
    #[arg(long, group = "mode", group = "measure")]
    pub(crate) mutate: bool,
    /// Generate answers from each profile (well-formed, odd, broken and hostile ones, pages, errors, tokens), and try what
    /// must hold for every run: no panic, no secret, nothing sent above the gate, no order that matters … (`stixmap explain
    /// properties`). A run for which it does not hold is made small, and printed as a case.
    #[arg(long, group = "measure", conflicts_with = "at_least")]
    pub(crate) properties: bool,
    /// How many runs are generated; without it 64, or as many as `PROPTEST_CASES` says if they are more.
    #[arg(long, value_name = "N", requires = "properties", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) cases: Option<u32>,
    /// Which runs are generated: the same number, the same runs.
    #[arg(long, value_name = "S", requires = "properties", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Write the runs to this folder, for other programs to judge, instead of trying anything on them: a file for each
    /// profile, on each line what was asked and answered, and the bundle that came of it.
    #[arg(long, value_name = "DIR", requires = "properties", conflicts_with_all = ["accept", "json"])]
    pub(crate) runs: Option<PathBuf>,
    /// Print the scores of both for each profile, as the page `docs/assurance.md`.
    #[arg(long, group = "mode", group = "measure")]
    pub(crate) assurance: bool,
    /// How coverage and mutants are told.
    #[arg(long, value_enum, default_value_t = TestFormat::Text, requires = "measure")]
    format: TestFormat,
    /// The same as `--format json`.
    #[arg(long, conflicts_with = "format", requires = "measure")]
    pub(crate) json: bool,
    /// The least share of each profile, in percent; below it the exit code is 1.
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
    /// For people: what is missing, a sentence each.
    Text,
    /// For programs: everything.
    Json,
    /// Coverage of the profile's lines, as LCOV's `.info`.
    Lcov,
    /// The same, as Cobertura's XML.
    Cobertura,
}

/// Tell what a change of a profile does to the graph: plays recorded cases by both, and compares what they find.
///
/// Relationships and observables that are new, gone or changed, and outcomes. Exit code 0: the same; 1: different.
///
/// Examples:
///   stixmap diff acme profiles/acme             the profile that is built in, and the one on disk
///   git worktree add ../before HEAD~1; stixmap diff ../before/profiles/acme profiles/acme
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct DiffArgs {
    /// The profile as it was, by name or path: a folder or a file.
    #[arg(value_name = "OLD")]
    pub(crate) old: String,
    /// The profile as it is.
    #[arg(value_name = "NEW")]
    pub(crate) new: String,
    /// Whose cases are played: a folder `cases`, or one with such a folder in it; without it, those of NEW,
    /// or of OLD where NEW is a single file.
    #[arg(long, value_name = "DIR")]
    pub(crate) cases: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) shelf: ShelfArgs,
}

/// Tell what a profile does before it does it, what the profile language is, or what a diagnostic means.
///
/// Nothing is sent. Settings that are not given are told by their names, secrets always.
///
/// Examples:
///   stixmap explain acme                     what happens, for any observable
///   stixmap explain acme example.com --tlp TLP:GREEN   the requests for this one, and whether they may be sent
///   stixmap explain profile                  the manual of the profile language
///   stixmap explain unknown-key              what a diagnostic is about; `codes` lists them all
///   stixmap explain properties               what `stixmap test --properties` tries
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ExplainArgs {
    /// A profile, by name or path; `profile` or `case` for the manual of what may stand in one; a code that `check` tells,
    /// or `codes` for all of them; `properties` for what `stixmap test --properties` tries.
    #[arg(value_name = "PROFILE|CODE")]
    pub(crate) word: String,
    /// A domain name or address: the requests for it are told.
    pub(crate) value: Option<String>,
    /// The STIX type of the value, instead of finding it.
    #[arg(long = "type", value_name = "TYPE", requires = "value")]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) marking: MarkingArgs,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// What time it is, for tests.
    #[arg(long, value_name = "TIME", hide = true, requires = "value")]
    pub(crate) now: Option<String>,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) shelf: ShelfArgs,
}

/// Run profiles as OpenCTI connectors, each with its own queue.
///
/// Everything is said by variables, or in a `config.yml` here or beside the program: OPENCTI_URL, OPENCTI_TOKEN,
/// CONNECTOR_ID, the profile's own settings (ACME_API_KEY), and what else connectors know: CONNECTOR_NAME, CONNECTOR_SCOPE,
/// CONNECTOR_AUTO, CONNECTOR_LOG_LEVEL, CONNECTOR_EXPOSE_METRICS, CONNECTOR_VALIDATE_BEFORE_IMPORT, MQ_HOST … Besides:
///
///   CONNECTOR_CONCURRENCY       deliveries dealt with at once (4)
///   CONNECTOR_DELIVERY_TIMEOUT  seconds that one may take (600; from 10 to 1600)
///   CONNECTOR_GRACE_PERIOD      seconds that a stop waits for what is under way (8)
///   OPENCTI_SSL_VERIFY          whether the platform's certificate is verified (true), or authorities in PEM
///   MQ_USE_SSL_REJECT_UNAUTHORIZED
///                               whether the broker's certificate is verified (true)
///   CONNECTOR_JOURNAL_PATH      a folder that remembers what was under way when the process ended; without it
///                               STATE_DIRECTORY, or `stixmap` in XDG_STATE_HOME or in ~/.local/state
///
/// A `config.yml` that nobody named is read only if it and its folder belong to this user or to root, and nobody else may
/// write them; `--config config.yml` reads it all the same.
///
/// A secret may stand in a file: OPENCTI_TOKEN_FILE, ACME_API_KEY_FILE. With several profiles each has an id of its own:
/// ACME_CONNECTOR_ID; any other variable of a connector may be given so too.
///
/// It ends with 0 when it is told to stop, and with 2 when something is missing or wrong, which it tells.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ConnectorArgs {
    /// The profile, by name or path; several make several connectors.
    #[arg(short, long, value_name = "NAME|PATH", env = "STIXMAP_PROFILE", value_delimiter = ',', required = true)]
    pub(crate) profile: Vec<String>,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) shelf: ShelfArgs,
}

/// List the profiles that are known.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) shelf: ShelfArgs,
}

/// Begin a profile: write `DIR/NAME/profile.yaml` with a first case, which pass `check` and `test`.
///
/// What no flag says is asked for on a terminal; elsewhere it is what most providers have. Nothing is written over.
/// With an answer of the provider at hand, `stixmap draft` begins with more.
///
/// Examples:
///   stixmap new acme
///   stixmap new acme --base-url https://api.acme.example --auth bearer --paging cursor --accepts domain-name,ipv4-addr
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct NewArgs {
    /// What the profile is called: lower-case words joined by `-`.
    pub(crate) name: String,
    /// Scheme, host and the path that all requests share.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// How we say who we are.
    #[arg(long, value_enum)]
    pub(crate) auth: Option<AuthKind>,
    /// How an answer is cut into rows.
    #[arg(long, value_enum)]
    pub(crate) framing: Option<Framing>,
    /// How one page follows another.
    #[arg(long, value_enum)]
    pub(crate) paging: Option<PagingKind>,
    /// What can be asked about.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "TYPE,…")]
    pub(crate) accepts: Vec<Accepted>,
    /// The folder of profiles; the profile's own is made in it.
    #[arg(short, long, value_name = "DIR", default_value = "profiles")]
    pub(crate) out: PathBuf,
}

/// Begin a profile from an answer: find the records in a sample, and write `DIR/NAME/profile.yaml`, with the sample as first case.
///
/// Every place where rows may stand is tried, and the draft that maps most of the sample is kept. Comments say what spoke for
/// each line: how many rows have a value, and what it is like. The sample can be JSON, JSON lines, SAF, or lines in columns.
/// Nothing is asked of the network, and nothing is written over.
///
/// Examples:
///   stixmap draft acme --sample answer.json --observable example.com
///   curl "$URL" | stixmap draft acme --sample - --observable 192.0.2.7 --url "$URL"
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct DraftArgs {
    /// What the profile is called: lower-case words joined by `-`.
    pub(crate) name: String,
    /// An answer of the provider in which something was found; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) sample: PathBuf,
    /// What was asked about: a domain name or an address.
    #[arg(long, value_name = "VALUE")]
    pub(crate) observable: String,
    /// Its STIX type, instead of finding it.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// The URL that was asked: it tells base URL, path and parameters. A key in it is not kept.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// How we say who we are.
    #[arg(long, value_enum)]
    pub(crate) auth: Option<AuthKind>,
    /// The folder of profiles; the profile's own is made in it.
    #[arg(short, long, value_name = "DIR", default_value = "profiles")]
    pub(crate) out: PathBuf,
}

/// The words of `http.auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum AuthKind {
    /// Anyone may ask.
    None,
    /// A user and a password.
    Basic,
    /// A key in a header of the provider's own.
    #[default]
    Header,
    /// `Authorization: Bearer …`.
    Bearer,
    /// A key in the query.
    Query,
    /// OAuth 2.0 client credentials.
    Oauth2,
    /// A token for a user and a password.
    Login,
    /// A digest over each request.
    Signature,
}

/// The words of `framing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Framing {
    /// One JSON document.
    #[default]
    Json,
    /// One JSON object a line.
    Ndjson,
    /// JSON lines with `cond` and `obj`.
    Saf,
    /// Lines of text in columns.
    Delimited,
}

impl Framing {
    /// As a profile has it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Saf => "saf",
            Self::Delimited => "delimited",
        }
    }
}

/// The words of `paging`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum PagingKind {
    /// One page is all.
    #[default]
    None,
    /// Pages have numbers.
    Page,
    /// Pages start at a record's number.
    Offset,
    /// Each page gives the URL of the next.
    NextUrl,
    /// Each page gives a cursor for the next.
    Cursor,
}

/// What passive DNS can be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Accepted {
    DomainName,
    #[value(name = "ipv4-addr")]
    Ipv4Addr,
    #[value(name = "ipv6-addr")]
    Ipv6Addr,
}

impl Accepted {
    /// What most providers can be asked about.
    pub(crate) const DEFAULT: [Accepted; 3] = [Self::DomainName, Self::Ipv4Addr, Self::Ipv6Addr];

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::DomainName => Kind::DomainName,
            Self::Ipv4Addr => Kind::Ipv4Addr,
            Self::Ipv6Addr => Kind::Ipv6Addr,
        }
    }
}

/// Ask a provider once, and write what it answered as a case of its profile: `cases/NAME.yaml` and `NAME.expected`.
///
/// Written is what the profile reads. Secrets and the settings that say who asks become made-up ones; of the answers, texts
/// and numbers whose change changes nothing of what comes out become `made-up` and 0, and headers that nothing reads are
/// left out. What the provider found is kept, since that is what the case proves: its terms say whether it may be published.
///
/// Examples:
///   stixmap record example.com --profile profiles/acme
///   stixmap record 192.0.2.34 --profile acme --out cases --case an-address --about "An address with two names"
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct RecordArgs {
    /// A domain name or an address.
    pub(crate) value: String,
    /// The profile, by name or path.
    #[arg(short, long, value_name = "NAME|PATH")]
    pub(crate) profile: String,
    /// Its STIX type, instead of finding it.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) marking: MarkingArgs,
    /// What the case is called; without it, as the value is.
    #[arg(long, value_name = "NAME")]
    pub(crate) case: Option<String>,
    /// What the case shows, in a sentence.
    #[arg(long, value_name = "TEXT")]
    pub(crate) about: Option<String>,
    /// Where the case goes, instead of the `cases` of the profile's folder.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Keep the answers as they came, but for secrets and the settings that say who asks.
    #[arg(long)]
    pub(crate) whole: bool,
    /// How long it may take in all: `90s`, `5m`, `PT5M`.
    #[arg(long, default_value = "5m", value_name = "DURATION")]
    pub(crate) deadline: String,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) shelf: ShelfArgs,
}

/// Stand in for a provider: answer over HTTP what the profile's cases have recorded.
///
/// The base URL is the one line of standard output; each request is a line on standard error. A request is one of a case's
/// by method, path, and the parameters that the case names; ends of the window and secrets may differ, since they move on.
/// What was asked before says which of several cases is meant. What no case has is answered with 404 and the nearest
/// exchanges. Credentials are not looked at. It ends with 0 when it is told to stop.
///
/// Examples:
///   stixmap serve profiles/acme --listen 127.0.0.1:8080
///   stixmap enrich example.com --profile profiles/acme --set api_base_url=http://127.0.0.1:8080 --set api_key=any
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ServeArgs {
    /// The profile, by name or path.
    #[arg(value_name = "NAME|PATH")]
    pub(crate) profile: String,
    /// Where to listen: an address of this machine and a port; with port 0 one that is free.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Only this case, by its file's name without `.yaml`; may be given several times. Without it, all.
    #[arg(long, value_name = "NAME")]
    pub(crate) case: Vec<String>,
    #[command(flatten)]
    pub(crate) shelf: ShelfArgs,
}

/// Write everything a deployment of a profile in OpenCTI needs.
///
/// For Docker Compose, Kubernetes, and OpenCTI's catalogue with XTM Composer; and a README with its settings and what it
/// makes of records. All of it follows from the profile. What an operator gives stands in `.env`, which is never touched.
///
/// Examples:
///   stixmap deploy acme                      what would be written
///   stixmap deploy acme --out acme           write it
///   stixmap deploy acme --out acme --check   is it still what this program would write? 1 if not
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct DeployArgs {
    /// The profile, by name or path.
    #[arg(value_name = "NAME|PATH")]
    pub(crate) profile: String,
    /// The folder to write to; without it, what would be written is listed.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Write nothing; tell which files are missing or differ.
    #[arg(long, requires = "out", conflicts_with = "force")]
    pub(crate) check: bool,
    /// Overwrite files that differ.
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
    /// The container image.
    #[arg(long, value_name = "NAME[:TAG]", default_value_t)]
    pub(crate) image: Image,
    /// How many containers share the work, in Kubernetes.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) replicas: u16,
    #[command(flatten)]
    pub(crate) shelf: ShelfArgs,
}

/// Print the JSON Schema of a profile or of a case, for editors.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Which.
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
/// Example: stixmap completions bash > /etc/bash_completion.d/stixmap
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Which shell.
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}
