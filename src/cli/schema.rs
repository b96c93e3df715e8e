//! `tollgate schema`: what editors check a file against while it is written.

use super::{Done, Exit, print};

#[derive(clap::Args)]
pub(super) struct Schema {
    /// Of which file.
    #[arg(value_enum, default_value_t = Of::Config)]
    of: Of,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Of {
    /// The configuration.
    Config,
    /// The rules of classification.
    Classify,
    /// The catalogue of models and prices.
    Catalogue,
}

impl Schema {
    pub(super) fn run(&self) -> Done {
        let schema = match self.of {
            Of::Config => tollgate_conf::schema(),
            Of::Classify => tollgate_conf::classify_schema(),
            Of::Catalogue => tollgate_conf::catalogue_schema(),
        };
        print(&format!("{schema:#}\n"));
        Ok(Exit::Ok)
    }
}
