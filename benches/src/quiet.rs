//! Whether the machine is quiet: how busy others keep it, before anything of ours runs.

use std::fs;
use std::time::Duration;

/// How long it is watched. The load average would still remember the build before.
const WATCHED: Duration = Duration::from_secs(1);

/// The share of all cores that is in use, in percent; `None` where there is no `/proc`.
pub(crate) fn busy_percent() -> Option<f64> {
    let (busy, all) = ticks()?;
    std::thread::sleep(WATCHED);
    let (busy_then, all_then) = ticks()?;
    let (busy, all) = (busy_then.checked_sub(busy)?, all_then.checked_sub(all)?);
    (all > 0).then(|| 100.0 * busy as f64 / all as f64)
}

fn ticks() -> Option<(u64, u64)> {
    read(&fs::read_to_string("/proc/stat").ok()?)
}

/// Ticks of all cores so far: in use, and altogether.
fn read(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    // user nice system idle iowait irq softirq steal; guests are already counted as users.
    let ticks: Vec<u64> = line.split_whitespace().take(8).filter_map(|n| n.parse().ok()).collect();
    let all: u64 = ticks.iter().sum();
    Some((all - ticks.get(3)? - ticks.get(4)?, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idling_and_waiting_for_disks_is_not_work() {
        let stat = "cpu  10 20 30 400 500 6 7 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
        assert_eq!(read(stat), Some((81, 981)));
        assert_eq!(read("intr 1"), None);
    }
}
