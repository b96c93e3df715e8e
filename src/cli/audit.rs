//! `tollgate audit`: what an operator and an auditor do with the log, on files alone.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;
use tollgate_audit::note::Verifier;
use tollgate_audit::record::LogId;
use tollgate_audit::shelf::Shelf;
use tollgate_audit::{Audit, Deed, Kept, Mode, OpenError, Receipt, Retention, SEGMENT_BYTES, Settings, Totals};

use super::{Done, Exit, print};
use crate::audit_pages::request_id;
use crate::clock;

/// A gateway that runs does what it is asked within seconds.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(clap::Subcommand)]
pub(super) enum AuditCommand {
    /// Check everything in an export or a data folder: leaves, chains, roots, signatures, prices, totals.
    Verify(Verify),
    /// Print a log's checkpoint, or one of its records.
    Show(Show),
    /// Copy what is signed into a new folder for auditors, cut at its checkpoints, without a secret.
    Export(Export),
    /// Print the receipt of a request; or check one.
    Receipt(ReceiptOf),
    /// Prove that a record is in its log, or that the log only grew.
    #[command(subcommand)]
    Prove(Prove),
    /// Destroy the details of one subject. The log says so, and stays verifiable.
    Erase(Erase),
    /// Sign with a new key from here on; the old one signs that.
    RotateKey(Asked),
    /// Make the totals anew from the records, and say whether they were right.
    Rebuild(Folder),
}

