//! `stixmap man`: prints manual pages.

use crate::cli::{Cli, ManArgs};
use crate::exit::Exit;
use crate::standard_streams::print;
use crate::unknown_name::unknown;
use anyhow::bail;
use clap::CommandFactory;
use clap_mangen::Man;

pub(crate) fn run(args: &ManArgs) -> anyhow::Result<Exit> {
    let mut command = Cli::command();
    command.build();
    if let Some(name) = &args.command {
        let Some(found) = command.find_subcommand(name) else {
            let names = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
            bail!(unknown("command", name, &names));
        };
        command = found.clone().display_name(format!("stixmap-{name}"));
    }
    let mut page = vec![];
    Man::new(command).render(&mut page)?;
    print(std::str::from_utf8(&page)?)?;
    Ok(Exit::Success)
}
