//! `tollgate init`: a configuration to begin with, made from what the environment holds.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use tollgate_conf::SystemSources;

use super::{Done, Exit, print};

#[derive(clap::Args)]
pub(super) struct Init {
    /// Where to write it. An existing file is never overwritten.
    #[arg(short, long, env = "TOLLGATE_CONFIG", default_value = "tollgate.yaml")]
    output: PathBuf,
}

impl Init {
    pub(super) fn run(&self) -> Done {
        let text = tollgate_conf::init(&SystemSources);
        let shown = self.output.display();
        let mut file = OpenOptions::new().write(true).create_new(true).open(&self.output).with_context(|| {
            format!("{shown} is not written: remove it first, or name another file with `--output`")
        })?;
        file.write_all(text.as_bytes()).with_context(|| format!("writing {shown}"))?;
        print(&format!("wrote {shown}\nnext: tollgate key create, then tollgate check, then tollgate serve\n"));
        Ok(Exit::Ok)
    }
}
