//! `tollgate import`: the configuration of another gateway, turned into ours.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tollgate_conf::{Sources, SystemSources, import_litellm};

use super::{Done, Exit, print};

#[derive(clap::Subcommand)]
pub(super) enum Import {
    /// LiteLLM's `config.yaml`. Prints ours, and on standard error each member that could not be turned, with
    /// what to do instead.
    Litellm {
        /// LiteLLM's file.
        file: PathBuf,
        /// Write ours here in place of printing it. An existing file is never overwritten.
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
}

impl Import {
    pub(super) fn run(&self) -> Done {
        let Self::Litellm { file, output } = self;
        let shown = file.display().to_string();
        let text = SystemSources.file(file).with_context(|| format!("reading {shown}"))?;
        let imported = import_litellm(&shown, &text)?;
        match output {
            Some(output) => write(output, &imported.yaml)?,
            None => print(&imported.yaml),
        }
        for left in &imported.left {
            eprintln!("{left}");
        }
        let count = imported.left.len();
        eprintln!("{count} not turned{}", if count == 0 { "" } else { ": they are also at the end of our file" });
        Ok(Exit::Ok)
    }
}

fn write(output: &Path, text: &str) -> anyhow::Result<()> {
    let shown = output.display();
    let mut file =
        OpenOptions::new().write(true).create_new(true).open(output).with_context(|| {
            format!("{shown} is not written: remove it first, or name another file with `--output`")
        })?;
    file.write_all(text.as_bytes()).with_context(|| format!("writing {shown}"))?;
    print(&format!("wrote {shown}\nnext: tollgate key create, then tollgate check, then tollgate serve\n"));
    Ok(())
}
