//! The laws of sealing: what opens, what does not, and how keys are rotated.

use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use tollgate_vault::{BadMaster, Context, KEYS_MAX, MasterKeys, OpenError, SealRandom};

const SECRET: &str = "sk-test-0123456789";
const CONTEXT: Context<'_> =
    Context { tenant: "acme", row: "cred_1", version: 3, base_url: "https://api.example.com/v1" };

/// Keys of versions 1 up to this.
fn keys(newest: u8) -> MasterKeys {
    let (mut keys, _) = MasterKeys::generate([1; 32]).expect("a first key");
    for number in 2..=newest {
        keys = keys.with_new([number; 32]).expect("another key").0;
    }
    keys
}

fn random(seed: u8) -> SealRandom {
    SealRandom::new([seed; 32], [seed; 12])
}

fn opened(keys: &MasterKeys, context: Context<'_>, sealed: &[u8]) -> Result<String, OpenError> {
    keys.open(&context, sealed).map(|secret| secret.expose_secret().to_owned())
}

/// 32 bytes as base64: this letter says which.
fn base64(letter: char) -> String {
    format!("{}=", letter.to_string().repeat(42) + "E")
}

proptest! {
    #[test]
    fn what_is_sealed_opens_to_the_same_for_the_same_context(
        tenant in ".{0,20}", row in ".{0,20}", version: i64, base_url in ".{0,40}", secret in ".{0,200}",
        salt: [u8; 32], nonce: [u8; 12],
    ) {
        let keys = keys(2);
        let context = Context { tenant: &tenant, row: &row, version, base_url: &base_url };
        let sealed = keys.seal(&context, secret.as_bytes(), SealRandom::new(salt, nonce));
        prop_assert_eq!(sealed.len(), 1 + 4 + 32 + 12 + secret.len() + 16);
        prop_assert_eq!(opened(&keys, context, &sealed), Ok(secret));
    }

    #[test]
    fn what_was_never_sealed_is_refused_without_a_panic(bytes: Vec<u8>) {
        let keys = keys(1);
        prop_assert!(keys.open(&CONTEXT, &bytes).is_err());
        let _ = keys.needs_resealing(&bytes);
    }

    #[test]
    fn any_text_is_read_as_keys_or_refused_without_being_repeated(text in "(v[0-9]{0,11}:)?[A-Za-z0-9+/=# \n]{0,60}") {
        if let Err(error) = MasterKeys::read(&text) {
            let said = format!("{error} {error:?}");
            let long = text.split_whitespace().filter(|word| word.len() > 14);
            prop_assert!(long.into_iter().all(|word| !said.contains(word)));
        }
    }
}

#[test]
fn a_changed_byte_is_refused_wherever_it_is() {
    let keys = keys(1);
    let sealed = keys.seal(&CONTEXT, SECRET.as_bytes(), random(7));
    for at in 0..sealed.len() {
        for flip in 1..=255 {
            let mut changed = sealed.clone();
            changed[at] ^= flip;
            let error = opened(&keys, CONTEXT, &changed).expect_err("changed");
            let expected = match at {
                0 => OpenError::Malformed,
                1..5 => OpenError::UnknownMaster(u32::from_be_bytes([changed[1], changed[2], changed[3], changed[4]])),
                _ => OpenError::Tampered,
            };
            assert_eq!(error, expected, "byte {at} ^ {flip}");
        }
    }
}

#[test]
fn what_is_cut_or_longer_is_refused() {
    let keys = keys(1);
    let mut sealed = keys.seal(&CONTEXT, SECRET.as_bytes(), random(7));
    for length in 0..sealed.len() {
        let expected = if length < 65 { OpenError::Malformed } else { OpenError::Tampered };
        assert_eq!(opened(&keys, CONTEXT, &sealed[..length]), Err(expected), "{length}");
    }
    sealed.push(0);
    assert_eq!(opened(&keys, CONTEXT, &sealed), Err(OpenError::Tampered));
}

#[test]
fn a_credential_opens_for_its_own_context_only() {
    let keys = keys(1);
    let sealed = keys.seal(&CONTEXT, SECRET.as_bytes(), random(7));
    let others = [
        Context { tenant: "acne", ..CONTEXT },
        Context { tenant: "", ..CONTEXT },
        Context { row: "cred_2", ..CONTEXT },
        Context { version: 2, ..CONTEXT },
        Context { version: -3, ..CONTEXT },
        Context { base_url: "https://api.example.com/v2", ..CONTEXT },
        Context { base_url: "", ..CONTEXT },
    ];
    for other in others {
        assert_eq!(opened(&keys, other, &sealed), Err(OpenError::Tampered), "{other:?}");
    }
    assert_eq!(opened(&keys, CONTEXT, &sealed).as_deref(), Ok(SECRET));
}

