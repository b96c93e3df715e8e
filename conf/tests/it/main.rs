//! The configuration as its users meet it: files in, a [`tollgate_conf::Config`] or mistakes out.

mod litellm;
mod report;
mod right;
mod secrets;
mod world;
mod wrong;