#[derive(clap::Args)]
pub(super) struct Folder {
    /// The data folder of a gateway, or an export.
    #[arg(long, env = "TOLLGATE_DATA_DIR", default_value = "data")]
    data_dir: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct Verify {
    /// An export or a data folder.
    folder: PathBuf,
    /// A checkpoint that was kept from before: the log must still extend it.
    #[arg(long, value_name = "FILE")]
    kept: Vec<PathBuf>,
    /// The first key of the deployment, as it was published.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    /// A witness that must have signed the deployment's checkpoint.
    #[arg(long, value_name = "VKEY")]
    witness: Vec<String>,
}

#[derive(clap::Args)]
pub(super) struct OfLog {
    #[command(flatten)]
    folder: Folder,
    /// Whose log; the operator's own where it is left out.
    #[arg(long)]
    tenant: Option<String>,
}

#[derive(clap::Args)]
pub(super) struct Show {
    #[command(flatten)]
    log: OfLog,
    /// The record's number; the checkpoint where it is left out.
    #[arg(long)]
    seq: Option<u64>,
}

#[derive(clap::Args)]
pub(super) struct Export {
    #[command(flatten)]
    folder: Folder,
    /// The folder to make.
    #[arg(long)]
    out: PathBuf,
    /// With the details that can still be opened: addresses and all.
    #[arg(long)]
    details: bool,
}

#[derive(clap::Args)]
pub(super) struct ReceiptOf {
    #[command(flatten)]
    log: OfLog,
    /// The id of the request, as its answer's header says it.
    #[arg(required_unless_present = "check")]
    id: Option<String>,
    /// Check this receipt instead.
    #[arg(long, value_name = "FILE", requires = "key")]
    check: Option<PathBuf>,
    /// The key that must have signed it.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
}

#[derive(clap::Subcommand)]
pub(super) enum Prove {
    /// That a record is in its log.
    Inclusion {
        #[command(flatten)]
        log: OfLog,
        /// The record's number.
        #[arg(long)]
        seq: u64,
        /// The size of the tree; the signed one where it is left out.
        #[arg(long)]
        size: Option<u64>,
    },
    /// That the log only grew.
    Consistency {
        #[command(flatten)]
        log: OfLog,
        /// The smaller size.
        #[arg(long)]
        old: u64,
        /// The larger size; the signed one where it is left out.
        #[arg(long)]
        new: Option<u64>,
    },
}

#[derive(clap::Args)]
pub(super) struct Asked {
    #[command(flatten)]
    folder: Folder,
    /// Who asks for it; the log will say so.
    #[arg(long, env = "USER", default_value = "operator")]
    by: String,
}

#[derive(clap::Args)]
pub(super) struct Erase {
    #[command(flatten)]
    asked: Asked,
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// The end user whose requests' details are to go, as the client named it; the public id of the key,
    /// for requests that named none.
    #[arg(long)]
    subject: String,
    /// The reason; the log will hold it.
    #[arg(long)]
    why: String,
}

impl AuditCommand {
    pub(super) fn run(self) -> Done {
        match self {
            Self::Verify(verify) => verify.run(),
            Self::Show(show) => show.run(),
            Self::Export(export) => export.run(),
            Self::Receipt(receipt) => receipt.run(),
            Self::Prove(prove) => prove.run(),
            Self::Erase(Erase { asked, tenant, subject, why }) => {
                perform(&asked.folder.data_dir, &Deed::Erase { by: asked.by, subject, tenant, why })
            }
            Self::RotateKey(asked) => perform(&asked.folder.data_dir, &Deed::RotateKey { by: asked.by }),
            Self::Rebuild(folder) => rebuild(&folder.data_dir),
        }
    }
}

impl Verify {
    fn run(self) -> Done {
        let read = |path: &PathBuf| std::fs::read_to_string(path).with_context(|| path.display().to_string());
        let checkpoints = self.kept.iter().map(read).collect::<anyhow::Result<_>>()?;
        let kept = Kept { checkpoints, key: self.key, witnesses: self.witness };
        let verified = tollgate_audit::verify(&self.folder, &kept).map_err(anyhow::Error::from)?;
        let mut records = 0;
        for (log, (size, root)) in &verified.logs {
            print(&format!("{log}: {size} records, root {}\n", root.hex()));
            records += size;
        }
        print(&format!("all holds: {records} records in {} logs\n", verified.logs.len()));
        Ok(Exit::Ok)
    }
}

impl OfLog {
    fn shelf(&self) -> anyhow::Result<Shelf> {
        let data = &self.folder.data_dir;
        let log = match &self.tenant {
            None => LogId::DEPLOYMENT,
            Some(tenant) => tollgate_audit::log_of(data, tenant)
                .with_context(|| format!("{} is not a data folder", data.display()))?
                .with_context(|| format!("no log belongs to tenant `{tenant}`"))?,
        };
        Ok(Shelf::at(data.join("logs").join(log.to_string())))
    }
}

impl Show {
    fn run(self) -> Done {
        let shelf = self.log.shelf()?;
        let text = match self.seq {
            None => shelf.checkpoint().context("reading the checkpoint")?.context("nothing is signed yet")?,
            Some(seq) => {
                let leaf = shelf.leaf(seq).with_context(|| format!("record {seq}"))?;
                format!("{}\n", String::from_utf8_lossy(&leaf))
            }
        };
        print(&text);
        Ok(Exit::Ok)
    }
}

impl Export {
    fn run(self) -> Done {
        let data = &self.folder.data_dir;
        bring_up_to_date(data)?;
        let done = tollgate_audit::export(data, &self.out, self.details)
            .with_context(|| format!("exporting {} to {}", data.display(), self.out.display()))?;
        let records: u64 = done.sizes.values().sum();
        print(&format!("{}: {records} records in {} logs\n", self.out.display(), done.sizes.len()));
        Ok(Exit::Ok)
    }
}

impl ReceiptOf {
    fn run(self) -> Done {
        if let (Some(file), Some(key)) = (&self.check, &self.key) {
            return check(file, key);
        }
        let id = self.id.as_deref().and_then(request_id).context("a request id is `req_` and 32 hexadecimal digits")?;
        let receipt = match &self.log.tenant {
            Some(_) => self.log.shelf()?.receipt_of(&id).context("no receipt")?,
            None => of_any_tenant(&self.log.folder.data_dir, &id)?,
        };
        print_json(&receipt)
    }
}

/// Looks in every tenant's log.
fn of_any_tenant(data: &Path, id: &[u8; 16]) -> anyhow::Result<Receipt> {
    for entry in
        std::fs::read_dir(data.join("logs")).with_context(|| format!("{} is not a data folder", data.display()))?
    {
        let shelf = Shelf::at(entry?.path());
        match shelf.receipt_of(id) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            found => return Ok(found?),
        }
    }
    bail!("no signed record is of that id; a record is signed within seconds of its answer")
}

