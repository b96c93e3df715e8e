//! The log opened, written, closed, opened again.

use super::*;
use crate::prices::{Listed, PriceList, Tiered};
use crate::record::{Attempt, Cost, Leaf, Record, Usage};
use crate::scratch::Scratch;
use crate::totals::Totals;

const HOUR_US: u64 = 3_600_000_000;

fn settings(data: &Path, now: u64) -> Settings {
    Settings {
        data: data.to_owned(),
        mode: Mode::Strict,
        retention: Retention::default(),
        segment_bytes: 1 << 20,
        clock: Arc::new(move || now),
        witnesses: None,
        software: "test".to_owned(),
        on_failure: Box::new(|what| panic!("{what}")),
    }
}

fn record(id: &str) -> Vec<u8> {
    let record =
        Record { id: id.into(), key: "k".into(), outcome: "answered".into(), surface: "s".into(), ..Record::default() };
    crate::canonical::write(&record)
}

fn detail() -> Detail {
    Detail { subject: "ann".to_owned(), salt: [1; 32], json: b"{}".to_vec() }
}

fn kinds(shelf: &Shelf) -> Vec<Kind> {
    let mut kinds = Vec::new();
    let size = shelf.hashes().expect("a size");
    shelf
        .each_leaf(0, size, &mut |_, line| {
            kinds.push(serde_json::from_slice::<Leaf<'_>>(line.unwrap_or_default())?.kind);
            Ok(())
        })
        .expect("readable");
    kinds
}

#[test]
fn what_was_begun_and_never_ended_is_lost_and_what_ended_is_there_once() {
    let scratch = Scratch::new();
    let audit = Audit::open(settings(scratch.path(), 5)).expect("opened");
    let log = audit.log_of("acme").expect("a log");
    for i in 0..100 {
        audit.begin(log, [i; 16], record("begun"));
        if i != 7 {
            audit.end(log, [i; 16], record("ended"), Some(detail()));
        }
    }
    audit.close();
    drop(audit);
    let again = Audit::open(settings(scratch.path(), 6)).expect("opened again");
    assert_eq!(again.log_of("acme").expect("the same"), log);
    again.close();
    let kinds = kinds(&again.shelf(log));
    assert_eq!(kinds.len(), 101);
    assert_eq!(kinds.iter().filter(|k| **k == Kind::Request).count(), 99);
    assert_eq!(kinds.last(), Some(&Kind::Lost));
    let totals = Totals::load(scratch.path());
    assert_eq!((totals.next(log), totals.logs[&log.to_string()]["1970-01"]["-"].requests), (101, 100));
}

#[test]
fn a_folder_has_one_owner() {
    let scratch = Scratch::new();
    let audit = Audit::open(settings(scratch.path(), 5)).expect("opened");
    assert!(matches!(Audit::open(settings(scratch.path(), 5)), Err(OpenError::InUse(_))));
    audit.close();
}

#[test]
fn a_clock_that_went_back_an_hour_changes_nothing_but_the_times() {
    let scratch = Scratch::new();
    for now in [2 * HOUR_US, HOUR_US, 3 * HOUR_US] {
        let audit = Audit::open(settings(scratch.path(), now)).expect("opened");
        let log = audit.log_of("acme").expect("a log");
        audit.end(log, [1; 16], record("a"), None);
        audit.close();
    }
    let log = log_of_acme(scratch.path());
    let shelf = Shelf::at(scratch.path().join("logs").join(log.to_string()));
    let at = |seq| {
        let line = shelf.leaf(seq).expect("a leaf");
        serde_json::from_slice::<Leaf<'_>>(&line).expect("a leaf").at / HOUR_US
    };
    assert_eq!([at(0), at(1), at(2), at(3)], [2, 2, 2, 3]);
}

fn log_of_acme(data: &Path) -> LogId {
    crate::log_of(data, "acme").expect("readable").expect("a log")
}

#[test]
fn a_changed_leaf_is_not_signed_over() {
    let scratch = Scratch::new();
    let audit = Audit::open(settings(scratch.path(), 5)).expect("opened");
    let log = audit.log_of("acme").expect("a log");
    audit.end(log, [1; 16], record("a"), None);
    audit.close();
    drop(audit);
    let file = Shelf::at(scratch.path().join("logs").join(log.to_string())).leaves(0);
    let text = std::fs::read_to_string(&file).expect("readable");
    std::fs::write(&file, text.replace("answered", "Answered")).expect("written");
    let refused = Audit::open(settings(scratch.path(), 5)).map(drop).expect_err("must not open");
    assert!(refused.to_string().contains("is not the one that was signed"), "{refused}");
}

#[test]
fn a_rotated_key_signs_and_the_old_one_has_said_so() {
    let scratch = Scratch::new();
    let audit = Audit::open(settings(scratch.path(), 5)).expect("opened");
    let log = audit.log_of("acme").expect("a log");
    audit.end(log, [1; 16], record("a"), None);
    let done = crate::ask(scratch.path(), &crate::Deed::RotateKey { by: "ann".to_owned() }).expect("asked");
    audit.close();
    assert!(std::fs::read_to_string(done).expect("an answer").contains("signed by tollgate/"));
    let keys = crate::keyring::verifiers(scratch.path()).expect("keys");
    assert_eq!(keys.len(), 2);
    for log in [LogId::DEPLOYMENT, log] {
        let note = audit.shelf(log).checkpoint().expect("readable").expect("signed");
        crate::note::Checkpoint::open(&note, &keys[1]).expect("by the new key");
    }
}

#[test]
fn what_is_too_old_is_dropped_and_its_hashes_and_totals_stay() {
    const DAY_US: u64 = 24 * HOUR_US;
    let scratch = Scratch::new();
    let data = scratch.path();
    let audit = Audit::open(settings(data, DAY_US)).expect("opened");
    let log = audit.log_of("acme").expect("a log");
    for i in 0..crate::shelf::CHUNK + 10 {
        audit.end(log, u128::from(i + 1).to_le_bytes(), record("a"), (i < 3).then(detail));
    }
    audit.close();
    drop(audit);
    let before = Totals::load(data);
    let retention = Retention { details_days: Some(90), leaves_days: Some(30) };
    let audit = Audit::open(Settings { retention, ..settings(data, 200 * DAY_US) }).expect("opened");
    audit.close();
    let shelf = audit.shelf(log);
    drop(audit);
    assert!(!shelf.leaves(0).exists() && !shelf.details(0).exists() && shelf.leaves(1).exists());
    let last = serde_json::from_slice::<Leaf<'_>>(&shelf.leaf(shelf.signed().expect("signed") - 1).expect("a leaf"))
        .map(|leaf| leaf.kind);
    assert_eq!(last.expect("a leaf"), Kind::Purge);
    crate::verify(data, &crate::Kept::default()).expect("it still holds");
    let export = data.join("export");
    crate::export(data, &export, true).expect("exported");
    crate::verify(&export, &crate::Kept::default()).expect("the export holds");
    crate::forget_projections(data).expect("forgotten");
    Audit::open(settings(data, 200 * DAY_US)).expect("opened").close();
    let after = Totals::load(data);
    assert_eq!(before.logs, after.logs, "what was dropped is still counted");
    assert!(shelf.receipt(5).is_err() && shelf.prove_inclusion(5, None).is_ok(), "its hash is still in the tree");
}

#[test]
fn an_erased_subject_is_gone_from_the_folder_and_the_log_says_so() {
    let scratch = Scratch::new();
    let audit = Audit::open(settings(scratch.path(), 5)).expect("opened");
    let log = audit.log_of("acme").expect("a log");
    audit.end(log, [1; 16], record("a"), Some(detail()));
    let bob = Detail { subject: "bob".to_owned(), ..detail() };
    audit.end(log, [2; 16], record("b"), Some(bob));
    let deed = crate::Deed::Erase {
        by: "officer".to_owned(),
        subject: "ann".to_owned(),
        tenant: "acme".to_owned(),
        why: "she asked".to_owned(),
    };
    let done = crate::ask(scratch.path(), &deed).expect("asked");
    audit.close();
    assert_eq!(std::fs::read_to_string(done).expect("an answer"), "erased the details of 1 records");
    drop(audit);
    let audit = Audit::open(settings(scratch.path(), 5)).expect("opened");
    let keys = lock(&audit.keys);
    let open = |seq| keys[&log].open(&audit.shelf(log).sealed_detail(seq).expect("readable").expect("sealed"));
    assert_eq!((open(1).expect("erased"), open(2).expect("kept").is_some()), (None, true));
    drop(keys);
    assert!(kinds(&audit.shelf(log)).contains(&Kind::Erase));
    audit.close();
}

/// A record of a request that the flex tier answered while an attempt at the standard one was under way.
fn raced<'a>(id: &'a str, prices: &'a str) -> Record<'a> {
    let lost = Attempt {
        at_most: Some(100),
        endpoint: "east".into(),
        failed: Some("lost".into()),
        input: Some(100),
        ..Attempt::default()
    };
    Record {
        attempts: vec![Attempt { endpoint: "east".into(), ..Attempt::default() }, lost],
        cost: Some(Cost { input: 50, output: 0 }),
        endpoint: Some("east".into()),
        fee: Some(20),
        id: id.into(),
        outcome: "answered".into(),
        prices: Some(prices.into()),
        race: Some("flex".into()),
        saved: Some(50),
        saving_fee: Some(20),
        tier: Some("flex".into()),
        usage: Some(Usage { input: 100, source: "reported".into(), ..Usage::default() }),
        ..Record::default()
    }
}

/// The export of a log of one race, told otherwise by `change` and signed.
fn export_of_a_race(scratch: &Scratch, change: impl FnOnce(&mut Record<'_>)) -> PathBuf {
    let audit = Audit::open(settings(scratch.path(), 5)).expect("opened");
    let flex = Tiered { input: 500_000, ..Tiered::default() };
    let east = Listed { input: 1_000_000, tiers: [("flex".to_owned(), flex)].into(), ..Listed::default() };
    let prices = audit.keep_prices(&PriceList::new([("east".to_owned(), east)].into())).expect("kept");
    let log = audit.log_of("acme").expect("a log");
    audit.end(log, [1; 16], record("from before there were races"), None);
    let mut record = raced("a race", &prices);
    change(&mut record);
    audit.end(log, [2; 16], crate::canonical::write(&record), None);
    audit.close();
    let export = scratch.path().join("export");
    crate::export(scratch.path(), &export, false).expect("exported");
    export
}

/// What the verifier says of an export.
fn verified(export: &Path) -> Result<(), String> {
    crate::verify(export, &crate::Kept::default()).map(drop).map_err(|wrong| wrong.to_string())
}

#[test]
fn a_race_that_was_told_otherwise_is_found_though_it_was_signed_and_its_leaf_is_named() {
    let scratch = Scratch::new();
    let export = export_of_a_race(&scratch, |_| {});
    assert_eq!(verified(&export), Ok(()), "it was told as it was");
    let sum = Totals::load(&export).logs.values().next().expect("a log")["1970-01"]["-"];
    assert_eq!((sum.at_most, sum.cost, sum.fee, sum.requests), (100, 50, 20, 2));
    let wrong: [(fn(&mut Record<'_>), _); 4] = [
        (|record| record.attempts[1].at_most = Some(99), "the most that attempt 1, at east, may have cost is Some(99)"),
        (|record| record.attempts[1].input = Some(101), "its price list says Some(101)"),
        (|record| record.saved = Some(51), "what its race saved is Some(51), its price list says Some(50)"),
        (|record| record.saving_fee = Some(21), "its fee on what was saved is 21"),
    ];
    for (change, said) in wrong {
        let scratch = Scratch::new();
        let wrong = verified(&export_of_a_race(&scratch, change)).expect_err(said);
        assert!(wrong.contains(", leaf 2: ") && wrong.contains(said), "{wrong}");
    }
}

#[test]
fn totals_are_written_in_one_way_only() {
    let scratch = Scratch::new();
    let export = export_of_a_race(&scratch, |record| record.attempts.clear());
    let path = export.join("totals.json");
    let text = std::fs::read_to_string(&path).expect("readable");
    assert!(!text.contains("at_most"), "{text}");
    std::fs::write(&path, text.replace("{\"cached\"", "{\"at_most\":0,\"cached\"")).expect("written");
    let wrong = verified(&export).expect_err("it is written otherwise");
    assert!(wrong.contains("an `at_most` of 0 is left out"), "{wrong}");
}
