//! `tollgate check`: everything that `serve` would refuse, without opening a socket.

use super::{ConfigFile, Done, Exit, print};
use crate::filters::Filters;
use crate::live::Live;
use crate::metrics::Metrics;

pub(super) fn run(file: &ConfigFile, filters: &Filters) -> Done {
    let config = file.load()?;
    let live =
        Live::build(&config, filters, &Metrics::new(), None, None).map_err(|e| Exit::Config(format!("{e:#}")))?;
    crate::witnesses::remotes(&config).map_err(|e| Exit::Config(format!("{e:#}")))?;
    print(&format!(
        "{}: correct. {} endpoints, {} model names, {} routes, {} keys, {} filters\n",
        file.config.display(),
        live.endpoints.len(),
        live.models.len(),
        live.routes.len(),
        config.keys.len(),
        config.filters.len(),
    ));
    for oddity in &config.oddities {
        print(&format!("odd: {oddity}\n"));
    }
    Ok(Exit::Ok)
}
