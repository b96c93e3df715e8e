//! The running gateway, held to its word: one file for each thing it promises.

mod bare;
mod demo;
mod http;
mod world;

mod fallback;
mod headers;
