//! What is put away once a minute though nobody asks: counts of addresses whose minute is over.
//!
//! Requests do so by themselves; this keeps the promise where none comes.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::gateway::Gateway;

const EVERY: Duration = Duration::from_secs(60);

/// Begins, and goes on for as long as the gateway lives.
pub(crate) fn start(gateway: &Arc<Gateway>) -> anyhow::Result<()> {
    again_and_again(gateway, EVERY, tidy).map(drop)
}

fn tidy(gateway: &Gateway) {
    if let Some(addresses) = &gateway.live.load().addresses {
        addresses.forget(Instant::now());
    }
}

/// Does this on a thread of its own, with as long a rest each time, until what it is done to is gone.
fn again_and_again<T: Send + Sync + 'static>(
    to: &Arc<T>,
    rest: Duration,
    what: impl Fn(&T) + Send + 'static,
) -> anyhow::Result<JoinHandle<()>> {
    let to = Arc::downgrade(to);
    let work = move || {
        while to.upgrade().map(|to| what(&to)).is_some() {
            std::thread::sleep(rest);
        }
    };
    std::thread::Builder::new().name("tidy".into()).spawn(work).context("starting a thread")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn it_is_done_again_until_there_is_nothing_to_do_it_to() {
        let (tell, told) = mpsc::channel();
        let house = Arc::new(());
        let thread = again_and_again(&house, Duration::ZERO, move |()| tell.send(()).expect("heard"));
        (0..3).for_each(|_| told.recv().expect("done again"));
        drop(house);
        thread.expect("it began").join().expect("it ended");
    }
}
