//! The ledger: what it lends never passes a limit, and what is spent is counted once.

use std::sync::Mutex;

use tollgate_ledger::{Account, Ask, Bank, Grant};
use tollgate_store::{BalanceKind, Budget, Charge, Period, Posted, Posting, Store, StoreError, window_of};

use crate::support::{Database, OPERATOR, budget, scope, tenant};

fn with_budget(database: &Database, limit: i64) -> (Store, Account) {
    let store = database.open();
    store.create_tenant(&OPERATOR, tenant("acme")).unwrap();
    let cap = store.create_budget(&OPERATOR, budget("acme", limit)).unwrap();
    (store, Account::new(cap.id.as_str(), 0))
}

fn ask(account: &Account, least: i64, most: i64) -> Ask {
    Ask { account: account.clone(), least, most }
}

fn lend(store: &Store, node: &str, account: &Account, least: i64, most: i64) -> Grant {
    store.grant(node, &[ask(account, least, most)]).unwrap().remove(0)
}

/// Settled and leased.
fn stands(store: &Store, account: &Account) -> (i64, i64) {
    let standing = store.standing(&account.id, account.window).unwrap();
    (standing.settled, standing.leased)
}

fn charge(account: &Account, amount: i64, from_dead: bool) -> Charge {
    Charge { account: account.clone(), amount, from_dead }
}

fn spend(account: &Account, amount: i64, from: u64, next: u64) -> Posting {
    Posting {
        charges: vec![charge(account, amount, false)],
        posted: vec![Posted { log: "a".into(), from, next }],
        ..Posting::default()
    }
}

/// The same numbers each time, and different ones for each seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides) as i64
    }
}

/// Three accounts, eight nodes at once, asks and returns as they fall, some of it spent.
pub(crate) fn grants_never_pass_the_limit(database: &Database) {
    const NODES: u64 = 8;
    const ROUNDS: u64 = 25;
    let (store, first) = with_budget(database, 1_000);
    let second = store.create_budget(&OPERATOR, budget("acme", 77)).unwrap();
    store.top_up(&OPERATOR, "acme", BalanceKind::Managed, 500, "", "k", 1).unwrap();
    let accounts = [first, Account::new(second.id.as_str(), 0), Account::new("bal_managed_acme", 0)];
    let held = Mutex::new([0_i64; 3]);
    let spent = Mutex::new([0_i64; 3]);
    std::thread::scope(|scope| {
        for number in 0..NODES {
            let (store, accounts, held, spent) = (store.clone(), &accounts, &held, &spent);
            scope.spawn(move || {
                let (node, mut dice, mut mine) = (format!("node-{number}"), Dice(number * 7919 + 1), [0_i64; 3]);
                for round in 0..ROUNDS {
                    let mut asks: Vec<_> =
                        accounts.iter().map(|account| ask(account, dice.roll(60), dice.roll(200))).collect();
                    asks.rotate_left(number as usize % 3);
                    for (grant, ask) in store.grant(&node, &asks).unwrap().into_iter().zip(&asks) {
                        assert_eq!(grant.account, ask.account);
                        assert!(grant.granted == 0 || (ask.least..=ask.most).contains(&grant.granted));
                        assert!(grant.settled + grant.leased <= grant.limit, "{grant:?}");
                        let at = accounts.iter().position(|account| *account == grant.account).unwrap();
                        mine[at] += grant.granted;
                    }
                    let at = dice.roll(3) as usize;
                    let part = dice.roll(mine[at] as u64 + 1);
                    mine[at] -= part;
                    if dice.roll(4) == 0 {
                        let posting =
                            Posting { charges: vec![charge(&accounts[at], part, false)], ..Posting::default() };
                        store.post(&node, &posting).unwrap();
                        spent.lock().unwrap()[at] += part;
                    } else {
                        store.give_back(&node, &[(accounts[at].clone(), part)]).unwrap();
                    }
                    let standing = store.standing(&accounts[round as usize % 3].id, 0).unwrap();
                    assert!(standing.settled + standing.leased <= standing.limit, "{standing:?}");
                }
                held.lock().unwrap().iter_mut().zip(mine).for_each(|(all, mine)| *all += mine);
            });
        }
    });
    let (held, spent) = (held.into_inner().unwrap(), spent.into_inner().unwrap());
    for (at, account) in accounts.iter().enumerate() {
        assert_eq!(stands(&store, account), (spent[at], held[at]));
    }
}

