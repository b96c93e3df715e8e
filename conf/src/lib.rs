//! Tollgate's configuration: a YAML file in, a checked [`Config`] or every mistake in it out.
//!
//! It opens no socket and starts nothing; files and environment come in through [`Sources`].

mod checked;
mod matching;
mod restart;

pub use checked::{
    BaseUrl, Config, Endpoint, FilterEntry, HealthPolicy, Key, KeyHashing, KeyLimits, Limits, Listen, Log, LogFormat,
    LogLevel, Model, PriceKey, Provider, Route, Server, Timeouts, Tls,
};
pub use matching::{Match, Pattern};
pub use restart::restart_needed;
