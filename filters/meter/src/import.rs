//! The rows of a vendor in LiteLLM's price file, as a file of ours: what can be taken over, and why the rest
//! was left out. Somebody looks it through before it is used.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::catalogue::{ModelEntry, undated};
use crate::litellm::{self, Row, Unread};
use crate::tariff::Tiers;
use crate::{Date, Oddity};

/// What is asked for.
pub struct Import<'a> {
    /// The vendor, by our name for it.
    pub provider: &'a str,
    /// Which of its models, by their id.
    pub wants: &'a dyn Fn(&str) -> bool,
    /// What is withdrawn by today is left out.
    pub today: Date,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The models, by id.
    pub models: Vec<ModelEntry>,
    /// What was left out, by id.
    pub left: Vec<(String, Left)>,
}

/// Why a row, or a part of it, was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// It is no entry.
    Unread(Unread),
    /// Its prices are out of proportion.
    Odd(Oddity),
    /// The prices of a tier are out of proportion; the rest was taken over.
    Tier(Oddity),
}

/// The text is no price file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not LiteLLM's price file, a JSON object of models: {0}")]
pub struct NotAPriceFile(String);

/// LiteLLM's price file.
pub struct PriceFile<'a> {
    rows: BTreeMap<String, Row<'a>>,
}

/// Our name for a vendor, the file's names for it, and how its keys begin there.
const VENDORS: [(&str, &[&str], &str); 14] = [
    ("openai", &["openai"], ""),
    ("anthropic", &["anthropic"], ""),
    ("gemini", &["gemini"], "gemini/"),
    ("mistral", &["mistral"], "mistral/"),
    ("groq", &["groq"], "groq/"),
    ("deepseek", &["deepseek"], "deepseek/"),
    ("xai", &["xai"], "xai/"),
    ("zai", &["zai"], "zai/"),
    ("deepinfra", &["deepinfra"], "deepinfra/"),
    ("together", &["together_ai"], "together_ai/"),
    ("openrouter", &["openrouter"], "openrouter/"),
    ("azure", &["azure"], "azure/"),
    ("bedrock", &["bedrock_converse", "bedrock"], ""),
    ("ollama", &["ollama"], "ollama/"),
];

/// What stands before a model's id to say where it is to run: Bedrock's inference profiles, Azure's data
/// zones.
const PLACES: [&str; 15] = [
    "global.",
    "us.",
    "eu.",
    "apac.",
    "au.",
    "jp.",
    "in.",
    "ca.",
    "us-gov.",
    "global/",
    "global-standard/",
    "us/",
    "eu/",
    "apac/",
    "us-gov/",
];

impl<'a> PriceFile<'a> {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is not an object of objects.
    pub fn read(json: &'a str) -> Result<Self, NotAPriceFile> {
        let rows = serde_json::from_str(json).map_err(|error| NotAPriceFile(error.to_string()))?;
        Ok(Self { rows })
    }

    /// The models of a vendor. A row whose facts are those of another under almost the same name becomes
    /// its alias, or goes where our catalogue finds it anyway.
    #[must_use]
    pub fn import(&self, asked: &Import<'_>) -> Imported {
        let mut imported = Imported::default();
        for (id, row) in self.of(asked.provider) {
            if !(asked.wants)(id) {
                continue;
            }
            match litellm::entry(id, row, asked.today) {
                Ok(entry) => imported.take(asked.provider, entry),
                Err(why) => imported.left.push((id.to_owned(), Left::Unread(why))),
            }
        }
        imported.models = gathered(imported.models);
        imported
    }

    /// The rows of a vendor by the vendor's ids. A path in an id of OpenAI's is a size of image.
    fn of(&self, provider: &str) -> impl Iterator<Item = (&str, &Row<'a>)> {
        let own = format!("{provider}/");
        let known = VENDORS.into_iter().find(|(ours, ..)| *ours == provider);
        let names: Vec<String> = match known {
            Some((_, names, _)) => names.iter().map(|name| format!("\"{name}\"")).collect(),
            None => vec![format!("\"{provider}\"")],
        };
        let prefix = known.map_or(own, |(.., prefix)| prefix.to_owned());
        self.rows.iter().filter_map(move |(key, row)| {
            let name = row.get("litellm_provider")?.get();
            let id = key.strip_prefix(&*prefix)?;
            let is_plain = !prefix.is_empty() || !id.contains('/');
            (names.iter().any(|known| known == name) && is_plain).then_some((id, row))
        })
    }
}

