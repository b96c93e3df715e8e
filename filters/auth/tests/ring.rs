//! The laws of the ring, seen from outside: whom it knows, whom it refuses, and what it pays.

use std::sync::Arc;

use proptest::prelude::*;
use tollgate_api::{Caller, Code};
use tollgate_auth::{
    Algorithm, Check, Cost, DuplicateKey, KEY_LEN, KeyError, KeyRing, Kind, Malformed, NewKey, Pepper, SlowCheck,
    StoredKey,
};

const SEED: [u8; 32] = [5; 32];

fn bcrypt() -> Algorithm {
    Algorithm::Bcrypt(Cost::try_from(4).expect("the least cost"))
}

/// A key and what is stored of it. Keys of the same `id` differ in their secret.
fn issue(id: u8, secret: u8, kind: Kind, algorithm: Algorithm) -> (NewKey, StoredKey) {
    let mut random = [secret; 40];
    random[32..].fill(id);
    let new = NewKey::generate(kind, random);
    let hash = new.hash(algorithm, [id; 16], &Pepper::none());
    let stored = StoredKey { id: new.id(), kind, tenant: "acme".into(), name: "ci".into(), hash, revoked: false };
    (new, stored)
}

fn inference(id: u8, secret: u8, algorithm: Algorithm) -> (NewKey, StoredKey) {
    issue(id, secret, Kind::Inference, algorithm)
}

fn named(keys: &[&StoredKey]) -> Vec<(StoredKey, Caller)> {
    keys.iter().map(|key| ((*key).clone(), key.caller())).collect()
}

fn ring(keys: &[&StoredKey]) -> KeyRing {
    KeyRing::new(SEED, Pepper::none(), named(keys)).expect("no id twice")
}

/// Asks the ring and runs the slow check at once where there is one.
fn ask(ring: &KeyRing, text: impl AsRef<[u8]>) -> Result<Arc<Caller>, KeyError> {
    match ring.verify(Kind::Inference, text.as_ref()) {
        Check::Known(caller) => Ok(caller),
        Check::Refused(error) => Err(error),
        Check::Slow(check) => check.run(),
    }
}

fn slow(ring: &KeyRing, key: &NewKey) -> SlowCheck {
    match ring.verify(Kind::Inference, key.reveal().as_bytes()) {
        Check::Slow(check) => check,
        other => panic!("expected a slow check, got {other:?}"),
    }
}

fn is_known(ring: &KeyRing, key: &NewKey) -> bool {
    matches!(ring.verify(Kind::Inference, key.reveal().as_bytes()), Check::Known(_))
}

#[test]
fn a_key_is_known_by_its_whole_text_whatever_it_is_stored_as() {
    for algorithm in [Algorithm::Sha256, bcrypt()] {
        let (key, stored) = inference(1, 1, algorithm);
        let ring = ring(&[&stored]);
        for _ in 0..3 {
            assert_eq!(ask(&ring, key.reveal()).as_deref(), Ok(&stored.caller()));
        }
    }
}

#[test]
fn why_a_key_is_refused_is_told_apart_for_the_log_and_not_to_the_client() {
    let (key, stored) = inference(1, 1, Algorithm::Sha256);
    let (gone, mut revoked) = inference(2, 2, Algorithm::Sha256);
    revoked.revoked = true;
    let (stranger, _) = inference(3, 3, Algorithm::Sha256);
    let (thief, _) = inference(1, 4, Algorithm::Sha256);
    let (manager, management) = issue(4, 4, Kind::Management, Algorithm::Sha256);
    let ring = ring(&[&stored, &revoked, &management]);
    let cases = [
        (&key.reveal()[1..], KeyError::Malformed(Malformed::Length(KEY_LEN - 1)), "malformed"),
        (gone.reveal(), KeyError::Revoked, "revoked"),
        (stranger.reveal(), KeyError::Unknown, "unknown"),
        (thief.reveal(), KeyError::WrongSecret, "wrong_secret"),
        (manager.reveal(), KeyError::WrongKind(Kind::Management), "wrong_kind"),
    ];
    for (text, error, word) in cases {
        assert_eq!(ask(&ring, text), Err(error));
        assert_eq!(error.as_str(), word);
        assert_eq!(error.refusal(), KeyError::Unknown.refusal());
        assert_eq!(error.refusal().code, Code::InvalidKey);
    }
}

#[test]
fn a_prefix_cannot_be_traded_for_another_kind() {
    // The same id and secret, made anew as a management key: well-formed, and yet no key of ours.
    let (_, stored) = inference(1, 1, Algorithm::Sha256);
    let (forged, _) = issue(1, 1, Kind::Management, Algorithm::Sha256);
    let check = ring(&[&stored]).verify(Kind::Management, forged.reveal().as_bytes());
    assert!(matches!(check, Check::Refused(KeyError::Unknown)), "{check:?}");
}

