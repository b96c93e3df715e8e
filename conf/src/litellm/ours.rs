//! Our side of the import: providers, endpoints and models as they come together.
//!
//! It knows nothing of LiteLLM's file but which variables it names, and nothing of YAML.

use tollgate_meter::{Catalogue, CatalogueFile, DEFAULT_FILES};
use tollgate_translate::Dialect;

use super::bases;
use crate::document::Document;

/// A chain longer than this is refused by the check.
const CANDIDATES_MAX: usize = 32;
/// The longest name that the check lets through.
const NAME_MAX: usize = 200;

/// A file of ours under construction.
pub(super) struct Ours {
    /// LiteLLM's text, to see whether a variable's name is in use.
    text: String,
    prices: Option<Catalogue>,
    pub(super) providers: Vec<Provider>,
    pub(super) endpoints: Vec<(String, Endpoint)>,
    pub(super) models: Vec<Model>,
    /// Members of sections that hold nothing but simple values: section, member, value.
    pub(super) settings: Vec<(&'static str, &'static str, String)>,
}

/// How to reach a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) vendor: &'static str,
    pub(super) dialect: Dialect,
    /// Whether the vendor's name says what it speaks, and how.
    pub(super) is_known: bool,
    pub(super) base_url: Option<String>,
    pub(super) credential: Credential,
    pub(super) headers: Vec<(String, String)>,
}

/// A vendor's credential in LiteLLM's file.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credential {
    None,
    /// A variable's reference, or a word that is no secret.
    Open(String),
    /// A secret that stands written out. It is only compared.
    Written(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential")
    }
}

/// A provider, and the variable for a secret that stands written out.
pub(super) struct Provider {
    pub(super) name: String,
    pub(super) reach: Reach,
    pub(super) variable: Option<String>,
}

/// A place with settings of its own.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) first_byte: Option<String>,
    pub(super) price_as: Option<String>,
}

/// A model and its candidates.
pub(super) struct Model {
    pub(super) name: String,
    /// Each with LiteLLM's `order`.
    pub(super) candidates: Vec<(u32, String)>,
    pub(super) aliases: Vec<String>,
}

/// What was put in place of a reach.
pub(super) struct Placed {
    pub(super) provider: String,
    /// The vendor whose prices hold though the provider has another name.
    pub(super) priced_as: Option<&'static str>,
    /// The variable that a secret belongs into which stands written out.
    pub(super) variable: Option<String>,
}

impl Ours {
    pub(super) fn of(text: &str) -> Self {
        let (providers, endpoints, models) = (Vec::new(), Vec::new(), Vec::new());
        Self { text: text.to_owned(), prices: prices(), providers, endpoints, models, settings: Vec::new() }
    }

    /// The provider that is reached like this.
    pub(super) fn provider(&mut self, reach: Reach) -> Placed {
        let at = self.providers.iter().position(|p| p.reach == reach).unwrap_or_else(|| self.add(reach));
        let Provider { name, reach, variable } = &self.providers[at];
        let is_renamed = reach.is_known && reach.base_url.is_none() && name != reach.vendor;
        let priced_as = is_renamed.then_some(reach.vendor);
        Placed { provider: name.clone(), priced_as, variable: variable.clone() }
    }

    fn add(&mut self, reach: Reach) -> usize {
        let wanted = match &reach.base_url {
            Some(url) if !reach.is_known => bases::name(url),
            _ => reach.vendor.to_owned(),
        };
        let wanted = if wanted.is_empty() { reach.vendor.to_owned() } else { wanted };
        let name = free(&wanted, "-", |name| self.providers.iter().any(|p| p.name == name));
        let variable = match &reach.credential {
            Credential::Written(_) => Some(self.variable(&name)),
            Credential::None | Credential::Open(_) => None,
        };
        self.providers.push(Provider { name, reach, variable });
        self.providers.len() - 1
    }

    /// A variable that nothing in LiteLLM's file speaks of.
    fn variable(&self, provider: &str) -> String {
        let upper: String =
            provider.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        let digit = if upper.starts_with(|c: char| c.is_ascii_digit()) { "AT_" } else { "" };
        free(&format!("{digit}{upper}_API_KEY"), "_", |name| self.text.contains(name))
    }

    /// A candidate for this model: an endpoint with an entry of its own where it has something to say there.
    pub(super) fn place(&mut self, model: &str, placed: &Placed, id: &str, first_byte: Option<String>) -> String {
        let provider = &placed.provider;
        let priced =
            placed.priced_as.filter(|vendor| self.prices.as_ref().is_some_and(|all| all.lookup(vendor, id).is_some()));
        let price_as = priced.map(|vendor| format!("{vendor}/{id}"));
        if first_byte.is_none() && price_as.is_none() {
            return format!("{provider}/{id}");
        }
        let endpoint = Endpoint { provider: provider.clone(), model: id.to_owned(), first_byte, price_as };
        if let Some((name, _)) = self.endpoints.iter().find(|(_, known)| *known == endpoint) {
            return name.clone();
        }
        let wanted = cut(&format!("{}-at-{provider}", model.replace('/', "-")));
        let is_taken = |name: &str| {
            let by_model = self.models.iter().any(|m| m.name == name);
            by_model || self.endpoints.iter().any(|(known, _)| known == name)
        };
        let name = free(&wanted, "-", is_taken);
        self.endpoints.push((name.clone(), endpoint));
        name
    }

    /// Adds a candidate to a model, which is made where it is new. Whether there was room.
    pub(super) fn candidate(&mut self, model: &str, order: u32, candidate: String) -> bool {
        let at = self.models.iter().position(|m| m.name == model).unwrap_or_else(|| {
            self.models.push(Model { name: model.to_owned(), candidates: Vec::new(), aliases: Vec::new() });
            self.models.len() - 1
        });
        let candidates = &mut self.models[at].candidates;
        if candidates.iter().any(|(_, known)| *known == candidate) {
            return true;
        }
        let has_room = candidates.len() < CANDIDATES_MAX;
        if has_room {
            candidates.push((order, candidate));
        }
        has_room
    }

    /// The model of this name or alias.
    pub(super) fn model(&mut self, name: &str) -> Option<&mut Model> {
        self.models.iter_mut().find(|m| m.name == name || m.aliases.iter().any(|alias| alias == name))
    }

    /// Sets a simple member of a section; the first to come stays. Whether it was the first.
    pub(super) fn set(&mut self, section: &'static str, member: &'static str, value: String) -> bool {
        let is_new = !self.settings.iter().any(|(s, m, _)| (*s, *m) == (section, member));
        if is_new {
            self.settings.push((section, member, value));
        }
        is_new
    }
}

/// The built-in catalogue.
fn prices() -> Option<Catalogue> {
    let read = |(name, text): &(&str, &str)| Document::open(name, text, &super::AsWritten).read::<CatalogueFile>();
    let files: Option<Vec<_>> = DEFAULT_FILES.iter().map(read).collect();
    Catalogue::new(files?).ok()
}

/// The first of `wanted`, `wanted-2`, … that is not taken.
fn free(wanted: &str, joint: &str, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(wanted) {
        return wanted.to_owned();
    }
    let numbered = (2u32..).map(|number| format!("{wanted}{joint}{number}"));
    numbered.into_iter().find(|name| !is_taken(name)).expect("finitely many names are taken")
}

fn cut(name: &str) -> String {
    name[..name.floor_char_boundary(NAME_MAX - 10)].to_owned()
}

/// A model's name as the check lets it through.
pub(super) fn model_name(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-:@+/".contains(c);
    cut(&text.chars().map(|c| if fits(c) { c } else { '-' }).collect::<String>())
}
