//! What key, limits and budget cost a request, in this process: the gateway's own crates and no network.
//!
//! What the gateway does around them (finding a tenant's budgets, waiting for money) is not in it.

use std::fmt::Write as _;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::{Arc, Barrier};
use std::time::{Instant, UNIX_EPOCH};

use anyhow::Context;
use tollgate_auth::{Check, KEY_LEN, KeyRing, Kind, Pepper, StoredKey};
use tollgate_ledger::{Account, Amounts, Grant, Hold, Need, Pays, Purse, Till, Verdict, Wish, cap};
use tollgate_limit::{Admission, Gate, Limits, Whose, admit_all};

use crate::cpu;
use crate::figures::Spread;
use crate::keys;

/// Drawn at random out of all keys; that many more than a cache holds.
const SAMPLE: u64 = 200_000;
/// Requests of one measurement, at least.
const REQUESTS: usize = 400_000;
const THREADS: [usize; 2] = [1, 2];

/// What a request is taken to use, and to need at most: half a dollar and three dollars a million.
const TOKENS: u64 = 500;
const NEED: Need = Need { fixed: 200_000, per_million: 3_000_000_000, asked: 1024, likely: 1024, least: 256 };
/// A million dollars: nobody runs out.
const LENT: i64 = 1_000_000_000_000_000;

/// What is measured of a request.
type Part = (&'static str, fn(&World, usize) -> Option<()>);

const PARTS: [Part; 4] = [
    ("its key verified, which was proven before", |world, at| world.verify(at).map(drop)),
    ("limits of key and tenant, all five of each, and what was used", |world, at| admit(&world.holders[at]).map(used)),
    ("budgets of tenant, key and tag: found, capped, held, settled", |world, at| {
        world.hold(&world.holders[at]).map(settle)
    }),
    ("all three", World::all),
];

/// What was measured: nanoseconds by part, by threads.
pub(crate) struct Costs {
    keys: u64,
    parts: Vec<[Spread; THREADS.len()]>,
}

/// Measures, in rounds; one before the first is not counted.
pub(crate) fn run(keys: u64, rounds: usize) -> anyhow::Result<Costs> {
    let world = World::new(keys)?;
    let mut nanos = vec![[const { Vec::new() }; THREADS.len()]; PARTS.len()];
    for round in 0..=rounds {
        for ((_, part), nanos) in PARTS.iter().zip(&mut nanos) {
            for (threads, nanos) in THREADS.iter().zip(nanos) {
                let measured = measure(&world, *part, *threads)?;
                if round > 0 {
                    nanos.push(measured);
                }
            }
        }
    }
    let spreads = |[one, two]: [Vec<f64>; 2]| Some([Spread::of(one.into_iter())?, Spread::of(two.into_iter())?]);
    let parts = nanos.into_iter().map(spreads).collect::<Option<_>>().context("no rounds")?;
    Ok(Costs { keys, parts })
}

impl Costs {
    /// Its part of the result.
    pub(crate) fn table(&self, text: &mut String) {
        let _ = write!(
            text,
            "\n### Accounts and money\n\nCPU time in nanoseconds of one request, in the bench's own process and without a \
             network. {} keys of {} tenants in memory; random ones among them ask.\n\n\
             | | 1 thread | 2 threads |\n| --- | --: | --: |\n",
            self.keys,
            keys::tenants(self.keys)
        );
        for ((title, _), [one, two]) in PARTS.iter().zip(&self.parts) {
            let _ = writeln!(text, "| {title} | {one:.0} ns | {two:.0} ns |");
        }
    }
}

/// Nanoseconds of CPU time for a request; the sum of all threads.
fn measure(world: &World, part: fn(&World, usize) -> Option<()>, threads: usize) -> anyhow::Result<f64> {
    let all = world.holders.len();
    let passes = REQUESTS.div_ceil(all);
    let barrier = Barrier::new(threads);
    let one = |thread: usize| {
        barrier.wait();
        let before = cpu::nanos()?;
        for _ in 0..passes {
            for at in (thread..all).step_by(threads) {
                part(world, at).context("a request was refused that had room")?;
            }
        }
        Ok(cpu::nanos()? - before)
    };
    let nanos: u64 = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || one(thread))).collect();
        let ended = running.into_iter().map(|thread| thread.join().expect("it returns what goes wrong"));
        ended.sum::<anyhow::Result<u64>>()
    })?;
    Ok(nanos as f64 / (passes * all) as f64)
}

/// What a verified key stands for.
struct Holder {
    gate: Gate,
    budget: Arc<str>,
    tenant: Arc<Tenant>,
}

struct Tenant {
    gate: Gate,
    budget: Arc<str>,
    tag: Arc<str>,
}

/// All keys, and those that ask.
struct World {
    ring: KeyRing<Holder>,
    till: Till,
    texts: Vec<[u8; KEY_LEN]>,
    holders: Vec<Arc<Holder>>,
}