#[test]
fn a_letter_that_wanders_from_one_part_to_the_next_makes_another_context() {
    let keys = keys(1);
    let context = |tenant, row, base_url| Context { tenant, row, version: 0, base_url };
    let same_when_joined =
        [context("ab", "c", ""), context("a", "bc", ""), context("abc", "", ""), context("", "", "abc")];
    for one in same_when_joined {
        let sealed = keys.seal(&one, SECRET.as_bytes(), random(7));
        for other in same_when_joined {
            assert_eq!(opened(&keys, other, &sealed).is_ok(), one == other, "{one:?} {other:?}");
        }
    }
}

#[test]
fn after_a_rotation_old_opens_new_seals_and_resealed_outlives_the_old_key() {
    let first = keys(1);
    let old = first.seal(&CONTEXT, SECRET.as_bytes(), random(7));
    let (both, text) = first.with_new([2; 32]).expect("a second key");
    assert_eq!((both.newest(), both.versions().collect::<Vec<_>>()), (2, vec![1, 2]));
    assert_eq!(opened(&both, CONTEXT, &old).as_deref(), Ok(SECRET));
    assert!(both.needs_resealing(&old));

    let new = both.reseal(&CONTEXT, &old, random(8)).expect("resealed");
    assert!(!both.needs_resealing(&new));
    assert_eq!(opened(&first, CONTEXT, &new), Err(OpenError::UnknownMaster(2)));

    let (alone, alone_text) = both.without_old();
    assert_eq!(alone.versions().collect::<Vec<_>>(), [2]);
    assert_eq!(opened(&alone, CONTEXT, &new).as_deref(), Ok(SECRET));
    assert_eq!(opened(&alone, CONTEXT, &old), Err(OpenError::UnknownMaster(1)));

    for (text, opens_old) in [(text, true), (alone_text, false)] {
        let read = MasterKeys::read(text.expose_secret()).expect("what was written");
        assert_eq!(opened(&read, CONTEXT, &new).as_deref(), Ok(SECRET));
        assert_eq!(opened(&read, CONTEXT, &old).is_ok(), opens_old);
    }
}

#[test]
fn resealing_asks_for_the_right_context_too() {
    let keys = keys(1);
    let sealed = keys.seal(&CONTEXT, SECRET.as_bytes(), random(7));
    let other = Context { tenant: "other", ..CONTEXT };
    assert_eq!(keys.reseal(&other, &sealed, random(8)), Err(OpenError::Tampered));
    assert!(keys.needs_resealing(b"") && keys.needs_resealing(&sealed[..60]));
}

#[test]
fn bytes_that_are_no_text_are_sealed_but_not_handed_out() {
    let keys = keys(1);
    let sealed = keys.seal(&CONTEXT, &[0xff, 0xfe], random(7));
    assert_eq!(opened(&keys, CONTEXT, &sealed), Err(OpenError::NotText));
    assert!(keys.reseal(&CONTEXT, &sealed, random(8)).is_ok());
}

/// Written by another implementation (Python's `hmac` and `cryptography`): what is in a database
/// today opens tomorrow.
#[test]
fn the_format_is_the_one_that_is_written_down() {
    let mut master = [0; 32];
    (1..).zip(&mut master).for_each(|(number, byte)| *byte = number);
    let (keys, _) = MasterKeys::generate(master).expect("a key");
    let sealed = keys.seal(&CONTEXT, SECRET.as_bytes(), SealRandom::new([7; 32], [9; 12]));
    let hex: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
    let body = "611f021c4716f0523e14e02a937e42eda36ac365425c984b0405677af0d19596505b";
    assert_eq!(hex, format!("0100000001{}{}{body}", "07".repeat(32), "09".repeat(12)));
}

#[test]
fn each_draw_is_another() {
    let keys = keys(1);
    let seal = || keys.seal(&CONTEXT, SECRET.as_bytes(), SealRandom::draw().expect("randomness"));
    let (one, other) = (seal(), seal());
    assert_ne!(one[5..37], other[5..37]);
    assert_ne!(one[37..49], other[37..49]);
    assert_ne!(one[49..], other[49..]);
}

#[test]
fn keys_are_read_from_lines_and_from_a_bare_key() {
    let lines = format!("# ours\n\n  v2:{}  \r\nv10: {}\r\n\tv9:{}\n", base64('B'), base64('C'), base64('D'));
    let keys = MasterKeys::read(&lines).expect("three keys");
    assert_eq!((keys.newest(), keys.versions().collect::<Vec<_>>()), (10, vec![2, 9, 10]));
    let bare = MasterKeys::read(&format!("# one\n{}\n", base64('B'))).expect("a bare key");
    assert_eq!(bare.versions().collect::<Vec<_>>(), [1]);
    let sealed = bare.seal(&CONTEXT, SECRET.as_bytes(), random(7));
    let named = MasterKeys::read(&format!("v1:{}", base64('B'))).expect("the same by its name");
    assert_eq!(opened(&named, CONTEXT, &sealed).as_deref(), Ok(SECRET));
}

