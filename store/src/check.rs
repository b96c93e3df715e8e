//! What may be stored: pure checks of what comes from outside. Each says what to write instead.

use crate::error::StoreError;
use crate::types::{Bindings, Covers, Scope};

type Checked = Result<(), StoreError>;

pub(crate) const NAME_MAX: usize = 200;
const EMAIL_MAX: usize = 254;
const URL_MAX: usize = 2000;
const BINDINGS_MAX: usize = 64 * 1024;
/// The most that one page of a list holds.
const PAGE_MAX: usize = 1000;

/// What lies outside the scope does not exist, whatever else is wrong with the request.
pub(crate) fn within(scope: &Scope, tenant: &str) -> Checked {
    if scope.sees(tenant) { Ok(()) } else { Err(StoreError::NotFound) }
}

pub(crate) fn operator(scope: &Scope) -> Checked {
    if *scope == Scope::Operator { Ok(()) } else { Err(StoreError::NotFound) }
}

/// Lower-case letters, digits and `-`, at most 63, a letter or digit at both ends.
pub(crate) fn tenant_id(id: &str) -> Checked {
    let allowed = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !id.is_empty() && id.len() <= 63 && allowed && !id.starts_with('-') && !id.ends_with('-') {
        return Ok(());
    }
    Err(StoreError::invalid(
        "the id of the tenant",
        "write 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end",
    ))
}

/// Eight letters and digits.
pub(crate) fn key_id(id: &str) -> Checked {
    if id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(StoreError::invalid("the id of the key", "take the eight letters and digits after the prefix of the key"))
}

/// A text for people: nothing that PostgreSQL cannot store, and not a novel.
pub(crate) fn text(what: &str, text: &str, max: usize) -> Checked {
    if text.contains('\0') {
        return Err(StoreError::invalid(format!("{what} holds the character NUL"), "leave it out"));
    }
    if text.chars().count() > max {
        return Err(StoreError::invalid(format!("{what} is too long"), format!("write at most {max} characters")));
    }
    Ok(())
}

pub(crate) fn name(name: &str) -> Checked {
    text("the name", name, NAME_MAX)
}

pub(crate) fn some(what: &str, given: &str, max: usize) -> Checked {
    if given.is_empty() {
        return Err(StoreError::invalid(format!("{what} is empty"), "write something"));
    }
    text(what, given, max)
}

pub(crate) fn email(email: &str) -> Checked {
    text("the e-mail address", email, EMAIL_MAX)?;
    let plain = !email.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    match email.rsplit_once('@') {
        Some((who, place)) if plain && !who.is_empty() && !place.is_empty() => Ok(()),
        _ => Err(StoreError::invalid("the e-mail address", "write it as name@example.com")),
    }
}

pub(crate) fn url(url: Option<&str>) -> Checked {
    url.map_or(Ok(()), |url| some("the base URL", url, URL_MAX))
}

pub(crate) fn bindings(bindings: &Bindings) -> Checked {
    let Bindings { models, providers, ips, tags } = bindings;
    let all = [models.as_deref(), providers.as_deref(), ips.as_deref(), Some(tags)].into_iter().flatten().flatten();
    let mut length = 0;
    for one in all {
        some("a binding", one, NAME_MAX)?;
        length += one.len();
    }
    if length > BINDINGS_MAX {
        return Err(StoreError::invalid("the bindings are too many", "use wildcards"));
    }
    Ok(())
}

pub(crate) fn covers(covers: &Covers) -> Checked {
    match covers {
        Covers::Tenant => Ok(()),
        Covers::Key(id) | Covers::Member(id) => some("the id of what the budget covers", id, NAME_MAX),
        Covers::Tag(tag) => some("the tag", tag, NAME_MAX),
    }
}

pub(crate) fn not_negative(what: &str, nano: i64) -> Checked {
    if nano >= 0 { Ok(()) } else { Err(StoreError::invalid(format!("{what} is negative"), "write 0 or more")) }
}

/// A page's size as the database wants it.
pub(crate) fn page(limit: usize) -> Result<i64, StoreError> {
    match i64::try_from(limit) {
        Ok(size) if (1..=PAGE_MAX).contains(&limit) => Ok(size),
        _ => Err(StoreError::invalid("the size of the page", format!("write 1 to {PAGE_MAX}"))),
    }
}

/// `2026-11-21`.
pub(crate) fn day(day: &str) -> Checked {
    let parts: Vec<&str> = day.split('-').collect();
    if let [year, month, date] = parts[..]
        && number(year, 4).is_some()
        && matches!(number(month, 2), Some(1..=12))
        && matches!(number(date, 2), Some(1..=31))
    {
        return Ok(());
    }
    Err(StoreError::invalid("the day", "write it as 2026-11-21"))
}

/// `2026-11`.
pub(crate) fn month(month: &str) -> Checked {
    if day(&format!("{month}-01")).is_ok() {
        return Ok(());
    }
    Err(StoreError::invalid("the month", "write it as 2026-11"))
}

fn number(digits: &str, length: usize) -> Option<u16> {
    let plain = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_tenant_is_safe_in_paths_and_logs() {
        for good in ["a", "acme", "acme-2", "0", &"a".repeat(63)] {
            assert_eq!(tenant_id(good), Ok(()), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a/b", "ä", "a b", "a\0", "..", &"a".repeat(64)] {
            assert!(tenant_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn days_and_months_are_written_one_way() {
        assert_eq!((day("2026-11-21"), month("2026-11")), (Ok(()), Ok(())));
        for bad in ["", "2026-1-1", "2026-13-01", "2026-00-01", "2026-11-32", "26-11-21", "2026-11-21T", "+026-11-21"] {
            assert!(day(bad).is_err(), "{bad}");
        }
        assert!(month("2026-11-21").is_err() && month("2026").is_err());
    }
}
