//! A mistake in a file, and all of them: how they look to the person who made them.

use std::fmt;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named to us.
    pub file: String,
    /// The line, from 1; 0 where the mistake is not in the text.
    pub line: usize,
    /// The character within the line, from 1; 0 where the mistake is not in the text.
    pub column: usize,
    /// The path of the member, such as `providers.openai.base_url`; empty for the whole file.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub remedy: String,
    /// The line with a caret under the spot, secrets masked; empty where the mistake is not in the text.
    pub snippet: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, path, what, remedy, snippet } = self;
        match line {
            0 => write!(f, "{file}: {what}")?,
            _ => write!(f, "{file}:{line}:{column}: {what}")?,
        }
        if !path.is_empty() {
            write!(f, " (at `{path}`)")?;
        }
        if !remedy.is_empty() {
            write!(f, "; {remedy}")?;
        }
        write!(f, "\n{snippet}")
    }
}

/// Every mistake that was found, in the order of files and lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    problems: Vec<Problem>,
}

impl Report {
    /// A report of these; `None` when there is nothing to report.
    pub(crate) fn of(problems: Vec<Problem>) -> Option<Self> {
        (!problems.is_empty()).then_some(Self { problems })
    }

    /// A report of a file that gives no text to find mistakes in.
    pub(crate) fn unreadable(file: String, error: &std::io::Error) -> Self {
        let what = format!("the file cannot be read: {error}");
        let remedy = "name a readable text file, or make one with `tollgate init`".to_owned();
        let (path, snippet) = (String::new(), String::new());
        Self { problems: vec![Problem { file, line: 0, column: 0, path, what, remedy, snippet }] }
    }

    /// The mistakes.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        match self.problems.len() {
            1 => write!(f, "1 mistake"),
            n => write!(f, "{n} mistakes"),
        }
    }
}

impl std::error::Error for Report {}

/// Names that one unknown name is compared with.
const COMPARED_MAX: usize = 1_000;

/// The known name that `name` was probably meant to be.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    // Two slips in a short name, more in a long one. A name that is compared has a bounded length.
    let reach = if name.len() < 4 { 1 } else { 2.max(name.len() / 4) };
    if name.len() > 128 {
        return None;
    }
    known
        .into_iter()
        .take(COMPARED_MAX)
        .map(|candidate| (strsim::damerau_levenshtein(&name, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= reach && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean …?" where there is a near name, else the list of what there is.
pub(crate) fn choose_from<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone, list: &str) -> String {
    if let Some(near) = nearest(name, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let all: Vec<_> = known.into_iter().take(30).map(|name| format!("`{name}`")).collect();
    match all.is_empty() {
        true => String::new(),
        false => format!("{list} {}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not_guessed() {
        let known = ["openai", "anthropic", "ops", "x"];
        assert_eq!(nearest("opnai", known), Some("openai"));
        assert_eq!(nearest("OpenAI", known), Some("openai"));
        assert_eq!(nearest("antrhopic", known), Some("anthropic"));
        assert_eq!(nearest("op", known), Some("ops"));
        assert_eq!(nearest("y", known), None, "one letter for one letter is no slip");
        assert_eq!(nearest("mistral", known), None);
        assert_eq!(nearest(&"o".repeat(100_000), known), None);
    }
}
