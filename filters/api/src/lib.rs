//! The contract between Tollgate and its filters: the words of a request's path, as types.
//!
//! It does no I/O and knows no runtime, no proxy and no vendor. A filter of your own depends on
//! this crate alone; copy `filters/sample` to begin.

mod call;
mod caller;
mod decimal;
mod event;
mod exchange;
mod filter;
mod money;
mod refusal;
mod seal;
mod start_within;
mod task;
mod tier;
mod usage;

pub use call::{Address, Call, Caps, Edit, Edits, Framing, Ours, Span, Spans, Surface};
pub use caller::{Caller, RequestId};
pub use decimal::Decimal;
pub use event::{Citation, CitedSpan, Event, StopReason};
pub use exchange::{Exchange, Finish, Outcome};
pub use filter::{AttemptHead, BuildError, DynFilter, Filter, Slot, Verdict, Veto, erase};
pub use money::{Cost, Money, ParseMoneyError, Price};
pub use refusal::{Code, Kind, Refusal};
pub use seal::{Seal, Sealer};
pub use start_within::{NoStart, RaceMode, StartWithin};
pub use task::{Complexity, Label, Task};
pub use tier::Tier;
pub use usage::{Usage, UsageSource};

/// Re-exported so that a filter's crate needs no second dependency to name header types.
pub use http;
