//! `tollgate connect`: what a client has to be told so that it asks us, printed or written where it looks.
//!
//! It asks nobody: neither the client nor the gateway has to be there.

mod clients;
mod json;
mod merge;

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::builder::PossibleValuesParser;

use super::{Done, Exit, print};
use clients::{At, CLIENTS, File, Settings};

/// What stands for the key where none is given.
const NO_KEY: &str = "YOUR_TOLLGATE_KEY";
/// What an existing file is kept as before the first change.
const KEPT_AS: &str = "before-tollgate";

#[derive(clap::Args)]
pub(super) struct Connect {
    /// Which client.
    #[arg(value_parser = PossibleValuesParser::new(CLIENTS.iter().map(|(name, _)| *name)))]
    client: String,
    /// Where the gateway is, with or without `/v1`.
    #[arg(long, env = "TOLLGATE_BASE_URL", default_value = "http://127.0.0.1:4000")]
    base_url: String,
    /// The client's key; `tollgate key create` makes one.
    #[arg(long, env = "TOLLGATE_KEY", hide_env_values = true)]
    key: Option<String>,
    /// The model to ask for; where it is left out, the client's own choice, or `auto` where it has none.
    #[arg(long)]
    model: Option<String>,
    /// Write the client's own settings file in place of printing it. What else stands in it stays, and the file
    /// as it was is kept beside it.
    #[arg(long)]
    write: bool,
}

impl Connect {
    pub(super) fn run(&self) -> Done {
        let at = self.at()?;
        let settings = CLIENTS.iter().find(|(name, _)| *name == self.client).map(|(_, settings)| settings(&at));
        // Only names of the table are let through.
        let settings = settings.context("no such client")?;
        match self.write {
            true => self.write(&settings)?,
            false => print(&shown(&settings)?),
        }
        Ok(Exit::Ok)
    }

    fn at(&self) -> anyhow::Result<At> {
        let root = self.base_url.trim_end_matches('/').trim_end_matches("/v1").to_owned();
        let is_plain = |text: &str| !text.chars().any(|c| c.is_control() || c.is_whitespace() || "\"'\\`".contains(c));
        if !(root.starts_with("http://") || root.starts_with("https://")) || !is_plain(&root) {
            bail!("the base URL is none: write it as `http://127.0.0.1:4000`");
        }
        let key = self.key.clone().unwrap_or_else(|| NO_KEY.to_owned());
        if !is_plain(&key) || !self.model.as_deref().is_none_or(is_plain) {
            bail!("a key and a model's name have no blanks, no quotes and no line breaks");
        }
        Ok(At { root, key, model: self.model.clone() })
    }

    fn write(&self, settings: &Settings) -> anyhow::Result<()> {
        if settings.files.is_empty() {
            bail!("{} has no settings file of its own: leave `--write` out, and set what is printed", self.client);
        }
        if self.key.is_none() {
            bail!(
                "without a key there is nothing to write: add `--key`, or set TOLLGATE_KEY; `tollgate key create` makes one"
            );
        }
        for file in &settings.files {
            write(file)?;
        }
        let after = Settings { files: Vec::new(), snippet: None, ..settings.clone() };
        print(&shown(&after)?);
        Ok(())
    }
}

/// The settings as a person puts them in place.
fn shown(settings: &Settings) -> anyhow::Result<String> {
    let Settings { files, environment, snippet, note } = settings;
    let mut text = String::new();
    for file in files {
        let content = file.format.merge("", &file.entries).map_err(anyhow::Error::msg)?;
        // Writing to a string cannot fail.
        let _ = write!(text, "# In {}:\n\n{content}\n", file.shown());
    }
    if !environment.is_empty() {
        text.push_str("# In the environment:\n\n");
        environment.iter().for_each(|(name, value)| text.push_str(&format!("export {name}={}\n", merge::word(value))));
        text.push('\n');
    }
    if let Some((place, snippet)) = snippet {
        let _ = write!(text, "# {place}:\n\n{snippet}\n\n");
    }
    if !note.is_empty() {
        let _ = writeln!(text, "# {note}");
    }
    Ok(if text.is_empty() { text } else { format!("{}\n", text.trim_end()) })
}

/// Merges the settings into the client's file.
fn write(file: &File) -> anyhow::Result<()> {
    let path = file.path().context("there is no HOME: the client's settings file cannot be found")?;
    let shown = path.display();
    let before = match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("reading {shown}")),
    };
    let merged = file.format.merge(before.as_deref().unwrap_or_default(), &file.entries);
    let after = merged.map_err(|why| anyhow::anyhow!("{shown} is not changed: {why}"))?;
    if before.as_ref() == Some(&after) {
        print(&format!("{shown} says so already\n"));
        return Ok(());
    }
    let kept = if before.is_some() { keep(&path)? } else { String::new() };
    replace(&path, &after).with_context(|| format!("writing {shown}"))?;
    print(&format!("wrote {shown}{kept}\n"));
    Ok(())
}

/// Keeps the file as it was before the first time.
fn keep(path: &Path) -> anyhow::Result<String> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{KEPT_AS}"));
    let beside = PathBuf::from(name);
    if beside.exists() {
        return Ok(String::new());
    }
    fs::copy(path, &beside).with_context(|| format!("copying {} to {}", path.display(), beside.display()))?;
    Ok(format!(", as it was: {}", beside.display()))
}

/// Puts a text in the place of a file, whole or not at all. A new one holds a key: only its owner reads it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link stays one.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = folder.join(format!(".tollgate-{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&beside)?.write_all(text.as_bytes())?;
    if let Ok(metadata) = fs::metadata(&path) {
        fs::set_permissions(&beside, metadata.permissions())?;
    }
    fs::rename(&beside, &path)
}
