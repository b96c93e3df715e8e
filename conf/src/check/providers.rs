//! Vendors: what they speak, where they are, what we show them.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderName, HeaderValue, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use secrecy::ExposeSecret;
use tollgate_translate::Dialect;

use crate::base_url;
use crate::checked::{BaseUrl, Provider, Timeouts};
use crate::file::{AttemptTimeoutsFile, HttpFile, ProviderFile, Text};
use crate::located::{Located, Named};
use crate::problem::nearest;
use crate::vendors::{VENDORS, Vendor, vendor};

use super::Desk;
use super::keys::secret;
use super::names::{Names, check_name};

/// Headers that the gateway itself sets on every upstream request.
const OURS: [HeaderName; 9] =
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
    let ProviderFile { dialect, base_url, api_key, api_key_file, http, ca_file, headers, timeouts } = &file.value;
    let known = vendor(name);
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
    Some(Provider {
        name: name.as_str().into(),
        dialect: dialect?,
        base: base?,
        credential,
        http2: *http == HttpFile::Two,
        ca_file,
        headers,
        timeouts: own_timeouts(timeouts, above),
    })
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
        (None, Some(vendor)) => base_url::parse(vendor.base_url, vendor.dialect).ok(),
        (None, None) => None,
    };
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