impl Imported {
    /// Takes an entry whose prices are in proportion, without the tiers whose are not.
    fn take(&mut self, provider: &str, mut entry: ModelEntry) {
        let (of_tiers, others): (Vec<_>, Vec<_>) =
            entry.oddities(provider).into_iter().partition(|oddity| oddity.tier.is_some());
        if let Some(oddity) = others.into_iter().next() {
            self.left.push((entry.id, Left::Odd(oddity)));
            return;
        }
        for oddity in of_tiers {
            let dropped = entry.prices.as_mut().zip(oddity.tier).is_some_and(|(tariff, tier)| tariff.tiers.drop(tier));
            if dropped {
                self.left.push((entry.id.clone(), Left::Tier(oddity)));
            }
        }
        self.models.push(entry);
    }
}

impl Tiers {
    /// Drops the list of a tier; `false`, if there was none.
    fn drop(&mut self, tier: &str) -> bool {
        let Self { flex, batch, priority, fast, ultrafast } = self;
        let list = match tier {
            "flex" => flex,
            "batch" => batch,
            "priority" => priority,
            "fast" => fast,
            "ultrafast" => ultrafast,
            _ => return false,
        };
        list.take().is_some()
    }
}

/// Entries whose facts are the same and whose ids differ in place and date alone, each as one.
fn gathered(entries: Vec<ModelEntry>) -> Vec<ModelEntry> {
    let mut groups: Vec<Vec<ModelEntry>> = Vec::new();
    for entry in entries {
        match groups.iter_mut().find(|group| is_same(&group[0], &entry)) {
            Some(group) => group.push(entry),
            None => groups.push(vec![entry]),
        }
    }
    let mut entries: Vec<_> = groups.into_iter().filter_map(merged).collect();
    entries.sort_by(|a, b| a.id.cmp(&b.id));
    entries
}

fn is_same(one: &ModelEntry, other: &ModelEntry) -> bool {
    core(&one.id) == core(&other.id) && ModelEntry { id: other.id.clone(), ..one.clone() } == *other
}

/// The id without where it runs and the date of its snapshot.
fn core(id: &str) -> &str {
    let id = PLACES.iter().find_map(|place| id.strip_prefix(place)).unwrap_or(id);
    undated(id).unwrap_or(id)
}

