//! Our side of the import as YAML.

use std::fmt::Write;

use super::Left;
use super::ours::{Credential, Endpoint, Model, Ours, Provider, Reach};

impl Ours {
    /// The file.
    pub(super) fn write(&self, from: &str, left: &[Left]) -> String {
        let mut out = format!(
            "# yaml-language-server: $schema=./tollgate.schema.json\n\
             # Written by `tollgate import litellm` from {}. What could not be turned stands at the end.\n\
             \n\
             # Clients are served at 127.0.0.1:4000, LiteLLM's own port; for other machines write\n\
             #   server: {{listen: [{{address: \"0.0.0.0:4000\"}}]}}\n\
             \n\
             # `tollgate key create` prints an entry to put here. Without one, nobody is let in.\n\
             keys:\n\nproviders:\n",
            one_line(from)
        );
        self.providers.iter().for_each(|provider| provider.write(&mut out));
        if !self.endpoints.is_empty() {
            out.push_str("\nendpoints:\n");
        }
        self.endpoints.iter().for_each(|(name, endpoint)| endpoint.write(name, &mut out));
        out.push_str("\n# Candidates are tried in this order until one answers.\nmodels:\n");
        self.models.iter().for_each(|model| model.write(&mut out));
        self.write_settings(&mut out);
        if !left.is_empty() {
            out.push_str("\n# Could not be turned:\n");
        }
        for left in left {
            let Left { file: _, line, path, remedy } = left;
            // Writing to a string cannot fail.
            let _ = writeln!(out, "# line {line}, `{}`: {}", one_line(path), one_line(remedy));
        }
        out
    }

    fn write_settings(&self, out: &mut String) {
        let mut section = "";
        let mut settings: Vec<_> = self.settings.iter().collect();
        settings.sort_by_key(|(section, _, _)| *section);
        for (of, member, value) in settings {
            if *of != section {
                let _ = write!(out, "\n{of}:\n");
                section = of;
            }
            let _ = writeln!(out, "  {member}: {value}");
        }
    }
}

impl Provider {
    fn write(&self, out: &mut String) {
        let Self { name, reach, variable } = self;
        let Reach { vendor, dialect, is_known, base_url, credential, headers } = reach;
        let mut lines = Vec::new();
        match is_known {
            false => lines.push(format!("dialect: {}", dialect.as_str())),
            true if name != vendor => lines.push(format!("vendor: {vendor}")),
            true => {}
        }
        lines.extend(base_url.iter().map(|url| format!("base_url: {}", scalar(url))));
        match (credential, variable) {
            (Credential::Written(_), Some(variable)) => lines.push(format!("api_key: ${{{variable}}}")),
            (Credential::Open(text), _) => lines.push(format!("api_key: {}", scalar(text))),
            _ => {}
        }
        if !headers.is_empty() {
            lines.push("headers:".to_owned());
            lines.extend(headers.iter().map(|(name, value)| format!("  {}: {}", scalar(name), scalar(value))));
        }
        match lines.is_empty() {
            true => out.push_str(&format!("  {}: {{}}\n", scalar(name))),
            false => out.push_str(&format!("  {}:\n", scalar(name))),
        }
        lines.iter().for_each(|line| out.push_str(&format!("    {line}\n")));
    }
}

impl Endpoint {
    fn write(&self, name: &str, out: &mut String) {
        let Self { provider, model, first_byte, price_as } = self;
        let _ = write!(out, "  {}:\n    provider: {}\n    model: {}\n", scalar(name), scalar(provider), scalar(model));
        if let Some(time) = first_byte {
            let _ = writeln!(out, "    timeouts: {{first_byte: {time}}}");
        }
        if let Some(price_as) = price_as {
            let _ = writeln!(out, "    price_as: {}", scalar(price_as));
        }
    }
}

impl Model {
    fn write(&self, out: &mut String) {
        let mut candidates: Vec<_> = self.candidates.iter().collect();
        // The order of the file within the same `order`.
        candidates.sort_by_key(|(order, _)| *order);
        let _ = write!(out, "  {}:\n    candidates:\n", scalar(&self.name));
        for (_, candidate) in candidates {
            let _ = writeln!(out, "      - {}", scalar(candidate));
        }
        if !self.aliases.is_empty() {
            out.push_str("    aliases:\n");
        }
        for alias in &self.aliases {
            let _ = writeln!(out, "      - {}", scalar(alias));
        }
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A text as a YAML scalar: without quotes where it can be nothing but text.
pub(super) fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/${}:@+".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$') && !text.contains(": ");
    let is_word = matches!(&*text.to_lowercase(), "true" | "false" | "null" | "yes" | "no" | "on" | "off");
    if begins && !is_word && !text.ends_with(':') && text.chars().all(plain) {
        return text.to_owned();
    }
    // JSON's quoting is YAML's.
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_quoted_where_it_could_be_anything_else() {
        for plain in ["gpt-5.4-mini", "openai/gpt-5.4-mini", "${OPENAI_API_KEY}", "https://x.example/v1", "a:b"] {
            assert_eq!(scalar(plain), plain);
        }
        for quoted in ["", "7", "true", "No", "a b", "a: b", "a:", "*x", "#x", "x #y", "é", "a\"b", "[a]", "- a"] {
            assert!(scalar(quoted).starts_with('"'), "{quoted}");
        }
    }
}
