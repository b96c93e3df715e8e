//! Vendors' secrets of a tenant: sealed before they are stored, and never shown.

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tollgate_store::{Credential, credential_id};
use tollgate_vault::{Context, SealRandom};
use utoipa::ToSchema;

use crate::answer::{page, value};
use crate::ask::Ask;
use crate::form::{Body, Form};
use crate::refusal::Refusal;

/// The longest secret, in bytes: a service account of a cloud is one.
const SECRET_MAX: usize = 16 * 1024;
/// How many of its last characters are kept to recognise it by.
const HINT: usize = 4;
/// Of a secret shorter than this none are.
const HINTED_MIN: usize = 12;

/// A vendor's secret to be sealed.
#[derive(ToSchema)]
pub(crate) struct NewCredential {
    /// Which provider it is for, as configuration names it.
    provider: String,
    /// The vendor's key, exactly.
    #[schema(value_type = String, format = "password", write_only)]
    secret: SecretString,
    /// Where it is sent, in place of the provider's own base URL.
    base_url: Option<String>,
    /// For people.
    name: Option<String>,
}

impl Body for NewCredential {
    const MEMBERS: &'static [&'static str] = &["provider", "secret", "base_url", "name"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        Ok(Self {
            provider: form.needed_text("provider")?,
            secret: secret(form)?,
            base_url: form.text("base_url")?,
            name: form.text("name")?,
        })
    }
}

/// A vendor's secret in place of another.
#[derive(ToSchema)]
pub(crate) struct ReplacedCredential {
    /// The vendor's key, exactly.
    #[schema(value_type = String, format = "password", write_only)]
    secret: SecretString,
    /// Where it is sent; `null` for the provider's own base URL; as before where nothing is said.
    #[schema(value_type = Option<String>)]
    base_url: Option<Option<String>>,
    /// For people; as before where nothing is said.
    name: Option<String>,
}

impl Body for ReplacedCredential {
    const MEMBERS: &'static [&'static str] = &["secret", "base_url", "name"];

    fn read(form: &mut Form) -> Result<Self, Refusal> {
        let named = form.has("base_url");
        Ok(Self {
            secret: secret(form)?,
            base_url: Some(form.text("base_url")?).filter(|_| named),
            name: form.text("name")?,
        })
    }
}

fn secret(form: &mut Form) -> Result<SecretString, Refusal> {
    let secret = SecretString::from(form.needed_text("secret")?);
    let text = secret.expose_secret();
    if text.is_empty() || text.len() > SECRET_MAX {
        let remedy = format!("write the vendor's key, at most {SECRET_MAX} bytes");
        return Err(Refusal::invalid("`secret` is empty or too long", remedy));
    }
    if text.trim() != text {
        let remedy = "leave out the space or the end of line around it";
        return Err(Refusal::invalid("`secret` begins or ends with white space", remedy));
    }
    if HeaderValue::from_str(text).is_err() {
        let remedy = "write the vendor's key in one line of ASCII: it goes into a header";
        return Err(Refusal::invalid("`secret` cannot go into a header", remedy));
    }
    Ok(secret)
}

pub(crate) fn list(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let limit = ask.query.limit()?;
    let found = ask.store().credentials(&ask.scope, ask.tenant(), ask.query.get("after"), limit)?;
    page(&found, limit, |credential| &credential.id)
}

pub(crate) fn show(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    value(&ask.store().credential(&ask.scope, ask.tenant(), ask.id("credential"))?)
}

pub(crate) fn create(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let NewCredential { provider, secret, base_url, name } = ask.body.read()?;
    let providers = (ask.admin.providers)();
    if !providers.contains(&provider) {
        let remedy = format!("write one of: {}", providers.join(", "));
        return Err(Refusal::invalid("`provider` is none that is configured", remedy));
    }
    let mut credential = Credential {
        id: credential_id()?,
        tenant: ask.tenant().to_owned(),
        provider,
        name: name.unwrap_or_default(),
        base_url: judged(ask, base_url)?,
        hint: hint(secret.expose_secret()),
        sealed: Vec::new(),
        version: 1,
        created_ms: ask.now(),
    };
    credential.sealed = sealed(ask, &credential, &secret)?;
    let made = ask.store().create_credential(&ask.scope, credential)?;
    ask.changed(&format!("credential {} created", made.id));
    value(&made)
}

pub(crate) fn replace(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let ReplacedCredential { secret, base_url, name } = ask.body.read()?;
    let was = ask.store().credential(&ask.scope, ask.tenant(), ask.id("credential"))?;
    let mut new = Credential {
        name: name.unwrap_or(was.name),
        base_url: judged(ask, base_url.unwrap_or(was.base_url))?,
        hint: hint(secret.expose_secret()),
        version: was.version.saturating_add(1),
        ..was
    };
    new.sealed = sealed(ask, &new, &secret)?;
    let new = ask.store().replace_credential(&ask.scope, &new)?;
    ask.changed(&format!("credential {} replaced", new.id));
    value(&new)
}

pub(crate) fn remove(ask: &mut Ask<'_>) -> Result<Value, Refusal> {
    let id = ask.id("credential");
    ask.store().remove_credential(&ask.scope, ask.tenant(), id)?;
    ask.changed(&format!("credential {id} removed"));
    Ok(Value::Null)
}

/// What the seal of a credential is bound to.
pub(crate) fn context(credential: &Credential) -> Context<'_> {
    Context {
        tenant: &credential.tenant,
        row: &credential.id,
        version: credential.version,
        base_url: credential.base_url.as_deref().unwrap_or_default(),
    }
}

fn sealed(ask: &Ask<'_>, credential: &Credential, secret: &SecretString) -> Result<Vec<u8>, Refusal> {
    let random = SealRandom::draw().map_err(|_| Refusal::internal("the system gives no randomness"))?;
    Ok((ask.admin.master)().seal(&context(credential), secret.expose_secret().as_bytes(), random))
}

/// The base URL in its one spelling, where a tenant may send a secret to it.
fn judged(ask: &Ask<'_>, base_url: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(base_url) = base_url else { return Ok(None) };
    let judged = (ask.admin.guard)().judge_url(&base_url);
    let safe = judged.map_err(|blocked| Refusal::invalid("`base_url` may not be called", blocked.to_string()))?;
    Ok(Some(safe.to_string()))
}

fn hint(secret: &str) -> String {
    let length = secret.chars().count();
    if length < HINTED_MIN {
        return String::new();
    }
    secret.chars().skip(length - HINT).filter(char::is_ascii_graphic).collect()
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn a_hint_is_a_small_part_of_a_long_secret() {
        assert_eq!(hint("sk-0123456789abcd"), "abcd");
        assert_eq!(hint("12345678901"), "");
        assert_eq!(hint("-----BEGIN-----\n\u{7}x\u{202e}y"), "xy");
    }
}
