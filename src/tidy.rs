//! What is put away once a minute though nobody asks: counts of addresses whose minute is over.
//!
//! Requests do so by themselves; this keeps the promise where none comes.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::gateway::Gateway;

const EVERY: Duration = Duration::from_secs(60);

/// Begins, and goes on for as long as the gateway lives.
pub(crate) fn start(gateway: &Arc<Gateway>) -> anyhow::Result<()> {
    let gateway = Arc::downgrade(gateway);
    let work = move || {
        while tidy(&gateway).is_some() {
            std::thread::sleep(EVERY);
        }
    };
    std::thread::Builder::new().name("tidy".into()).spawn(work).context("starting a thread")?;
    Ok(())
}

/// `None` once the gateway is gone.
fn tidy(gateway: &Weak<Gateway>) -> Option<()> {
    let gateway = gateway.upgrade()?;
    if let Some(addresses) = &gateway.live.load().addresses {
        addresses.forget(Instant::now());
    }
    Some(())
}
