//! Ids of tool calls, within what each vendor takes.

use std::borrow::Cow;

use super::accent::Ids;

/// OpenAI's longest.
const LONGEST: usize = 40;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A call's id. The same id always becomes the same, and different ids stay different.
pub(super) fn call_id(ids: Ids, id: &str) -> Cow<'_, str> {
    match ids {
        Ids::Short if id.chars().count() > LONGEST => {
            let begin: String = id.chars().take(LONGEST - 17).collect();
            Cow::Owned(format!("{begin}_{:016x}", hash(id)))
        }
        Ids::Nine if id.len() != 9 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            Cow::Owned(nine(hash(id)))
        }
        Ids::Free | Ids::Short | Ids::Nine => Cow::Borrowed(id),
    }
}

/// FNV-1a: telling apart is all that is wanted of it.
fn hash(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

fn nine(mut number: u64) -> String {
    let digit = |number: &mut u64| {
        let place = usize::try_from(*number % 62).expect("less than 62");
        *number /= 62;
        char::from(ALPHABET[place])
    };
    (0..9).map(|_| digit(&mut number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistral_gets_nine_letters_and_digits_and_its_own_ids_stay() {
        assert_eq!(call_id(Ids::Nine, "aB3dE6gH9"), "aB3dE6gH9");
        let ids = ["", "call_1", "call_2", "toolu_01A", "call-1-A-", "é", "aaaaaaaaaa"];
        let written: Vec<_> = ids.iter().map(|id| call_id(Ids::Nine, id)).collect();
        for (id, written) in ids.iter().zip(&written) {
            assert!(written.len() == 9 && written.bytes().all(|b| b.is_ascii_alphanumeric()), "{id}: {written}");
            assert_eq!(*written, call_id(Ids::Nine, id));
        }
        assert_eq!(written.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len());
    }

    #[test]
    fn openai_gets_at_most_forty_characters() {
        let (a, b) = ("é".repeat(50), "é".repeat(51));
        assert_eq!(call_id(Ids::Short, &a).chars().count(), LONGEST);
        assert_ne!(call_id(Ids::Short, &a), call_id(Ids::Short, &b));
        assert_eq!(call_id(Ids::Short, &a[..80]), a[..80]);
        assert_eq!(call_id(Ids::Free, &a), a);
    }
}