#[test]
fn bcrypt_is_paid_once_for_a_key_even_across_reloads() {
    let (key, stored) = inference(1, 1, bcrypt());
    let first = ring(&[&stored]);
    assert!(ask(&first, key.reveal()).is_ok());
    assert!(is_known(&first, &key));
    let renamed = StoredKey { name: "renamed".into(), ..stored.clone() };
    let second = first.renew(named(&[&renamed])).expect("no id twice");
    assert_eq!(ask(&second, key.reveal()).as_deref(), Ok(&renamed.caller()));
    assert_eq!(second.slow_runs(), 1);
}

#[test]
fn a_burst_of_first_requests_costs_one_bcrypt() {
    let (key, stored) = inference(1, 1, bcrypt());
    let ring = ring(&[&stored]);
    let checks: Vec<_> = (0..16).map(|_| slow(&ring, &key)).collect();
    std::thread::scope(|scope| {
        let running: Vec<_> = checks.into_iter().map(|check| scope.spawn(|| check.run().is_ok())).collect();
        assert!(running.into_iter().all(|thread| thread.join().expect("no panic")));
    });
    assert_eq!(ring.slow_runs(), 1);
}

#[test]
fn a_wrong_secret_repeated_costs_one_bcrypt() {
    let (_, stored) = inference(1, 1, bcrypt());
    let (thief, _) = inference(1, 2, bcrypt());
    let ring = ring(&[&stored]);
    let (early, late) = (slow(&ring, &thief), slow(&ring, &thief));
    assert_eq!(early.run(), Err(KeyError::WrongSecret));
    assert_eq!(late.run(), Err(KeyError::WrongSecret));
    let check = ring.verify(Kind::Inference, thief.reveal().as_bytes());
    assert!(matches!(check, Check::Refused(KeyError::WrongSecret)), "{check:?}");
    assert_eq!(ring.slow_runs(), 1);
}

#[test]
fn wrong_secrets_cost_no_bcrypt_once_the_right_one_was_seen() {
    let (key, stored) = inference(1, 1, bcrypt());
    let ring = ring(&[&stored]);
    assert!(ask(&ring, key.reveal()).is_ok());
    for secret in 2..200 {
        let (thief, _) = inference(1, secret, Algorithm::Sha256);
        let check = ring.verify(Kind::Inference, thief.reveal().as_bytes());
        assert!(matches!(check, Check::Refused(KeyError::WrongSecret)), "{check:?}");
    }
    assert_eq!(ring.slow_runs(), 1);
    assert!(is_known(&ring, &key));
}

#[test]
fn wrong_secrets_do_not_lock_out_the_right_one() {
    let (key, stored) = inference(1, 1, bcrypt());
    let ring = ring(&[&stored]);
    for secret in 2..12 {
        let (thief, _) = inference(1, secret, Algorithm::Sha256);
        assert_eq!(ask(&ring, thief.reveal()), Err(KeyError::WrongSecret));
    }
    assert!(ask(&ring, key.reveal()).is_ok());
}

#[test]
fn revoking_takes_effect_with_the_new_ring_whatever_was_remembered() {
    for algorithm in [Algorithm::Sha256, bcrypt()] {
        let (key, mut stored) = inference(1, 1, algorithm);
        let first = ring(&[&stored]);
        assert!(ask(&first, key.reveal()).is_ok());
        stored.revoked = true;
        let second = first.renew(named(&[&stored])).expect("no id twice");
        assert_eq!(ask(&second, key.reveal()), Err(KeyError::Revoked));
        let third = second.renew(named(&[])).expect("no id twice");
        assert_eq!(ask(&third, key.reveal()), Err(KeyError::Unknown));
        assert!(third.is_empty());
    }
}

#[test]
fn a_key_whose_stored_hash_changed_is_proven_anew() {
    let (old_key, old) = inference(1, 1, Algorithm::Sha256);
    let (new_key, new) = inference(1, 2, Algorithm::Sha256);
    let first = ring(&[&old]);
    assert!(ask(&first, old_key.reveal()).is_ok());
    let second = first.renew(named(&[&new])).expect("no id twice");
    assert_eq!(ask(&second, old_key.reveal()), Err(KeyError::WrongSecret));
    assert!(ask(&second, new_key.reveal()).is_ok());
}

#[test]
fn another_pepper_makes_keys_invalid() {
    let (key, stored) = inference(1, 1, Algorithm::Sha256);
    let ring = KeyRing::new(SEED, Pepper::new(b"another"), named(&[&stored])).expect("no id twice");
    assert_eq!(ask(&ring, key.reveal()), Err(KeyError::WrongSecret));
}