impl World {
    fn new(keys: u64) -> anyhow::Result<Self> {
        let (now, unix) = (Instant::now(), UNIX_EPOCH.elapsed()?);
        let gate = |whose| Gate::new(whose, limits(), now, unix);
        let tenant = |number| {
            let [budget, tag] = ["budget", "tag"].map(|kind| format!("bud_{kind}_{number:04}").into());
            Arc::new(Tenant { gate: gate(Whose::Tenant), budget, tag })
        };
        let tenants: Vec<_> = (0..keys::tenants(keys)).map(tenant).collect();
        let ring = (0..keys).map(|number| {
            let key = keys::key(number);
            let stored = StoredKey {
                id: key.id(),
                kind: Kind::Inference,
                tenant: "".into(),
                name: "".into(),
                hash: keys::stored(number, &key),
                revoked: false,
            };
            let tenant = Arc::clone(&tenants[keys::tenant_of(number) as usize]);
            (stored, Holder { gate: gate(Whose::Key), budget: format!("bud_{}", key.id()).into(), tenant })
        });
        let ring = KeyRing::new([7; 32], Pepper::none(), ring)?;
        let mut world = Self { ring, till: Till::default(), texts: Vec::new(), holders: Vec::new() };
        for at in 0..keys.min(SAMPLE) {
            world.draw(keys::mixed(at) % keys)?;
        }
        Ok(world)
    }

    /// One more that asks: proven, and lent more than it needs.
    fn draw(&mut self, number: u64) -> anyhow::Result<()> {
        self.texts.push(keys::key(number).reveal().as_bytes().try_into()?);
        let holder = self.verify(self.texts.len() - 1).context("a key is not known")?;
        for account in accounts(&holder) {
            let drawer = self.till.drawer(&account);
            if drawer.left() == 0 {
                drawer.lend(&Grant { account, granted: LENT, limit: LENT, settled: 0, leased: LENT });
            }
        }
        self.holders.push(holder);
        Ok(())
    }

    fn verify(&self, at: usize) -> Option<Arc<Holder>> {
        match self.ring.verify(Kind::Inference, &self.texts[at]) {
            Check::Known(holder) => Some(holder),
            Check::Refused(_) | Check::Slow(_) => None,
        }
    }

    fn hold(&self, holder: &Holder) -> Option<(Hold, i64)> {
        let purse: Purse =
            accounts(holder).into_iter().map(|account| (Pays::Spend, self.till.drawer(&account))).collect();
        let mut tokens = u64::MAX;
        for (_, drawer) in &purse {
            match cap(&NEED, drawer.left(), drawer.open(), drawer.standing().pending()) {
                Verdict::Take { tokens: affordable, .. } => tokens = tokens.min(affordable),
                Verdict::Wait { .. } => return None,
            }
        }
        let spend = NEED.worst(tokens);
        let mut hold = Wish { purse: &purse, amounts: Amounts { spend, ..Amounts::default() } }.hold().ok()?;
        hold.begin();
        Some((hold, spend))
    }

    fn all(&self, at: usize) -> Option<()> {
        let holder = self.verify(at)?;
        let admitted = admit(&holder)?;
        let held = self.hold(&holder)?;
        settle(held);
        used(admitted);
        Some(())
    }
}

/// Far away, but counted all the same.
fn limits() -> Limits {
    Limits {
        requests_per_minute: NonZeroU32::new(16_000_000),
        requests_per_day: Some(NonZeroU32::MAX),
        tokens_per_minute: NonZeroU64::new(tollgate_limit::TOKENS_PER_MINUTE_MAX),
        tokens_per_day: NonZeroU64::new(1 << 47),
        concurrent_requests: NonZeroU32::new(100_000),
    }
}

fn accounts(holder: &Holder) -> [Account; 3] {
    let tenant = &holder.tenant;
    [&tenant.budget, &holder.budget, &tenant.tag].map(|id| Account::new(Arc::clone(id), 0))
}

fn admit(holder: &Holder) -> Option<[Option<Admission>; 2]> {
    admit_all([Some(&holder.gate), Some(&holder.tenant.gate)], Instant::now(), TOKENS).ok()
}

fn used(mut admitted: [Option<Admission>; 2]) {
    admitted.iter_mut().flatten().for_each(|admission| admission.used_tokens(TOKENS - 1));
}

/// A quarter of what was held is spent.
fn settle((hold, held): (Hold, i64)) {
    // Less than was held is no breach.
    let _ = hold.settle(Amounts { spend: held / 4, ..Amounts::default() });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_served_and_leaves_nothing_open() {
        let world = World::new(50).expect("it is made");
        for (title, part) in PARTS {
            for at in 0..world.holders.len() {
                assert!(part(&world, at).is_some(), "{title}, {at}");
            }
        }
        for holder in &world.holders {
            assert_eq!((holder.gate.open(), holder.tenant.gate.open()), (0, 0));
        }
        assert!(world.till.drawers().iter().all(|drawer| drawer.open() == 0 && drawer.unposted() > 0));
    }

    #[test]
    fn what_stands_in_the_table_is_nanoseconds_of_each_part() {
        let spread = |median| Spread { median, least: 1.0, most: 9.0 };
        let costs = Costs { keys: 5, parts: (0..4).map(|at| [spread(f64::from(at)), spread(7.0)]).collect() };
        let mut text = String::new();
        costs.table(&mut text);
        assert!(text.contains("5 keys of 5 tenants"), "{text}");
        assert!(text.ends_with("| all three | 3 (1 to 9) ns | 7 (1 to 9) ns |\n"), "{text}");
    }
}
