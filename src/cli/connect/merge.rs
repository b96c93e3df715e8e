//! A few members put into somebody's settings file; everything else in it stays as it is written.
//!
//! TOML, YAML and environment files are edited by line: what is set there are plain texts on lines of their own.

use super::json;

/// How a settings file is written.
#[derive(Clone, Copy)]
pub(super) enum Format {
    Json,
    Toml,
    Yaml,
    /// `NAME=value`.
    Environment,
}

/// A text to be set at the end of a path.
#[derive(Clone)]
pub(super) struct Entry {
    path: Vec<String>,
    value: String,
}

impl Entry {
    pub(super) fn text(path: &[&str], value: &str) -> Self {
        Self { path: path.iter().map(|step| (*step).to_owned()).collect(), value: value.to_owned() }
    }
}

impl Format {
    /// The file with these entries in it, or why it cannot be changed.
    pub(super) fn merge(self, text: &str, entries: &[Entry]) -> Result<String, &'static str> {
        let mut text = text.to_owned();
        for Entry { path, value } in entries {
            let (table, name) = path.split_at(path.len() - 1);
            let (table, name) = (table.join("."), &name[0]);
            let quoted = serde_json::Value::from(value.as_str()).to_string();
            text = match self {
                Self::Json => json::set(&text, path, &quoted)?,
                // A string of JSON is one of TOML and of YAML too.
                Self::Toml => in_table(&text, &table, name, &format!("{name} = {quoted}")),
                Self::Yaml => in_table(&text, "", name, &format!("{name}: {quoted}")),
                Self::Environment => in_table(&text, "", name, &format!("{name}={}", word(value))),
            };
        }
        Ok(text)
    }
}

/// Puts a line in the place of the one that sets this name in a table, or at the table's end.
fn in_table(text: &str, table: &str, name: &str, line: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let header = format!("[{table}]");
    let begin = if table.is_empty() { Some(0) } else { lines.iter().position(|l| bare(l) == header).map(|at| at + 1) };
    let Some(begin) = begin else {
        let gap = if text.is_empty() { "" } else { "\n" };
        let break_before = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        return format!("{text}{break_before}{gap}{header}\n{line}\n");
    };
    let end = lines[begin..].iter().position(|l| is_header(l)).map_or(lines.len(), |length| begin + length);
    if let Some(at) = (begin..end).find(|at| sets(lines[*at], name)) {
        lines[at] = line;
    } else {
        // Before the blank lines that part it from the next table.
        let last = (begin..end).rev().find(|at| !lines[*at].trim().is_empty());
        lines.insert(last.map_or(begin, |at| at + 1), line);
        if table.is_empty() && lines.get(begin + 1).is_some_and(|next| is_header(next)) && last.is_none() {
            lines.insert(begin + 1, "");
        }
    }
    lines.join("\n") + "\n"
}

/// A line without comment and blanks around it.
fn bare(line: &str) -> &str {
    line.split(" #").next().unwrap_or_default().trim()
}

/// Whether a table of TOML begins here. In the other formats nothing looks like it.
fn is_header(line: &str) -> bool {
    let line = bare(line);
    line.starts_with('[') && line.ends_with(']') && !line.contains(',')
}

/// Whether a line sets this name: `name = `, `name: `, `name=`, `export name=`.
fn sets(line: &str, name: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let rest = line.strip_prefix(name).map(str::trim_start);
    rest.is_some_and(|rest| rest.starts_with(['=', ':']))
}

/// A value as one word of a shell.
pub(super) fn word(value: &str) -> String {
    let is_plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:@%+,=".contains(c));
    if is_plain { value.to_owned() } else { format!("'{}'", value.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codex() -> Vec<Entry> {
        vec![
            Entry::text(&["model_provider"], "tollgate"),
            Entry::text(&["model_providers", "tollgate", "base_url"], "http://a/v1"),
            Entry::text(&["model_providers", "tollgate", "env_key"], "K"),
        ]
    }

    #[test]
    fn an_empty_file_is_filled() {
        let toml = "model_provider = \"tollgate\"\n\n[model_providers.tollgate]\nbase_url = \"http://a/v1\"\nenv_key = \"K\"\n";
        assert_eq!(Format::Toml.merge("", &codex()).as_deref(), Ok(toml));
        let entries = [Entry::text(&["model"], "openai/auto")];
        assert_eq!(Format::Yaml.merge("", &entries).as_deref(), Ok("model: \"openai/auto\"\n"));
        assert_eq!(Format::Environment.merge("", &entries).as_deref(), Ok("model=openai/auto\n"));
    }

    #[test]
    fn what_else_is_in_a_file_stays_and_a_second_time_changes_nothing() {
        let before = "# mine\nmodel = \"x\"   # why\nmodel_provider = \"other\"\n\n[tools]\nmodel_provider = \"kept\"\nlist = [\n  [\"a\", \"b\"],\n]\n\n[model_providers.tollgate]   # ours\nenv_key = \"OLD\"\nextra = 1\n\n[z]\n";
        let after = "# mine\nmodel = \"x\"   # why\nmodel_provider = \"tollgate\"\n\n[tools]\nmodel_provider = \"kept\"\nlist = [\n  [\"a\", \"b\"],\n]\n\n[model_providers.tollgate]   # ours\nenv_key = \"K\"\nextra = 1\nbase_url = \"http://a/v1\"\n\n[z]\n";
        assert_eq!(Format::Toml.merge(before, &codex()).as_deref(), Ok(after));
        assert_eq!(Format::Toml.merge(after, &codex()).as_deref(), Ok(after));
    }

    #[test]
    fn a_member_of_no_table_stands_before_the_first() {
        let after = Format::Toml.merge("[tools]\nx = 1\n", &codex()[..1]);
        assert_eq!(after.as_deref(), Ok("model_provider = \"tollgate\"\n\n[tools]\nx = 1\n"));
    }

    #[test]
    fn a_variable_is_replaced_where_it_is_set() {
        let entries = [Entry::text(&["A"], "1"), Entry::text(&["B"], "x y")];
        let after = Format::Environment.merge("export A=0\nAB=2\n", &entries);
        assert_eq!(after.as_deref(), Ok("A=1\nAB=2\nB='x y'\n"));
    }
}