#[test]
fn two_keys_of_one_id_are_refused_by_name() {
    let (_, one) = inference(1, 1, Algorithm::Sha256);
    let (_, two) = inference(1, 2, Algorithm::Sha256);
    assert_eq!(KeyRing::new(SEED, Pepper::none(), named(&[&one, &two])).err(), Some(DuplicateKey(one.id)));
}

#[test]
fn nothing_prints_a_secret() {
    let (key, stored) = inference(1, 1, bcrypt());
    let ring = ring(&[&stored]);
    let check = ring.verify(Kind::Inference, key.reveal().as_bytes());
    let read = tollgate_auth::parse(key.reveal().as_bytes());
    let error = tollgate_auth::parse(&key.reveal().as_bytes()[..61]);
    let pepper = Pepper::new(key.reveal().as_bytes());
    let printed = format!("{key:?} {read:?} {error:?} {stored:?} {pepper:?} {ring:?} {check:?}");
    let secret = &key.reveal()[13..];
    for window in secret.as_bytes().windows(8) {
        let piece = std::str::from_utf8(window).expect("ASCII");
        assert!(!printed.contains(piece), "{printed}");
    }
    assert!(!printed.contains("$2b$"), "{printed}");
    assert!(printed.contains(stored.id.as_str()), "{printed}");
}

#[test]
fn what_is_handed_to_another_thread_may_go_there() {
    fn may_go<X: Send + 'static>() {}
    fn may_be_shared<X: Send + Sync + 'static>() {}
    may_go::<SlowCheck>();
    may_be_shared::<KeyRing>();
}

proptest! {
    #[test]
    fn no_changed_key_is_ever_known(at in 0..KEY_LEN, to: u8, also_at in 0..KEY_LEN, also_to: u8) {
        let (key, stored) = inference(1, 1, Algorithm::Sha256);
        let ring = ring(&[&stored]);
        let mut text = key.reveal().as_bytes().to_vec();
        text[at] = to;
        text[also_at] = also_to;
        prop_assert_eq!(ask(&ring, &text).is_ok(), text == key.reveal().as_bytes());
        prop_assert!(ask(&ring, key.reveal()).is_ok());
        prop_assert_eq!(ask(&ring, &text).is_ok(), text == key.reveal().as_bytes());
    }
}

/// Run with `cargo test --release -p tollgate-auth -- --ignored --nocapture nanoseconds`.
#[test]
#[ignore = "a measurement, not a law"]
#[expect(clippy::print_stdout, reason = "the figures are its purpose")]
fn nanoseconds_of_a_verification() {
    const ROUNDS: u32 = 1_000_000;
    let keys: Vec<_> = (0..=255).map(|id| inference(id, 1, Algorithm::Sha256)).collect();
    let ring = ring(&keys.iter().map(|(_, stored)| stored).collect::<Vec<_>>());
    let (thief, _) = inference(7, 2, Algorithm::Sha256);
    let typo = format!("{}x", &keys[7].0.reveal()[..KEY_LEN - 1]);
    for (what, text) in [("hit", keys[7].0.reveal()), ("wrong secret", thief.reveal()), ("typing error", &typo)] {
        let started = std::time::Instant::now();
        for _ in 0..ROUNDS {
            let _ = std::hint::black_box(ring.verify(Kind::Inference, std::hint::black_box(text.as_bytes())));
        }
        println!("verify, {what}: {} ns", started.elapsed().as_nanos() / u128::from(ROUNDS));
    }
}

#[test]
fn a_changed_ring_shares_what_stays_and_forgets_what_goes() {
    let (first, first_stored) = inference(1, 1, Algorithm::Sha256);
    let (second, second_stored) = inference(2, 2, bcrypt());
    let (third, third_stored) = inference(3, 3, Algorithm::Sha256);
    let before = ring(&[&first_stored, &second_stored]);
    assert!(ask(&before, second.reveal()).is_ok());
    let revoked = StoredKey { revoked: true, ..first_stored.clone() };
    let after = before.with([
        (first.id(), Some((revoked.clone(), revoked.caller()))),
        (third.id(), Some((third_stored.clone(), third_stored.caller()))),
    ]);
    assert!(is_known(&before, &first), "a request keeps the ring that it began with");
    assert_eq!(ask(&after, first.reveal()).err(), Some(KeyError::Revoked));
    assert!(is_known(&after, &second), "what was proven of a key that stays is not proven again");
    assert!(is_known(&after, &third));
    assert_eq!((after.len(), after.slow_runs()), (3, 1));
    let gone = after.with([(third.id(), None)]);
    assert_eq!(ask(&gone, third.reveal()).err(), Some(KeyError::Unknown));
}
