//! The vendors of `tollgate demo`.

use crate::profile::{Distribution, Fault, Profile};

/// One of each temper.
#[must_use]
pub fn demo_profiles() -> Vec<Profile> {
    let named = |name: &str| Profile { name: name.to_owned(), ..Profile::default() };
    let failing = |name: &str, fault: Fault| Profile { fault, ..named(name) };
    let status = |status, retry_after| Fault::Status { status, retry_after, body: None };
    vec![
        Profile { ttft: Distribution::HeavyTail { median: 40, p99: 120 }, tokens_per_second: 100, ..named("steady") },
        Profile { errors_per_mille: 300, error_status: 503, ..named("flaky") },
        failing("busy", status(429, Some(2))),
        failing("down", status(503, None)),
        Profile { ttft: Distribution::Fixed(1500), ..named("slow") },
        failing("cut", Fault::CutMidStream { after_events: 5 }),
        failing("nousage", Fault::NoUsage),
        Profile {
            ttft: Distribution::HeavyTail { median: 40, p99: 120 },
            tiers: [("flex".to_owned(), "race-flex".to_owned())].into(),
            ..named("race")
        },
        // About one in five takes longer than two seconds to begin.
        Profile { ttft: Distribution::LogNormal { median: 900, p99: 9000, never_per_mille: 0 }, ..named("race-flex") },
    ]
}
