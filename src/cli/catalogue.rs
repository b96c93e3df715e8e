//! `tollgate catalogue`: for those who keep the lists of models and prices. It changes no file, and asks
//! nobody on the network.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tollgate_conf::{Pattern, SystemSources};
use tollgate_meter::{CatalogueFile, DEFAULT_FILES, Date, Difference, Differs, Import, PriceFile, differences};

use super::{Done, Exit, print};
use crate::clock;

/// LiteLLM's price file is 3 MB.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What to do with lists of models and prices.
#[derive(clap::Subcommand)]
pub(super) enum CatalogueCommand {
    /// Say everything that is wrong in files of the catalogue, or old. Exit code 1 where something is wrong.
    Check(Check),
    /// Say what another list has otherwise: a file of the catalogue, or LiteLLM's price file.
    Diff(Diff),
    /// Print rows of LiteLLM's price file as a file of the catalogue; on standard error, what was left out.
    Import(ImportArgs),
}

#[derive(clap::Args)]
pub(super) struct Check {
    /// Which files; without any, those that are built in.
    files: Vec<PathBuf>,
}

#[derive(clap::Args)]
pub(super) struct Diff {
    /// The other list: a file of the catalogue, or LiteLLM's price file (JSON).
    other: PathBuf,
    /// A file of ours; without any, those that are built in.
    #[arg(long, value_name = "FILE")]
    ours: Vec<PathBuf>,
    /// Only the models of this vendor.
    #[arg(long)]
    provider: Option<String>,
    /// Name the models, too, that only the other list has.
    #[arg(long)]
    all: bool,
}

#[derive(clap::Args)]
pub(super) struct ImportArgs {
    /// LiteLLM's price file (JSON).
    file: PathBuf,
    /// The vendor, as `providers:` names it.
    #[arg(long)]
    provider: String,
    /// Only models of this id; `*` stands for any characters. May be given several times.
    #[arg(long, value_name = "PATTERN")]
    model: Vec<String>,
}

impl CatalogueCommand {
    pub(super) fn run(&self) -> Done {
        match self {
            Self::Check(check) => check.run(),
            Self::Diff(diff) => diff.run(),
            Self::Import(import) => import.run(),
        }
    }
}

impl Check {
    fn run(&self) -> Done {
        let today = today();
        let (mut models, mut errors) = (0, 0);
        let files = texts(&self.files)?;
        for (name, text) in &files {
            let file = match tollgate_conf::catalogue_file(name, text, &SystemSources) {
                Ok(file) => file,
                Err(report) => {
                    print(&report.to_string());
                    errors += report.problems().len();
                    continue;
                }
            };
            models += file.models.len();
            for finding in file.findings(today) {
                let word = if finding.is_error() { "error" } else { "note" };
                errors += usize::from(finding.is_error());
                print(&format!("{name}: {word}: {finding}\n"));
            }
        }
        print(&format!("{} files, {models} models, {errors} errors\n", files.len()));
        if errors > 0 {
            return Err(anyhow::anyhow!("the catalogue is wrong in {errors} places").into());
        }
        Ok(Exit::Ok)
    }
}

impl Diff {
    fn run(&self) -> Done {
        let name = self.other.display().to_string();
        let text = text(&self.other)?;
        let ours = self.ours()?;
        let found = if text.trim_start().starts_with('{') && name.ends_with(".json") {
            let prices = PriceFile::read(&text).with_context(|| name.clone())?;
            let of_vendor = |file: &CatalogueFile| {
                let asked = Import { provider: &file.provider, wants: &|_| true, today: today() };
                let theirs = prices.import(&asked).models;
                // Of a vendor that the other list does not have, all would differ.
                if theirs.is_empty() { Vec::new() } else { differences(file, &theirs) }
            };
            ours.iter().flat_map(of_vendor).collect::<Vec<_>>()
        } else {
            let theirs = tollgate_conf::catalogue_file(&name, &text, &SystemSources)?;
            let mine = ours.iter().find(|file| file.provider == theirs.provider);
            let Some(mine) = mine else {
                return Err(
                    anyhow::anyhow!("the catalogue has no vendor `{}`, which {name} is of", theirs.provider).into()
                );
            };
            differences(mine, &theirs.models)
        };
        self.tell(&found);
        Ok(Exit::Ok)
    }

    fn tell(&self, found: &[Difference]) {
        let is_shown = |difference: &&Difference| self.all || difference.what != Differs::OnlyThere;
        for difference in found.iter().filter(is_shown) {
            print(&format!("{difference}\n"));
        }
        let hidden = found.len() - found.iter().filter(is_shown).count();
        if hidden > 0 {
            print(&format!("and {hidden} models that only the other list has: `--all` names them\n"));
        }
    }

    /// Our files, one for each vendor; a later file of a vendor stands over an earlier one.
    fn ours(&self) -> Result<Vec<CatalogueFile>, Exit> {
        let mut ours: Vec<CatalogueFile> = Vec::new();
        for (name, text) in texts(&self.ours)? {
            let file = tollgate_conf::catalogue_file(&name, &text, &SystemSources)?;
            if self.provider.as_ref().is_some_and(|wanted| *wanted != file.provider) {
                continue;
            }
            match ours.iter_mut().find(|known| known.provider == file.provider) {
                Some(known) => {
                    known.models.retain(|model| file.models.iter().all(|newer| newer.id != model.id));
                    known.models.extend(file.models);
                }
                None => ours.push(file),
            }
        }
        Ok(ours)
    }
}

impl ImportArgs {
    fn run(&self) -> Done {
        let text = text(&self.file)?;
        let prices = PriceFile::read(&text).with_context(|| self.file.display().to_string())?;
        let patterns: Vec<_> = self.model.iter().map(|text| Pattern::new(text)).collect();
        let wants = |id: &str| patterns.is_empty() || patterns.iter().any(|pattern| pattern.fits(id));
        let imported = prices.import(&Import { provider: &self.provider, wants: &wants, today: today() });
        for (id, left) in &imported.left {
            eprintln!("{}/{id}: {left}", self.provider);
        }
        if imported.models.is_empty() {
            let provider = &self.provider;
            return Err(anyhow::anyhow!("no row of `{provider}` could be taken over: name a vendor as the catalogue does, and models as the vendor does").into());
        }
        let file = CatalogueFile {
            provider: self.provider.clone(),
            source: "LiteLLM's price list".to_owned(),
            checked_on: today(),
            data: None,
            priority_by_contract: false,
            models: imported.models,
        };
        print(
            &file.to_yaml(&["US dollars per million tokens. Compare them with the vendor's page before you use them."]),
        );
        Ok(Exit::Ok)
    }
}

fn today() -> Date {
    Date::of_unix(clock::unix_seconds())
}

/// These files, or those that are built in.
fn texts(paths: &[PathBuf]) -> anyhow::Result<Vec<(String, String)>> {
    if paths.is_empty() {
        return Ok(DEFAULT_FILES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect());
    }
    paths.iter().map(|path| Ok((path.display().to_string(), text(path)?))).collect()
}

fn text(path: &Path) -> anyhow::Result<String> {
    let name = || path.display().to_string();
    let length = std::fs::metadata(path).with_context(name)?.len();
    if length > FILE_BYTES_MAX {
        bail!("{} is over {FILE_BYTES_MAX} bytes: no list of prices is", name());
    }
    std::fs::read_to_string(path).with_context(name)
}