pub(crate) fn an_account_that_is_gone_lends_nothing(database: &Database) {
    let (store, account) = with_budget(database, 100);
    assert_eq!(lend(&store, "n", &account, 1, 10).granted, 10);
    store.remove_budget(&OPERATOR, "acme", &account.id).unwrap();
    let grant = lend(&store, "n", &account, 1, 10);
    assert_eq!((grant.granted, grant.limit, grant.leased), (0, 0, 10));
    for never in ["bud_nowhere", "bal_managed_nobody", "", "x"] {
        let grant = lend(&store, "n", &Account::new(never, 0), 0, 10);
        assert_eq!((grant.granted, grant.limit), (0, 0));
    }
    // It is gone, but what was spent is written down.
    store.post("n", &spend(&account, 4, 0, 1)).unwrap();
    assert_eq!(lend(&store, "n", &account, 1, 10).settled, 4);
    assert_eq!(store.standing(&account.id, 0), Err(StoreError::NotFound));
}

pub(crate) fn a_grant_is_at_least_the_least(database: &Database) {
    let (store, account) = with_budget(database, 100);
    assert_eq!(lend(&store, "n", &account, 101, 200).granted, 0);
    assert_eq!(lend(&store, "n", &account, 50, 90).granted, 90);
    assert_eq!(lend(&store, "n", &account, 11, 20).granted, 0);
    assert_eq!(lend(&store, "n", &account, 10, 20).granted, 10);
    assert_eq!(lend(&store, "n", &account, 0, 20).granted, 0);
    assert_eq!(lend(&store, "n", &account, i64::MIN, -5).granted, 0);
    // A node cannot return more than it holds, nor less than nothing.
    store.give_back("m", &[(account.clone(), 50)]).unwrap();
    store.give_back("n", &[(account.clone(), -50)]).unwrap();
    assert_eq!(stands(&store, &account), (0, 100));
    store.give_back("n", &[(account.clone(), 500)]).unwrap();
    assert_eq!(stands(&store, &account), (0, 0));
    // A limit that was lowered below what is out lends nothing more.
    lend(&store, "n", &account, 1, 60);
    let lower = Budget { id: account.id.to_string(), ..budget("acme", 50) };
    store.change_budget(&OPERATOR, &lower).unwrap();
    let grant = lend(&store, "n", &account, 0, 1);
    assert_eq!((grant.granted, grant.limit, grant.leased), (0, 50, 60));
}

pub(crate) fn a_posting_counts_once(database: &Database) {
    let (store, account) = with_budget(database, 100);
    lend(&store, "n", &account, 1, 30);
    let posting = spend(&account, 20, 0, 5);
    store.post("n", &posting).unwrap();
    assert!(matches!(store.post("n", &posting), Err(StoreError::Conflict(_))));
    assert!(matches!(store.post("n", &spend(&account, 1, 6, 7)), Err(StoreError::Conflict(_))));
    assert_eq!(stands(&store, &account), (20, 10));
    assert_eq!(store.posted("n").unwrap().into_iter().collect::<Vec<_>>(), [("a".to_owned(), 5)]);
    store.post("n", &spend(&account, 15, 5, 6)).unwrap();
    // More than was lent is written down all the same.
    assert_eq!(stands(&store, &account), (35, 0));
    // Another node's log of the same name is another log.
    store.post("m", &spend(&account, 1, 0, 1)).unwrap();
    assert_eq!(stands(&store, &account), (36, 0));
    assert!(matches!(store.post("n", &spend(&account, -1, 6, 7)), Err(StoreError::Invalid { .. })));
    // A part that fails takes the whole with it.
    let mut half = spend(&account, 1, 6, 7);
    half.posted.push(Posted { log: "b".into(), from: 1, next: 2 });
    assert!(matches!(store.post("n", &half), Err(StoreError::Conflict(_))));
    assert_eq!((stands(&store, &account), store.posted("n").unwrap()["a"]), ((36, 0), 6));
}

pub(crate) fn what_a_dead_run_held_counts_until_it_is_buried(database: &Database) {
    let (store, account) = with_budget(database, 100);
    let start = store.take_node("n", "boot-1", 1).unwrap();
    assert_eq!((start.epoch, start.same_boot, start.dead), (1, false, 0));
    lend(&store, "n", &account, 1, 60);
    let start = store.take_node("n", "boot-1", 2).unwrap();
    assert_eq!((start.epoch, start.same_boot, start.dead), (2, true, 60));
    assert_eq!(lend(&store, "n", &account, 1, 100).granted, 40);
    // Its old log says that 25 of it were spent.
    let posting =
        Posting { charges: vec![charge(&account, 25, true), charge(&account, 5, false)], ..Posting::default() };
    store.post("n", &posting).unwrap();
    assert_eq!(stands(&store, &account), (30, 70));
    assert_eq!(lend(&store, "m", &account, 1, 1).granted, 0);
    store.bury("n").unwrap();
    assert_eq!(stands(&store, &account), (30, 35));
    let start = store.take_node("n", "boot-2", 3).unwrap();
    assert_eq!((start.epoch, start.same_boot, start.dead), (3, false, 35));
    store.see_node("n", 9).unwrap();
    assert_eq!(store.see_node("never", 9), Err(StoreError::NotFound));
    let nodes = store.nodes().unwrap();
    assert_eq!((nodes.len(), nodes[0].epoch, nodes[0].boot.as_str(), nodes[0].seen_ms), (1, 3, "boot-2", 9));
}

