//! `${VAR}`, `${VAR:-default}` and the escape `$${`, in one scalar. It does not know YAML.

use std::path::Path;

use crate::sources::Sources;

/// Why a scalar could not be filled in. Holds names of variables and files, never a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unfilled {
    pub(crate) what: String,
    pub(crate) remedy: String,
}

/// The text with its variables filled in; `None` when there is nothing to fill in.
///
/// A variable that is not set is looked for in the file that `<VAR>_FILE` names, as container
/// platforms hand out secrets; line breaks at the file's end do not count.
pub(crate) fn fill(text: &str, sources: &dyn Sources) -> Result<Option<String>, Unfilled> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let before = &rest[..at];
        if let Some(before) = before.strip_suffix('$') {
            filled.push_str(before);
            filled.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        filled.push_str(before);
        let (inside, after) = rest[at + 2..].split_once('}').ok_or_else(unclosed)?;
        filled.push_str(&value(inside, sources)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(Some(filled))
}

fn value(inside: &str, sources: &dyn Sources) -> Result<String, Unfilled> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if !is_name(name) {
        return Err(Unfilled {
            what: "`${…}` holds no name of an environment variable".into(),
            remedy: "write `${NAME}` or `${NAME:-default}`; for a literal `${` write `$${`".into(),
        });
    }
    if let Some(value) = lookup(name, sources)?.filter(|value| default.is_none() || !value.is_empty()) {
        return Ok(value);
    }
    default.map(str::to_owned).ok_or_else(|| Unfilled {
        what: format!("the environment variable `{name}` is not set"),
        remedy: format!("set `{name}`, or `{name}_FILE` to a file that holds it, or write `${{{name}:-default}}`"),
    })
}

fn lookup(name: &str, sources: &dyn Sources) -> Result<Option<String>, Unfilled> {
    if let Some(value) = sources.variable(name) {
        return Ok(Some(value));
    }
    let Some(path) = sources.variable(&format!("{name}_FILE")) else { return Ok(None) };
    let text = sources.file(Path::new(&path)).map_err(|e| Unfilled {
        what: format!("the file that `{name}_FILE` names cannot be read: {e}"),
        remedy: format!("let `{name}_FILE` name a readable text file, or set `{name}` itself"),
    })?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn is_name(text: &str) -> bool {
    let tail = |c: u8| c == b'_' || c.is_ascii_alphanumeric();
    text.bytes().next().is_some_and(|c| !c.is_ascii_digit()) && text.bytes().all(tail)
}

fn unclosed() -> Unfilled {
    Unfilled { what: "`${` is not closed".into(), remedy: "close it with `}`; for a literal `${` write `$${`".into() }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    struct World;

    impl Sources for World {
        fn variable(&self, name: &str) -> Option<String> {
            let value = match name {
                "A" => "a",
                "EMPTY" => "",
                "DOLLAR" => "${A}",
                "S_FILE" => "/run/s",
                "GONE_FILE" => "/run/gone",
                _ => return None,
            };
            Some(value.into())
        }

        fn file(&self, path: &Path) -> io::Result<String> {
            match path.to_str() {
                Some("/run/s") => Ok(" secret\r\n\n".into()),
                _ => Err(io::ErrorKind::NotFound.into()),
            }
        }
    }

    #[test]
    fn variables_defaults_files_and_escapes_are_filled_in_once() {
        let cases = [
            ("plain", None),
            ("$A and {A}", None),
            ("${A}", Some("a")),
            ("x${A}y${A}z", Some("xayaz")),
            ("${NO:-d}", Some("d")),
            ("${NO:-}", Some("")),
            ("${NO:-a:-b}", Some("a:-b")),
            ("${EMPTY}", Some("")),
            ("${EMPTY:-d}", Some("d")),
            ("${DOLLAR}", Some("${A}")),
            ("${S}", Some(" secret")),
            ("$${A}", Some("${A}")),
            ("$${A} ${A}", Some("${A} a")),
            ("é${A}é", Some("éaé")),
        ];
        for (text, filled) in cases {
            assert_eq!(fill(text, &World).expect(text).as_deref(), filled, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_filled_in_says_which_name() {
        let cases = [
            ("${NO}", "`NO` is not set"),
            ("${A", "not closed"),
            ("${}", "no name"),
            ("${1A}", "no name"),
            ("${A B}", "no name"),
            ("${GONE}", "`GONE_FILE` names cannot be read"),
        ];
        for (text, part) in cases {
            let what = fill(text, &World).expect_err(text).what;
            assert!(what.contains(part), "{text}: {what}");
        }
    }
}
