//! Laws that hold for any bytes: what each fuzz target asserts. The targets themselves are in
//! `bin`, one line each.

mod answer;
mod cuts;
mod frames;
mod meter;
mod request;
mod speakers;
mod splice;
mod sse;
mod stream;

pub use answer::answer;
pub use frames::frames;
pub use meter::meter;
pub use request::request;
pub use splice::splice;
pub use sse::sse;
pub use stream::stream;