pub(crate) fn what_is_written_off_is_spent(database: &Database) {
    let (store, account) = with_budget(database, 100);
    store.take_node("n", "b", 1).unwrap();
    lend(&store, "n", &account, 1, 30);
    store.take_node("n", "b", 1).unwrap();
    lend(&store, "n", &account, 1, 20);
    lend(&store, "m", &account, 1, 10);
    store.write_off("n").unwrap();
    assert_eq!(stands(&store, &account), (50, 10));
    store.write_off("n").unwrap();
    assert_eq!(stands(&store, &account), (50, 10));
    assert_eq!(store.take_node("n", "b", 1).unwrap().dead, 0);
}

pub(crate) fn nodes_that_post_at_once_lose_nothing(database: &Database) {
    const NODES: u64 = 6;
    const ROUNDS: u64 = 10;
    let (store, account) = with_budget(database, i64::MAX);
    let other = Account::new("bal_byok_acme", 0);
    store.top_up(&OPERATOR, "acme", BalanceKind::Byok, 1, "", "k", 1).unwrap();
    std::thread::scope(|scope| {
        for number in 0..NODES {
            let (store, account, other) = (store.clone(), &account, &other);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let mut posting = spend(account, 3, round, round + 1);
                    posting.charges.push(charge(other, 2, false));
                    // Each in another order.
                    posting.charges.rotate_left((number % 2) as usize);
                    store.post(&format!("node-{number}"), &posting).unwrap();
                }
            });
        }
    });
    let rounds = (NODES * ROUNDS) as i64;
    assert_eq!((stands(&store, &account).0, stands(&store, &other).0), (3 * rounds, 2 * rounds));
}

pub(crate) fn a_new_window_is_whole(database: &Database) {
    const NOON: i64 = 1_795_262_400;
    let store = database.open();
    store.create_tenant(&OPERATOR, tenant("acme")).unwrap();
    let cap = store.create_budget(&OPERATOR, Budget { period: Period::Day, ..budget("acme", 100) }).unwrap();
    let today = Account::new(cap.id.as_str(), window_of(Period::Day, NOON));
    let tomorrow = Account::new(cap.id.as_str(), window_of(Period::Day, NOON + 86_400));
    assert_eq!(lend(&store, "n", &today, 1, 100).granted, 100);
    assert_eq!(lend(&store, "n", &tomorrow, 1, 100).granted, 100);
    let standing = store.budget_standing(&scope("acme"), "acme", &cap.id, NOON).unwrap();
    assert_eq!((standing.window, standing.limit, standing.leased), (today.window, 100, 100));
    let later = store.budget_standing(&scope("acme"), "acme", &cap.id, NOON + 2 * 86_400).unwrap();
    assert_eq!((later.settled, later.leased), (0, 0));
}

pub(crate) fn an_operation_that_is_asked_again_is_done_once(database: &Database) {
    let (store, account) = with_budget(database, 100);
    store.take_node("n", "boot", 0).unwrap();
    let asks = [ask(&account, 1, 40)];
    let first = store.lend("n", 1, &asks).unwrap();
    assert_eq!((first[0].granted, store.lend("n", 1, &asks).unwrap()), (40, first));
    assert_eq!(stands(&store, &account), (0, 40));
    for _ in 0..3 {
        store.take_back("n", 2, &[(account.clone(), 15)]).unwrap();
        assert_eq!(stands(&store, &account), (0, 25));
    }
    // Another node's operations are its own, and a new run counts anew.
    assert_eq!(store.lend("m", 2, &asks).unwrap()[0].granted, 40);
    store.take_node("n", "boot", 0).unwrap();
    assert_eq!(store.lend("n", 1, &[ask(&account, 1, 50)]).unwrap()[0].granted, 35);
    assert_eq!(stands(&store, &account), (0, 100));
}
