//! `tollgate credential`. A secret comes in by a file, a variable or standard input, never as an argument:
//! those stand in the shell's history, and every user of the machine can list them.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::json;

use super::{Asks, Page, Question, of};

/// The longest secret that is read, in bytes.
const SECRET_MAX: u64 = 32 * 1024;

#[derive(clap::Subcommand)]
pub(in crate::cli) enum Credential {
    /// Print the credentials of a tenant, without their secrets.
    List {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        page: Page,
    },
    /// Print one credential, without its secret.
    Show {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The credential's id.
        id: String,
    },
    /// Seal a vendor's secret, read from standard input or where the flags say.
    Create {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The provider it is for, as the configuration names it.
        #[arg(long)]
        provider: String,
        /// Where it is sent, in place of the provider's own base URL.
        #[arg(long)]
        base_url: Option<String>,
        /// For people.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        secret: Secret,
    },
    /// Put another secret in a credential's place, read from standard input or where the flags say.
    Replace {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The credential's id.
        id: String,
        /// Where it is sent; as before where it is left out.
        #[arg(long, conflicts_with = "no_base_url")]
        base_url: Option<String>,
        /// Send it to the provider's own base URL again.
        #[arg(long)]
        no_base_url: bool,
        /// For people; as before where it is left out.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        secret: Secret,
    },
    /// Remove a credential.
    Remove {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The credential's id.
        id: String,
    },
}

/// Where a secret is read.
#[derive(clap::Args)]
#[group(multiple = false)]
pub(in crate::cli) struct Secret {
    /// Read the secret from this file.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Read the secret from this environment variable.
    #[arg(long, value_name = "NAME")]
    secret_env: Option<String>,
}

impl Secret {
    /// The secret, without the end of its line.
    fn read(&self) -> anyhow::Result<String> {
        let text = match (&self.secret_file, &self.secret_env) {
            (Some(path), _) => from_file(path)?,
            (None, Some(name)) => std::env::var(name).with_context(|| format!("the variable `{name}`"))?,
            (None, None) => {
                if std::io::stdin().is_terminal() {
                    eprintln!("tollgate: type or paste the secret, then Enter and Ctrl-D");
                }
                text(std::io::stdin().lock()).context("standard input")?
            }
        };
        let line = text.strip_suffix('\n').unwrap_or(&text);
        Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
    }
}

fn from_file(path: &Path) -> anyhow::Result<String> {
    std::fs::File::open(path).map_err(Into::into).and_then(text).with_context(|| path.display().to_string())
}

fn text(from: impl Read) -> anyhow::Result<String> {
    let mut text = String::new();
    from.take(SECRET_MAX + 1).read_to_string(&mut text)?;
    ensure!(text.len() as u64 <= SECRET_MAX, "this is longer than {SECRET_MAX} bytes, and so no secret of a vendor's");
    Ok(text)
}

impl Asks for Credential {
    fn question(self) -> anyhow::Result<Question> {
        Ok(match self {
            Self::List { tenant, page } => of(&tenant, &["credentials"]).page(&page),
            Self::Show { tenant, id } => of(&tenant, &["credentials", &id]),
            Self::Create { tenant, provider, base_url, name, secret } => {
                let secret = secret.read()?;
                let body = json!({"provider": provider, "base_url": base_url, "name": name, "secret": secret});
                of(&tenant, &["credentials"]).posts(body)
            }
            Self::Replace { tenant, id, base_url, no_base_url, name, secret } => {
                let mut body = json!({"secret": secret.read()?, "name": name});
                // What is there and `null` is taken away, what is not there stays.
                if base_url.is_some() || no_base_url {
                    body["base_url"] = base_url.into();
                }
                of(&tenant, &["credentials", &id]).puts(body)
            }
            Self::Remove { tenant, id } => of(&tenant, &["credentials", &id]).deletes(),
        })
    }
}
