//! Vendors: what they speak, where they are, what we show them.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderName, HeaderValue, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use secrecy::ExposeSecret;
use tollgate_translate::Dialect;
use tollgate_vendors::{VENDORS, Vendor, vendor};

use crate::base_url;
use crate::checked::{BaseUrl, Provider, Timeouts};
use crate::file::{AttemptTimeoutsFile, HttpFile, ProviderFile, Text};
use crate::located::{Located, Named};
use crate::matching::Pattern;
use crate::problem::nearest;

use super::Desk;
use super::keys::secret;
use super::names::{Names, check_name};

/// Headers that the gateway itself sets on every upstream request.
pub(crate) const OURS: [HeaderName; 9] =
    [HOST, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING, CONNECTION, TE, UPGRADE, EXPECT, ACCEPT_ENCODING];

/// The vendors that are right, and the names of all.
pub(super) struct Providers {
    list: Vec<Provider>,
    by_name: HashMap<Arc<str>, usize>,
    pub(super) names: Names,
}

impl Providers {
    /// The vendor of this name and its index, if it is right.
    pub(super) fn get(&self, name: &str) -> Option<(usize, &Provider)> {
        let index = *self.by_name.get(name)?;
        Some((index, &self.list[index]))
    }

    pub(super) fn into_providers(self) -> Vec<Provider> {
        self.list
    }
}

pub(super) fn providers(
    file: &Located<Named<Located<ProviderFile>>>,
    timeouts: Timeouts,
    desk: &mut Desk<'_>,
) -> Providers {
    let mut list = Vec::new();
    let mut by_name = HashMap::new();
    for (name, provider) in file.iter() {
        check_name(name, "a provider", false, desk);
        if let Some(provider) = one(name, provider, timeouts, desk) {
            by_name.insert(Arc::clone(&provider.name), list.len());
            list.push(provider);
        }
    }
    let names = file.iter().map(|(name, _)| name.as_str());
    Providers { list, by_name, names: Names::of(names, !desk.document.is_damaged(file.place)) }
}

fn one(name: &Text, file: &Located<ProviderFile>, above: Timeouts, desk: &mut Desk<'_>) -> Option<Provider> {
    let ProviderFile { vendor: kind, dialect, also_speaks, base_url, .. } = &file.value;
    let ProviderFile { api_key, api_key_file, http, ca_file, headers, storage_for, timeouts, .. } = &file.value;
    let known = match kind {
        Some(kind) => named(kind, desk),
        None => vendor(name),
    };
    let credential = secret("api_key", api_key.as_ref(), api_key_file.as_ref(), desk);
    if let Some(credential) = &credential
        && HeaderValue::from_str(credential.expose_secret()).is_err()
    {
        let at = api_key.as_ref().or(api_key_file.as_ref()).unwrap_or(name);
        desk.note(
            at,
            "the credential cannot go into a header",
            "remove line breaks and other control characters from it",
        );
    }
    if let (Some(credential), true) = (&credential, known.is_some_and(Vendor::signs))
        && let Err(bad) = tollgate_sigv4::Credential::read(credential)
    {
        let at = api_key.as_ref().or(api_key_file.as_ref()).unwrap_or(name);
        desk.note(
            at,
            format!("this is no credential of Amazon's: {bad}"),
            "write `id:secret`, `id:secret:session`, or a Bedrock API key",
        );
    }
    if let Some(vendor) = known.filter(|v| !v.local && base_url.is_none()) {
        let has_own = headers.iter().any(|(name, _)| !name.is_empty());
        if api_key.is_none() && api_key_file.is_none() && !has_own {
            let remedy = format!("add `api_key: ${{{}}}`", vendor.variable);
            desk.document.miss(file.place, format!("`{}` answers nobody without a credential", vendor.name), remedy);
        }
    }
    let ca_file = ca_file.as_ref().and_then(|path| authority(path, desk));
    let headers = headers.iter().filter_map(|(name, value)| header(name, value, desk)).collect();
    let (dialect, base) = place(name, file, *dialect, base_url.as_ref(), known, desk);
    let dialect = dialect?;
    // What is known of a vendor holds where it is spoken to as it wants to be.
    let known = known.filter(|vendor| vendor.dialect == dialect || vendor.also.contains(&dialect));
    Some(Provider {
        name: name.as_str().into(),
        vendor: known.unwrap_or_else(|| Vendor::unknown(dialect)),
        dialect,
        also: also(also_speaks.as_deref(), known, dialect, base_url.is_some()),
        base: base?,
        credential,
        http2: *http == HttpFile::Two,
        ca_file,
        headers,
        storage_for: storage_for.iter().map(|tenant| Pattern::new(tenant)).collect(),
        timeouts: own_timeouts(timeouts, above),
    })
}

