//! `stixmap man`: prints manual pages.

use crate::cli::{Cli, ManArgs};
use crate::exit::Exit;
use crate::standard_streams::print;
use anyhow::bail;
use clap::CommandFactory;
use clap_mangen::Man;

pub(crate) fn run(args: &ManArgs) -> anyhow::Result<Exit> {
    let mut command = Cli::command();
    command.build();
    if let Some(name) = &args.command {
        let Some(found) = command.find_subcommand(name) else {
            let names: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
            let near = stixmap_engine::yaml::nearest(name, names.iter().copied());
            let hint = near
                .map_or_else(|| format!("available: {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
            bail!("unknown command `{name}`; {hint}");
        };
        command = found.clone().display_name(format!("stixmap-{name}"));
    }
    let mut page = vec![];
    Man::new(command).render(&mut page)?;
    print(std::str::from_utf8(&page)?)?;
    Ok(Exit::Success)
}
