//! Tollgate: one reverse proxy between applications and language models.
//!
//! This crate is the proxy. What can be added or replaced lives in crates of its own under
//! `filters/`; `conf/` reads configuration; `simulate/` plays the vendors. Start reading at
//! [`pipeline`](../src/tollgate/pipeline.rs.html): it is the path of a request, top to bottom.

mod accounts;
mod admin;
mod admit;
mod answer;
mod attempt;
mod attempts;
mod audit_pages;
mod books;
mod certificates;
mod chain;
mod cli;
mod clock;
mod cork;
mod deadlines;
mod endpoint;
mod estimate;
mod fail;
mod filters;
mod front;
mod gateway;
mod handles;
mod health;
mod identify;
mod lately;
mod ledger;
mod line;
mod live;
mod metrics;
mod money;
mod native;
mod neighbours;
mod off_worker;
mod ops;
mod pacing;
mod pages;
mod pipeline;
mod plan;
mod procfs;
mod proxy;
mod race;
mod reading;
mod records;
mod reload;
mod reply;
mod request_log;
mod say;
mod serve;
mod shutdown;
mod signer;
mod surface;
mod tally;
mod tidy;
mod trail;
mod upstream;
mod vault;
mod witnesses;

pub use cli::run;
pub use filters::Filters;
pub use pages::error_reference_markdown;
