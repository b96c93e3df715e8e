//! `model_list`: each deployment becomes a provider and a candidate of its model.

use std::collections::HashMap;

use http::header::{HeaderName, HeaderValue};

use super::ours::{Credential, Ours, Reach, model_name};
use super::prefixes::{Home, Prefix, split};
use super::source::Node;
use super::{bases, bedrock, settings};
use crate::check::OURS;
use crate::mask;

/// Words that people write where a server asks for no credential.
const NO_SECRETS: [&str; 9] =
    ["none", "empty", "dummy", "fake", "fake-key", "anything", "not-needed", "no-key", "ollama"];

/// Where a credential may stand.
const SECRETS: [&str; 2] = ["api_key", "aws_secret_access_key"];
/// Deployments without an `order` come after those that have one.
const WITHOUT_ORDER: u32 = u32::MAX - 1;
/// The candidates of another model come after all of its own.
const FALLBACK: u32 = u32::MAX;

pub(super) fn take(root: Node<'_>, ours: &mut Ours) {
    let credentials = credentials(root);
    for entry in root.member("model_list").map(Node::items).unwrap_or_default() {
        if let Err(remedy) = one(entry, &credentials, ours) {
            entry.refuse(remedy);
        }
    }
    fallbacks(root, ours);
    aliases(root, ours);
}

