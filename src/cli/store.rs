//! `tollgate migrate` and `tollgate backup`: the store as a whole. They know no account.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tollgate_audit::hash::hex;

use super::manage::open;
use super::{ConfigFile, Done, Exit, print};
use crate::gateway::draw;

#[derive(clap::Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    file: ConfigFile,
}

impl Migrate {
    pub(super) fn run(&self) -> Done {
        let store = open(&self.file.load()?)?;
        let applied = store.migrate().context("bringing the store up to date")?;
        if applied.is_empty() {
            print("nothing to do\n");
        }
        applied.iter().for_each(|name| print(&format!("{name}\n")));
        Ok(Exit::Ok)
    }
}

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Backup {
    #[command(flatten)]
    file: ConfigFile,
    /// Write it to this file, which only its owner can read; to standard output where it is left out.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Restore>,
}

#[derive(clap::Subcommand)]
enum Restore {
    /// Read a backup into a store that holds nothing yet.
    Restore {
        #[command(flatten)]
        file: ConfigFile,
        /// What `tollgate backup` wrote.
        #[arg(short, long, value_name = "FILE")]
        input: PathBuf,
    },
}

impl Backup {
    pub(super) fn run(&self) -> Done {
        match &self.command {
            None => self.make(),
            Some(Restore::Restore { file, input }) => restore(file, input),
        }
    }

    fn make(&self) -> Done {
        let store = open(&self.file.load()?)?;
        let Some(path) = &self.output else {
            let mut out = BufWriter::new(io::stdout().lock());
            store.backup(&mut out).context("the backup")?;
            return Ok(Exit::Ok);
        };
        let mut draft = Draft::beside(path).with_context(|| format!("writing {}", path.display()))?;
        store.backup(&mut BufWriter::new(&mut draft.file)).context("the backup")?;
        draft.publish().with_context(|| format!("writing {}", path.display()))?;
        Ok(Exit::Ok)
    }
}

fn restore(file: &ConfigFile, input: &Path) -> Done {
    let store = open(&file.load()?)?;
    let backup = File::open(input).with_context(|| input.display().to_string())?;
    store.restore(&mut BufReader::new(backup)).context("restoring")?;
    Ok(Exit::Ok)
}

/// A file that only its owner can read, written beside its place and moved there when it is whole. It goes
/// when it is dropped before.
pub(super) struct Draft {
    pub(super) file: File,
    draft: PathBuf,
    path: PathBuf,
}

impl Draft {
    pub(super) fn beside(path: &Path) -> io::Result<Self> {
        let drawn = draw::<8>().ok_or_else(|| io::Error::other("the system gives no randomness"))?;
        let draft = folder(path).join(format!(".tollgate-draft-{}", hex(&drawn)));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        Ok(Self { file, draft, path: path.to_owned() })
    }

    /// Gives it to the owner of the file whose place it takes, who may be another than who runs the command.
    pub(super) fn owned_alike(self) -> io::Result<Self> {
        let (was, is) = (fs::metadata(&self.path)?, self.file.metadata()?);
        if (was.uid(), was.gid()) != (is.uid(), is.gid()) {
            fchown(&self.file, Some(was.uid()), Some(was.gid()))?;
        }
        Ok(self)
    }

    pub(super) fn publish(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.sync_all()?;
        fs::rename(&self.draft, &self.path)?;
        File::open(folder(&self.path))?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Once it is in its place there is none.
        let _ = fs::remove_file(&self.draft);
    }
}

pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