/// The known vendor of this name.
fn named(kind: &Text, desk: &mut Desk<'_>) -> Option<&'static Vendor> {
    let known = vendor(kind);
    if known.is_none() {
        let what = format!("`{}` is no vendor that is known", desk.shown(kind));
        let remedy = match nearest(kind, VENDORS.iter().map(|vendor| vendor.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of: {}", VENDORS.map(|vendor| vendor.name).join(", ")),
        };
        desk.note(kind, what, remedy);
    }
    known
}

/// The dialects beside the main one: as given, or as known of a vendor where its address is the vendor's own
/// kind of place. Somebody's proxy in front of it need not have them all.
fn also(given: Option<&[Dialect]>, known: Option<&Vendor>, main: Dialect, elsewhere: bool) -> Vec<Dialect> {
    let known = known.filter(|vendor| !elsewhere || vendor.base_url.is_none() || vendor.local);
    let all = given.or(known.map(|vendor| vendor.also)).unwrap_or_default();
    all.iter().copied().filter(|dialect| *dialect != main).collect()
}

/// Dialect and base URL: as given, or as everyone knows them.
fn place(
    name: &Text,
    file: &Located<ProviderFile>,
    dialect: Option<Dialect>,
    base_url: Option<&Text>,
    known: Option<&Vendor>,
    desk: &mut Desk<'_>,
) -> (Option<Dialect>, Option<BaseUrl>) {
    let dialect = dialect.or(known.map(|vendor| vendor.dialect));
    let base = match (base_url, known) {
        (Some(text), _) => base(text, dialect, desk),
        (None, Some(vendor)) => vendor.base_url.and_then(|url| base_url::parse(url, vendor.dialect).ok()),
        (None, None) => None,
    };
    if let (None, Some(vendor @ Vendor { base_url: None, .. })) = (base_url, known) {
        let what = format!("`{}` has no one address: each customer has its own", vendor.name);
        desk.document.miss(file.place, what, format!("add `base_url: {}`", vendor.example_url));
    }
    let members = [("`dialect`", dialect.is_none()), ("`base_url`", base_url.is_none() && known.is_none())];
    let missing: Vec<_> = members.iter().filter(|(_, is_missing)| *is_missing).map(|(member, _)| *member).collect();
    if !missing.is_empty() {
        let missing = missing.join(" and ");
        let what = format!("`{}` is no vendor known by its name, and has no {missing}", desk.shown(name));
        let remedy = match nearest(name, VENDORS.iter().map(|vendor| vendor.name)) {
            Some(near) => format!("did you mean `{near}`? otherwise add {missing}"),
            None => format!("add {missing}; `dialect` is `openai` for most"),
        };
        desk.document.miss(file.place, what, remedy);
    }
    (dialect, base)
}

/// A base URL as given.
pub(super) fn base(text: &Text, dialect: Option<Dialect>, desk: &mut Desk<'_>) -> Option<BaseUrl> {
    // Without a dialect, which has been noted, anything that both would take will do.
    let parsed = base_url::parse(text, dialect.unwrap_or(Dialect::OpenAi));
    parsed.map_err(|fault| desk.note(text, fault.what, fault.remedy)).ok()
}

/// Time-outs of attempts, each in place of the one above.
pub(super) fn own_timeouts(file: &AttemptTimeoutsFile, above: Timeouts) -> Timeouts {
    let AttemptTimeoutsFile { connect, first_byte, idle } = file;
    Timeouts {
        connect: connect.map_or(above.connect, |time| time.0),
        first_byte: first_byte.map_or(above.first_byte, |time| time.0),
        idle: idle.map_or(above.idle, |time| time.0),
        total: above.total,
    }
}

fn authority(path: &Text, desk: &mut Desk<'_>) -> Option<std::path::PathBuf> {
    let (file, text) = desk.file(path, "the file of trusted certificates")?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        desk.note(
            path,
            "there is no PEM certificate in this file",
            "name a file with `-----BEGIN CERTIFICATE-----` in it",
        );
    }
    Some(file)
}

fn header(name: &Text, value: &Text, desk: &mut Desk<'_>) -> Option<(HeaderName, HeaderValue)> {
    let parsed = header_pair(name, value, desk)?;
    if OURS.contains(&parsed.0) {
        let what = format!("the header `{}` is set by the gateway itself", parsed.0);
        desk.note(name, what, "remove it");
    }
    Some(parsed)
}

/// A header as HTTP allows it.
pub(super) fn header_pair(name: &Text, value: &Text, desk: &mut Desk<'_>) -> Option<(HeaderName, HeaderValue)> {
    let parsed_name = HeaderName::from_bytes(name.as_bytes()).ok();
    let parsed_value = HeaderValue::from_str(value).ok();
    if parsed_name.is_none() {
        let what = format!("`{}` is no name of a header", desk.shown(name));
        desk.note(name, what, "use letters, digits and dashes");
    }
    if parsed_value.is_none() {
        desk.note(value, "this cannot go into a header", "remove line breaks and other control characters");
    }
    parsed_name.zip(parsed_value)
}
