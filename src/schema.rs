//! `stixmap schema`: the JSON Schemas, for editors. Generated from the declarations; never edited by hand.

use crate::Exit;
use crate::cli::{SchemaArgs, SchemaOf};
use crate::output::to_stdout;
use stixmap_engine::case::CaseFile;
use stixmap_engine::profile::Profile;

pub(crate) fn run(args: &SchemaArgs) -> anyhow::Result<Exit> {
    let schema = match args.of {
        SchemaOf::Profile => schemars::schema_for!(Profile),
        SchemaOf::Case => schemars::schema_for!(CaseFile),
    };
    to_stdout(format!("{}\n", serde_json::to_string_pretty(&schema)?).as_bytes())?;
    Ok(Exit::Fine)
}
