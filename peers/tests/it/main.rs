//! What nodes share, against a real redis-server that each test starts for itself.

mod away;
mod limits;
mod news;
mod slots;
mod world;
