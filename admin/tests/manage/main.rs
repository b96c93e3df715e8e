//! The laws of the management API, over a real database in a folder of its own.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod bodies;
mod credentials;
mod deadlines;
mod document;
mod doors;
mod isolation;
mod keys;
mod money;
mod roles;
mod world;
