//! How fast and how many: requests a minute and at once for a key, requests a second for an address.
//!
//! It knows no key and no clock: a [`KeyGate`] lives beside its key from the moment the
//! configuration is loaded, so that a request looks nothing up, and time comes in as an argument.
//! Money is not its business.
//!
//! What a key may do is counted exactly, in one atomic word for each limit. Addresses are too many
//! and too easily made up for that: they are counted by pingora-limits' sketch, in fixed memory,
//! which may count too many but never too few. Its `Rate` and `Inflight` are not used: they share
//! that error, which a key's owner should not pay, and `Rate` reads the clock itself and can
//! subtract past zero where two threads meet at the end of an interval.

mod flood;
mod gate;
mod refused;
mod window;

pub use flood::FloodGuard;
pub use gate::{Admission, KeyGate, KeyLimits};
pub use refused::{Denied, Rate};
pub use window::REQUESTS_PER_MINUTE_MAX;