#[test]
fn what_is_no_ring_of_keys_is_refused_with_its_line() {
    let (b, c) = (base64('B'), base64('C'));
    let zeros = format!("{}=", "A".repeat(43));
    let many: String = (0..=KEYS_MAX).map(|n| format!("v{}:{}{:02}E=\n", n + 1, "B".repeat(40), n)).collect();
    let cases = [
        (String::new(), BadMaster::Empty),
        ("# nothing\n\n".to_owned(), BadMaster::Empty),
        (format!("v1:{b}\n{c}"), BadMaster::Line { line: 2 }),
        (format!("{b}\nv2:{c}"), BadMaster::Line { line: 1 }),
        (format!("{b}\n{c}"), BadMaster::Line { line: 1 }),
        (format!("1:{b}"), BadMaster::Line { line: 1 }),
        (format!("\n#\nv0:{b}"), BadMaster::Version { line: 3 }),
        (format!("v01:{b}"), BadMaster::Version { line: 1 }),
        (format!("v+1:{b}"), BadMaster::Version { line: 1 }),
        (format!("v-1:{b}"), BadMaster::Version { line: 1 }),
        (format!("v:{b}"), BadMaster::Version { line: 1 }),
        (format!("v4294967296:{b}"), BadMaster::Version { line: 1 }),
        ("v1:".to_owned(), BadMaster::Length { line: 1 }),
        ("v1:AAAA".to_owned(), BadMaster::Length { line: 1 }),
        (format!("v1:{}", &b[..43]), BadMaster::Length { line: 1 }),
        (format!("v1:{b}{b}"), BadMaster::Length { line: 1 }),
        (format!("v1:{}", "B".repeat(44)), BadMaster::Length { line: 1 }),
        (format!("v1:{}", "!".repeat(44)), BadMaster::Length { line: 1 }),
        (zeros.clone(), BadMaster::Zero { version: 1 }),
        (format!("v1:{b}\nv7:{zeros}"), BadMaster::Zero { version: 7 }),
        (format!("v3:{b}\nv3:{c}"), BadMaster::SameVersion { version: 3 }),
        (format!("v3:{b}\nv2:{b}"), BadMaster::SameKey { one: 2, other: 3 }),
        (many, BadMaster::TooMany),
    ];
    for (text, expected) in cases {
        let error = MasterKeys::read(&text).expect_err(&format!("{expected:?}"));
        assert_eq!(error, expected);
        assert!(!error.to_string().contains(&b) && !error.to_string().contains("AAAA"), "{error}");
    }
}

#[test]
fn a_new_key_is_new_and_has_a_version_left() {
    assert_eq!(MasterKeys::generate([0; 32]).expect_err("zeros"), BadMaster::Zero { version: 1 });
    let first = keys(1);
    assert_eq!(first.with_new([0; 32]).expect_err("zeros"), BadMaster::Zero { version: 2 });
    assert_eq!(first.with_new([1; 32]).expect_err("the same"), BadMaster::SameKey { one: 1, other: 2 });
    let last = MasterKeys::read(&format!("v4294967295:{}", base64('B'))).expect("the last version");
    assert_eq!(last.with_new([2; 32]).expect_err("no number"), BadMaster::NoVersionLeft);
    assert_eq!(keys(KEYS_MAX as u8).with_new([200; 32]).expect_err("full"), BadMaster::TooMany);
}

#[test]
fn nothing_shows_a_secret_or_a_key() {
    let (keys, text) = MasterKeys::read(&format!("v1:{}", base64('B')))
        .and_then(|keys| keys.with_new(*b"SECRETSECRETSECRETSECRETSECRETSE"))
        .expect("two keys");
    assert_eq!(format!("{keys:?}"), "MasterKeys { versions: [1, 2], .. }");
    let sealed = keys.seal(&CONTEXT, SECRET.as_bytes(), random(7));
    let secret: Result<SecretString, OpenError> = keys.open(&CONTEXT, &sealed);
    let wrong = keys.open(&Context { row: "x", ..CONTEXT }, &sealed);
    let shown = format!("{keys:?} {keys:#?} {text:?} {secret:?} {wrong:?} {:?} {CONTEXT:?}", random(66));
    for hidden in [SECRET, "SECRETSECRET", &base64('B')[..10], "U0VDUkVU", "66", "83, 69, 67"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
    assert!(sealed.windows(6).all(|part| part != b"sk-tes"));
}
