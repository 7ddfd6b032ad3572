//! `stixmap schema`: prints the JSON Schemas of profiles and cases, generated from their declarations.

use crate::cli::{SchemaArgs, SchemaOf};
use crate::exit::Exit;
use crate::standard_streams::print_json;
use stixmap_engine::case::CaseFile;
use stixmap_engine::profile::Profile;

pub(crate) fn run(args: &SchemaArgs) -> anyhow::Result<Exit> {
    let schema = match args.of {
        SchemaOf::Profile => schemars::schema_for!(Profile),
        SchemaOf::Case => schemars::schema_for!(CaseFile),
    };
    print_json(&schema)?;
    Ok(Exit::Success)
}
