//! How fast and how many: requests and tokens a minute and a day, requests at once, for a key, a
//! tenant or an address.
//!
//! It knows no key and no clock: a [`Gate`] lives beside its key or tenant from the moment the
//! configuration is loaded, so that a request looks nothing up, and time comes in as an argument.
//! Money is not its business, nor what other nodes count.
//!
//! What a key or a tenant may do is counted exactly, in one atomic word for each limit. Addresses
//! are too many and too easily made up for that: they are counted by pingora-limits' sketch, in
//! fixed memory, which may count too many but never too few. Its `Rate` and `Inflight` are not used:
//! they share that error, which a key's owner should not pay, and `Rate` reads the clock itself and
//! can subtract past zero where two threads meet at the end of an interval.

mod address;
mod flood;
mod gate;
mod limits;
mod refused;
mod sketch;
mod window;

pub use address::{AddressGuard, AddressLimits};
pub use flood::FloodGuard;
pub use gate::{Admission, Gate, KeyGate, admit_all};
pub use limits::{KeyLimits, Limits};
pub use refused::{Denied, Exceeded, Per, Rate, Whose};
pub use sketch::network;
pub use window::{REQUESTS_PER_MINUTE_MAX, TOKENS_PER_MINUTE_MAX};