fn check(file: &Path, key: &str) -> Done {
    let text = std::fs::read(file).with_context(|| file.display().to_string())?;
    let receipt: Receipt = serde_json::from_slice(&text).with_context(|| file.display().to_string())?;
    let key = Verifier::parse(key).context("the key")?;
    let checkpoint = receipt.check(&[key]).with_context(|| file.display().to_string())?;
    print(&format!(
        "holds: record {} of {} in {}\n{}\n",
        receipt.seq, checkpoint.size, checkpoint.origin, receipt.leaf
    ));
    Ok(Exit::Ok)
}

impl Prove {
    fn run(self) -> Done {
        match self {
            Self::Inclusion { log, seq, size } => {
                print_json(&log.shelf()?.prove_inclusion(seq, size).context("no proof")?)
            }
            Self::Consistency { log, old, new } => {
                print_json(&log.shelf()?.prove_consistency(old, new).context("no proof")?)
            }
        }
    }
}

fn print_json(value: &impl Serialize) -> Done {
    let mut text = serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?;
    text.push('\n');
    print(&text);
    Ok(Exit::Ok)
}

/// Has everything signed that is on record by now: by the gateway that runs; or, where one was killed,
/// by what its next start would do.
fn bring_up_to_date(data: &Path) -> anyhow::Result<()> {
    is_data_folder(data)?;
    match tollgate_audit::has_unsigned(data) {
        Ok(false) => {}
        Ok(true) => open(data)?.close(),
        Err(OpenError::InUse(_)) => drop(asked(data, &Deed::Sign)?),
        // A copy that may only be read is exported as far as it is signed.
        Err(OpenError::Io { error, .. }) if error.kind() == std::io::ErrorKind::PermissionDenied => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn is_data_folder(data: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(data.join("deployment.json").exists(), "{} is not a data folder", data.display());
    Ok(())
}

/// Asks the gateway that has the folder open, or does it here where none has.
fn perform(data: &Path, deed: &Deed) -> Done {
    is_data_folder(data)?;
    match open(data) {
        Ok(audit) => {
            let done = tollgate_audit::ask(data, deed).context("writing down what is asked")?;
            audit.close();
            print(&format!("{}\n", answer(&done).unwrap_or_default()));
        }
        Err(OpenError::InUse(_)) => print(&format!("{}\n", asked(data, deed)?)),
        Err(error) => return Err(Exit::Failed(error.into())),
    }
    Ok(Exit::Ok)
}

/// Asks the gateway that has the folder open, and waits for what it says.
fn asked(data: &Path, deed: &Deed) -> anyhow::Result<String> {
    let done = tollgate_audit::ask(data, deed).context("writing down what is asked")?;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(said) = answer(&done) {
            return Ok(said);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("the gateway that has the folder open has not answered yet; it will do what was asked")
}

/// What was said, once.
fn answer(done: &Path) -> Option<String> {
    let said = std::fs::read_to_string(done).ok()?;
    let _ = std::fs::remove_file(done);
    Some(said)
}

/// The log, without a gateway around it. Its mode stays what it was.
fn open(data: &Path) -> Result<std::sync::Arc<Audit>, OpenError> {
    let mode = match std::fs::read_to_string(data.join("mode")).as_deref() {
        Ok("relaxed") => Mode::Relaxed,
        Ok("off") => Mode::Off,
        _ => Mode::Strict,
    };
    Audit::open(Settings {
        data: data.to_owned(),
        mode,
        retention: Retention::default(),
        segment_bytes: SEGMENT_BYTES,
        clock: std::sync::Arc::new(clock::unix_micros),
        witnesses: None,
        software: concat!("tollgate audit ", env!("CARGO_PKG_VERSION")).to_owned(),
        on_failure: Box::new(|what| eprintln!("tollgate: {what}")),
    })
}

/// Deletes the projection and makes it again: opening the log counts what is not counted.
fn rebuild(data: &Path) -> Done {
    let before = Totals::load(data);
    tollgate_audit::forget_projections(data).map_err(anyhow::Error::from)?;
    open(data).map_err(anyhow::Error::from)?.close();
    let after = Totals::load(data);
    let same = before
        .next
        .iter()
        .all(|(log, next)| after.next.get(log) != Some(next) || before.logs.get(log) == after.logs.get(log));
    let what = if same { "rebuilt: equal to what was there" } else { "rebuilt: what was there was WRONG" };
    print(&format!("{what}\n"));
    Ok(if same { Exit::Ok } else { Exit::Failed(anyhow::anyhow!("the totals did not match the records")) })
}