/// Named sets of parameters that deployments refer to.
fn credentials(root: Node<'_>) -> HashMap<String, Node<'_>> {
    let mut credentials = HashMap::new();
    for entry in root.member("credential_list").map(Node::items).unwrap_or_default() {
        if let (Some(name), Some(values)) = (entry.take("credential_name"), entry.member("credential_values")) {
            credentials.insert(name, values);
        }
    }
    credentials
}

/// One deployment. The words are for one that cannot be turned at all.
fn one(entry: Node<'_>, credentials: &HashMap<String, Node<'_>>, ours: &mut Ours) -> Result<(), String> {
    let public = entry.take("model_name").ok_or("it has no `model_name`: nobody could ask for it")?;
    let params = entry.member("litellm_params").ok_or("it has no `litellm_params`")?;
    let asked = params.take("model").ok_or("it has no `model`: write `vendor/model`")?;
    let (prefix, id) = split(&asked, params.take("custom_llm_provider").as_deref()).map_err(|word| stranger(&word))?;
    if id.is_empty() || public.is_empty() {
        return Err("a name is empty: write `vendor/model`".to_owned());
    }
    let named = params.take("litellm_credential_name");
    let named = named.and_then(|name| credentials.get(&name).copied());
    let reach = reach(prefix, params, named)?;
    let id = if prefix.name == "bedrock" { bedrock::model(id) } else { id };
    let placed = ours.provider(reach);
    if let Some(variable) = &placed.variable
        && let Some(key) = SECRETS.iter().find_map(|name| params.member(name).or_else(|| named?.member(name)))
    {
        let form = if prefix.name == "bedrock" { ", as `id:secret`" } else { "" };
        key.refuse(format!("a secret stands here: put it into the environment as `{variable}`{form}"));
    }
    let order = params.take_as("order", |text| text.parse().ok()).unwrap_or(WITHOUT_ORDER);
    if public.contains('*') || id.contains('*') {
        params.member("model").unwrap_or(entry).note(
            "there are no wildcards: name each model that clients ask for, \
             or have them ask for `provider/model` of a candidate that is there",
        );
        return Ok(());
    }
    let name = model_name(&public);
    if name != public {
        entry.note(format!("a model's name here has letters, digits and . _ - : @ + / only: it became `{name}`"));
    }
    let candidate = ours.place(&name, &placed, id, params.take_as("timeout", settings::time));
    if !ours.candidate(&name, order, candidate) {
        entry.note("at most 32 candidates are tried: this one is left out");
    }
    Ok(())
}

fn stranger(word: &str) -> String {
    let shown = mask::shown(word);
    format!(
        "Tollgate does not know the vendor of `{shown}`: where it speaks OpenAI's or Anthropic's dialect, add it \
         under `providers` with `dialect` and `base_url`, and the model under `models`"
    )
}

fn reach(prefix: &'static Prefix, params: Node<'_>, named: Option<Node<'_>>) -> Result<Reach, String> {
    let dialect = prefix.dialect().ok_or_else(|| stranger(prefix.name))?;
    let take = |name: &str| params.take(name).or_else(|| named?.take(name));
    let given = take("api_base").or_else(|| take("base_url"));
    let given = match prefix.name {
        "bedrock" => Some(given.unwrap_or_else(|| bedrock::address(take))),
        "azure" => {
            // The API that is asked has no versions beside the one in its path.
            take("api_version");
            given.or_else(|| Some("${AZURE_API_BASE}".to_owned()))
        }
        _ => given,
    };
    let given = given.map(|text| bases::base_url(prefix.name, dialect, &text)).transpose()?;
    // What answers under OpenAI's name elsewhere is somebody else, as a rule.
    let is_known = prefix.home == Home::ByName && (given.is_none() || prefix.name != "openai");
    let base_url = match (given, prefix.home) {
        (Some(url), _) => Some(url),
        (None, Home::At(url)) => Some(url.to_owned()),
        (None, Home::ByName) => None,
        (None, Home::Unsaid) => return Err("it has no `api_base`: add it, and import again".to_owned()),
    };
    let credential = match prefix.name {
        "bedrock" => bedrock::credential(take),
        _ => credential(prefix, take("api_key"), base_url.is_some()),
    };
    let mut headers = Vec::new();
    headers.extend(take("organization").map(|id| ("openai-organization".to_owned(), id)));
    headers.extend(extra_headers(params));
    Ok(Reach { vendor: prefix.name, dialect, is_known, credential, base_url, headers })
}

/// The credential as given, or where LiteLLM itself would look for it.
fn credential(prefix: &Prefix, given: Option<String>, is_elsewhere: bool) -> Credential {
    match given {
        Some(text) if mask::is_reference(&text) => Credential::Open(text),
        Some(text) if is_elsewhere && NO_SECRETS.contains(&&*text.to_lowercase()) => Credential::Open(text),
        Some(text) => Credential::Written(text),
        None if prefix.variable.is_empty() => Credential::None,
        None => Credential::Open(format!("${{{}}}", prefix.variable)),
    }
}

/// Headers for every request, but for those that hold a secret.
fn extra_headers(params: Node<'_>) -> Vec<(String, String)> {
    let Some(headers) = params.member("extra_headers") else { return Vec::new() };
    let mut kept = Vec::new();
    for (name, value) in headers.entries() {
        let Some(text) = value.text() else { continue };
        let is_secret = name.to_lowercase().contains("auth") || mask::is_secret(name);
        let is_free = HeaderName::from_bytes(name.as_bytes()).is_ok_and(|name| !OURS.contains(&name));
        if is_secret && !mask::is_reference(&text) {
            value.refuse("it may be a secret: put it into a variable, and `${…}` of it under the provider's `headers`");
        } else if !is_free || HeaderValue::from_str(&text).is_err() {
            value.refuse("it is no header that a provider may have: leave it out");
        } else {
            value.taken();
            kept.push((name.to_owned(), text));
        }
    }
    kept
}

/// Where another model is asked when this one fails: its candidates follow this one's own.
fn fallbacks(root: Node<'_>, ours: &mut Ours) {
    for section in ["router_settings", "litellm_settings"] {
        let Some(section) = root.member(section) else { continue };
        let lists = section.member("fallbacks").map(Node::items).unwrap_or_default();
        for (name, after) in lists.into_iter().flat_map(Node::entries) {
            let names = after.items();
            names.into_iter().for_each(|next| follow(&[name.to_owned()], next, ours));
        }
        let all: Vec<String> = ours.models.iter().map(|model| model.name.clone()).collect();
        let last = section.member("default_fallbacks").map(Node::items).unwrap_or_default();
        last.into_iter().for_each(|next| follow(&all, next, ours));
    }
}

fn follow(models: &[String], next: Node<'_>, ours: &mut Ours) {
    let Some(wanted) = next.text() else { return };
    let of = |model: &super::ours::Model| model.candidates.iter().map(|(_, c)| c.clone()).collect::<Vec<_>>();
    let Some(candidates) = ours.model(&model_name(&wanted)).map(|model| of(model)) else {
        let shown = mask::shown(&wanted);
        return next.refuse(format!("there is no model `{shown}` here: add it, and its candidates where they belong"));
    };
    next.taken();
    for name in models {
        if ours.model(&model_name(name)).is_none() {
            let shown = mask::shown(name);
            return next.note(format!("there is no model `{shown}` here that could fall back"));
        }
        let has_room = candidates.iter().all(|c| ours.candidate(&model_name(name), FALLBACK, c.clone()));
        if !has_room {
            next.note("at most 32 candidates are tried: the last are left out");
        }
    }
}

/// Other names of a model.
fn aliases(root: Node<'_>, ours: &mut Ours) {
    let Some(aliases) = root.member("router_settings").and_then(|router| router.member("model_group_alias")) else {
        return;
    };
    for (alias, of) in aliases.entries() {
        let of = of.member("model").unwrap_or(of);
        let Some(name) = of.text() else { continue };
        let clean = model_name(alias);
        if ours.model(&clean).is_some() {
            of.refuse("a model has this name already");
        } else if let Some(model) = ours.model(&model_name(&name)) {
            model.aliases.push(clean);
            of.taken();
        } else {
            let shown = mask::shown(&name);
            of.refuse(format!("there is no model `{shown}` here that it could stand for"));
        }
    }
}
