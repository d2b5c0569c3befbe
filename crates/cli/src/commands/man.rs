//! `gammaq man`: the manual, a page for each command.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, CommandFactory};
use clap_mangen::Man;

use crate::args::Cli;
use crate::context::Context;
use crate::exit::{Code, Usage};

/// Which page, and where to.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The command whose page to print; without it, that of gammaq itself.
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    command: Option<String>,
    /// Write all pages into this directory, one file each, such as gammaq-show.1.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// A page: its file's name, and what stands there in roff.
struct Page {
    file: String,
    roff: Vec<u8>,
}

pub(crate) fn run(context: &Context, args: &ManArgs) -> anyhow::Result<Code> {
    let gammaq = built();
    if let Some(dir) = &args.dir {
        for page in pages(&gammaq)? {
            let path = write(dir, &page)?;
            context.line(path.display())?;
        }
        return Ok(Code::Done);
    }
    let page = match &args.command {
        None => page(&gammaq)?,
        Some(name) => match gammaq.find_subcommand(name) {
            Some(command) => page(command)?,
            None => return Err(Usage(format!("there is no command {name}")).into()),
        },
    };
    std::io::stdout().write_all(&page.roff)?;
    Ok(Code::Done)
}

/// With what holds for every command brought down to each.
fn built() -> clap::Command {
    let mut gammaq = Cli::command().disable_help_subcommand(true);
    gammaq.build();
    gammaq
}

fn pages(gammaq: &clap::Command) -> anyhow::Result<Vec<Page>> {
    std::iter::once(gammaq)
        .chain(gammaq.get_subcommands())
        .map(page)
        .collect()
}

fn page(command: &clap::Command) -> anyhow::Result<Page> {
    // `gammaq-show`, which is how `man` looks for the page of `gammaq show`.
    let name = command
        .get_display_name()
        .unwrap_or(command.get_name())
        .to_owned();
    let mut roff = Vec::new();
    Man::new(command.clone()).manual("gammaq").render(&mut roff)?;
    Ok(Page {
        file: format!("{name}.1"),
        roff,
    })
}

fn write(dir: &Path, page: &Page) -> anyhow::Result<PathBuf> {
    let path = dir.join(&page.file);
    std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(&path, &page.roff))
        .with_context(|| format!("can't write {}", path.display()))
        .map_err(|error| Usage(format!("{error:#}")))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let files: Vec<String> = pages(&built()).unwrap().into_iter().map(|it| it.file).collect();
        let mut expected = vec!["gammaq.1".to_owned()];
        expected.extend(
            Cli::command()
                .get_subcommands()
                .map(|it| format!("gammaq-{}.1", it.get_name())),
        );
        assert_eq!(files, expected);
    }
}
