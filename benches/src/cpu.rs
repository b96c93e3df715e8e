//! CPU time of a thread, as the kernel counts it.

use std::fs;

use anyhow::Context;

/// CPU time of this thread so far, in nanoseconds.
pub(crate) fn nanos() -> anyhow::Result<u64> {
    // The kernel counts when a thread gives way, and otherwise only every few milliseconds.
    std::thread::yield_now();
    let file = "/proc/thread-self/schedstat";
    let text = fs::read_to_string(file).with_context(|| format!("{file}: this kernel does not count CPU time"))?;
    Ok(text.split_whitespace().next().with_context(|| format!("{file} is empty"))?.parse()?)
}
