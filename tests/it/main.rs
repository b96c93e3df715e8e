//! The running gateway, held to its word: one file for each thing it promises.

mod bare;
mod demo;
mod disk;
mod engines;
mod http;
mod office;
mod plans;
mod world;

mod audit;
mod audit_disks;
mod badinput;
mod bodies;
mod budgets;
mod byok;
mod canary;
mod cli;
mod cli_manage;
mod clients;
mod crash;
mod dashboards;
mod fallback;
mod filters;
mod hangups;
mod headers;
mod isolation;
mod keys;
mod limits;
mod matrix;
mod metering;
mod reload;
mod rotation;
mod secrets;
mod shared;
mod storm;
mod streams;
