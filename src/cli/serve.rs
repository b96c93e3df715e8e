//! `tollgate serve`: the gateway, until a signal says to leave.

use tollgate_conf::{Log, LogFormat};
use tracing_subscriber::EnvFilter;

use super::{ConfigFile, Done, Exit};
use crate::filters::Filters;

pub(super) fn run(file: &ConfigFile, filters: Filters) -> Done {
    let config = file.load()?;
    log_to_stderr(&config.log);
    crate::serve::serve(config, Some(file.config.clone()), filters)?;
    Ok(Exit::Ok)
}

/// Messages go to standard error; request lines, which are data, to standard output or a file.
pub(super) fn log_to_stderr(log: &Log) {
    let filter = EnvFilter::try_from_env("TOLLGATE_LOG").unwrap_or_else(|_| {
        // Pingora speaks of every hang-up as an error; what matters of it is in our own lines.
        EnvFilter::new(format!("{},pingora_core=off,pingora_proxy=off,h2=off", log.level.as_str()))
    });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second subscriber in one process (a test) leaves the first in place.
    let _ = match log.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_target(false).try_init(),
    };
}
