//! Simulated vendors: what `tollgate demo` talks to, and the double that tests and benchmarks use.
//!
//! One vendor serves many named *profiles*, chosen by the first segment of the path: `/steady/v1/…`
//! speaks OpenAI's dialect at `/v1/chat/completions` and Anthropic's at `/v1/messages`, over
//! HTTP/1.1, HTTP/2 and TLS. A profile says how fast it is and how it fails. It is faithful to the
//! wire and knows nothing: the words it answers are drawn from a seed.

mod answer;
mod anthropic;
mod asked;
mod control;
mod demo;
mod draw;
mod native;
mod openai;
mod profile;
mod seen;
mod server;
mod service;
mod tls;

pub use demo::demo_profiles;
pub use profile::{Distribution, Fault, Profile, ToolCall};
pub use seen::{Billed, Request, Seen};
pub use server::{Options, Vendor};