/// One entry of a group: the plainest id, and as aliases those that are not found under it anyway.
fn merged(mut group: Vec<ModelEntry>) -> Option<ModelEntry> {
    let place = |id: &str| PLACES.iter().position(|place| id.starts_with(place)).map_or(0, |at| at + 1);
    group.sort_by_key(|entry| (place(&entry.id), entry.id.len(), entry.id.clone()));
    let mut ids = group.iter().map(|entry| entry.id.clone()).collect::<Vec<_>>();
    let first = group.into_iter().next()?;
    let found = |id: &String| undated(id).is_some_and(|base| ids.iter().any(|known| known == base));
    let kept: Vec<bool> = ids.iter().map(|id| !found(id)).collect();
    let mut kept = kept.into_iter();
    ids.retain(|id| kept.next().unwrap_or(true) && *id != first.id);
    Some(ModelEntry { aliases: ids, ..first })
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(Unread::Mode(mode)) if mode.is_empty() => {
                f.write_str("left out: it does not say what it is for")
            }
            Self::Unread(Unread::Mode(mode)) => write!(f, "left out: it is for `{mode}`"),
            Self::Unread(Unread::Withdrawn(date)) => write!(f, "left out: withdrawn since {date}"),
            Self::Unread(Unread::Unpriced) => f.write_str("left out: it has no price per token"),
            Self::Unread(Unread::Free) => f.write_str("left out: it costs nothing, which an operator has to say"),
            Self::Unread(Unread::Member(member)) => write!(f, "left out: `{member}` is not a price"),
            Self::Odd(oddity) => write!(f, "left out: {oddity}"),
            Self::Tier(oddity) => write!(f, "left out of it: {oddity}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(json: &str, provider: &str) -> Imported {
        let today = "2026-11-21".parse().expect("a day");
        PriceFile::read(json).expect("a file").import(&Import { provider, wants: &|_| true, today })
    }

    fn row(provider: &str, input: &str, more: &str) -> String {
        format!(
            r#"{{"litellm_provider": "{provider}", "mode": "chat", "input_cost_per_token": {input}, "output_cost_per_token": 9e-6{more}}}"#
        )
    }

    #[test]
    fn a_vendor_has_its_own_rows_under_its_own_ids() {
        let json = format!(
            r#"{{"sample_spec": {{"mode": "one of: chat"}}, "gemini/g": {}, "g": {}, "low/1024/m": {}, "m": {}, "x/y": {}}}"#,
            row("gemini", "1e-6", ""),
            row("gemini", "1e-6", ""),
            row("openai", "1e-6", ""),
            row("openai", "1e-6", ""),
            row("x", "1e-6", ""),
        );
        for (provider, ids) in [("gemini", ["g"]), ("openai", ["m"]), ("x", ["y"])] {
            let models = import(&json, provider).models;
            assert_eq!(models.iter().map(|m| &*m.id).collect::<Vec<_>>(), ids, "{provider}");
        }
    }

    #[test]
    fn rows_that_differ_in_place_and_date_alone_are_one_model() {
        let same = || row("bedrock_converse", "2e-6", "");
        let dearer = || row("bedrock_converse", "2.2e-6", "");
        let json = format!(
            r#"{{"a.m-20260102": {}, "a.m": {}, "global.a.m": {}, "us.a.m": {}, "eu.a.m": {}, "a.n": {}}}"#,
            same(),
            same(),
            same(),
            dearer(),
            dearer(),
            same(),
        );
        let models = import(&json, "bedrock").models;
        let found: Vec<_> =
            models.iter().map(|m| (&*m.id, m.aliases.iter().map(|a| &**a).collect::<Vec<_>>())).collect();
        assert_eq!(found, [("a.m", vec!["global.a.m"]), ("a.n", vec![]), ("us.a.m", vec!["eu.a.m"])]);
    }

    #[test]
    fn a_tier_fifty_times_as_dear_is_left_out_and_its_model_kept() {
        let wrong = r#", "input_cost_per_token_priority": 5e-5, "output_cost_per_token_priority": 4e-4"#;
        let json = format!(r#"{{"m": {}}}"#, row("openai", "1e-6", wrong));
        let imported = import(&json, "openai");
        assert_eq!(imported.models.len(), 1);
        assert!(imported.models[0].prices.as_ref().is_some_and(|tariff| tariff.tiers == Tiers::default()));
        let said: Vec<_> = imported.left.iter().map(|(id, left)| format!("{id}: {left}")).collect();
        let why = "m: left out of it: `openai/m`: a price is not what such a tier asks beside the standard one, in the \
                   tier `priority`: compare it with the vendor's price list";
        assert_eq!(said, [why]);
    }

    #[test]
    fn what_is_left_out_says_why() {
        let json = format!(
            r#"{{"odd": {}, "old": {}, "free": {}, "video": {{"litellm_provider": "openai", "mode": "video"}}}}"#,
            row("openai", "1e-3", ""),
            row("openai", "1e-6", r#", "deprecation_date": "2026-01-02""#),
            r#"{"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 0, "output_cost_per_token": 0}"#,
        );
        let imported = import(&json, "openai");
        assert_eq!(imported.models, []);
        let said: BTreeMap<_, _> = imported.left.iter().map(|(id, left)| (&**id, left.to_string())).collect();
        assert_eq!(said["old"], "left out: withdrawn since 2026-01-02");
        assert_eq!(said["free"], "left out: it costs nothing, which an operator has to say");
        assert_eq!(said["video"], "left out: it is for `video`");
        assert!(
            said["odd"].starts_with("left out: `openai/odd`: `output` is less than half of `input`"),
            "{}",
            said["odd"]
        );
    }

    #[test]
    fn what_is_no_price_file_is_refused() {
        for text in ["", "[]", "{\"m\": 1}", "models: []"] {
            assert!(PriceFile::read(text).is_err(), "{text}");
        }
    }
}
