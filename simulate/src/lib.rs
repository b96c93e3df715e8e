//! Simulated vendors: what `tollgate demo` talks to, and the double that tests and benchmarks use.
//!
//! One vendor serves many named *profiles*, chosen by the first segment of the path: `/steady/v1/…`
//! speaks OpenAI's dialect at `/v1/chat/completions` and Anthropic's at `/v1/messages`, over
//! HTTP/1.1, HTTP/2 and TLS. A profile says how fast it is, how it fails, and which other profiles serve
//! its service tiers. It is faithful to the wire and knows nothing: the words it answers are drawn from
//! a seed, and where a request belongs to a trace, what it will draw can be foreseen.

mod answer;
mod anthropic;
mod asked;
mod bedrock;
mod control;
mod demo;
mod draw;
mod fate;
mod native;
mod openai;
mod play;
mod profile;
mod seen;
mod server;
mod service;
mod speech;
mod tier;
mod times;
mod tls;
mod trace;

pub use demo::demo_profiles;
pub use fate::Foreseen;
pub use profile::{Distribution, Fault, Profile, ToolCall};
pub use seen::{Billed, Request, Seen};
pub use server::{Options, Vendor};
pub use times::{Began, Cancelled};
