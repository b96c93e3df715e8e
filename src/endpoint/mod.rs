//! One physical place that answers: where it is, what it wants to hear, how it has been doing.
//!
//! It opens no connection. Everything that does not change from request to request is made here,
//! once, when configuration loads.

mod place;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use memchr::memmem;
use pingora::http::RequestHeader;
use pingora::upstreams::peer::HttpPeer;
use pingora::utils::tls::WrappedX509;
use secrecy::{ExposeSecret, SecretString};
use smallvec::SmallVec;
use tollgate_api::{Cost, RequestId, Surface, Tier, Usage};
use tollgate_conf::{BaseUrl, Timeouts};
use tollgate_meter::Prices;
use tollgate_race::Rest;
use tollgate_translate::{AnswerHead, Dialect, TierSaid, VendorError};
use tollgate_vault::{Guard, SafeUrl};
use tollgate_vendors::{Operation, Vendor};

use crate::clock;
use crate::deadlines::Asked;
use crate::fail::Fail;
use crate::handles::EndpointMetrics;
use crate::health::{Health, Policy};
use crate::lately::Lately;
use crate::signer::Signer;
use place::Place;

/// What stands in a vendor's words where a credential stood.
const VEIL: &str = "[credential]";
/// A shorter value of a header is none, and would be found in any text.
const SECRET_MIN: usize = 6;

/// Connections to tenants' own places are never those of the operator's.
const GROUP_OF_TENANTS: u64 = 0x7465_6e61_6e74;

/// An endpoint, ready to be tried.
pub(crate) struct Endpoint {
    /// Its name in configuration, headers, logs and metrics.
    pub(crate) name: Arc<str>,
    /// Its provider's name.
    pub(crate) provider: Arc<str>,
    /// The model's id at the vendor.
    pub(crate) model: Arc<str>,
    /// What is known of its vendor.
    pub(crate) vendor: &'static Vendor,
    /// How long its attempts may take.
    pub(crate) timeouts: Timeouts,
    /// What its tokens cost; `None` when the catalogue does not say.
    pub(crate) prices: Option<Prices>,
    /// Tokens that come out at most, where the catalogue says.
    pub(crate) max_output: Option<u64>,
    /// Whether a tenant's own credential is used at it.
    pub(crate) is_own: bool,
    /// The 95th percentile of its time to first content, where the catalogue says.
    pub(crate) first_content: Option<Duration>,
    /// How it has been doing; survives reloads, as the next two.
    pub(crate) health: Arc<Health>,
    /// How long its answers took to start.
    pub(crate) lately: Arc<Lately>,
    /// Whether its flex tier is worth a try.
    pub(crate) flex: Arc<Rest>,
    /// When it is considered down.
    pub(crate) policy: Policy,
    /// Its metric handles.
    pub(crate) metrics: EndpointMetrics,
    place: Place,
    base: BaseUrl,
    http2: bool,
    /// Each dialect that it speaks, the one that is translated into first.
    tongues: SmallVec<[Tongue; 2]>,
    /// Where it has vectors.
    embeds: Option<Uri>,
    headers: HeaderMap,
    /// How its requests are signed, where they are.
    signer: Option<Signer>,
    /// What it authenticates by: its key, and the headers of its provider. A tenant's place has none.
    secrets: Vec<SecretString>,
    parts: Parts,
}

/// A dialect, and where it is spoken.
struct Tongue {
    dialect: Dialect,
    whole: Uri,
    stream: Uri,
}

/// What makes an endpoint, beside what configuration says of its provider.
pub(crate) struct Site<'a> {
    pub(crate) base: &'a BaseUrl,
    pub(crate) vendor: &'static Vendor,
    pub(crate) dialects: SmallVec<[Dialect; 2]>,
    pub(crate) http2: bool,
    pub(crate) credential: Option<&'a str>,
    pub(crate) headers: &'a [(HeaderName, HeaderValue)],
    pub(crate) ca: Option<Arc<[WrappedX509]>>,
    pub(crate) connect: Duration,
    /// Separates connection pools: Pingora's pool key ignores the CA and ALPN.
    pub(crate) group: u64,
}

/// Everything an [`Endpoint`] is made of.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) name: Arc<str>,
    pub(crate) provider: Arc<str>,
    pub(crate) model: Arc<str>,
    pub(crate) timeouts: Timeouts,
    pub(crate) prices: Option<Prices>,
    pub(crate) max_output: Option<u64>,
    pub(crate) first_content: Option<Duration>,
    pub(crate) health: Arc<Health>,
    pub(crate) lately: Arc<Lately>,
    pub(crate) flex: Arc<Rest>,
    pub(crate) policy: Policy,
    pub(crate) metrics: EndpointMetrics,
}

impl Endpoint {
    /// Makes an endpoint.
    ///
    /// # Errors
    /// When its base URL, credential or headers cannot be written into a request; checked
    /// configuration does not get here with such values.
    pub(crate) fn new(parts: Parts, site: &Site<'_>) -> Result<Self, http::Error> {
        Self::guarded(parts, site, None)
    }

    fn guarded(parts: Parts, site: &Site<'_>, guard: Option<Arc<Guard>>) -> Result<Self, http::Error> {
        let Parts { name, provider, model, timeouts, prices, max_output, .. } = parts.clone();
        let Parts { first_content, health, lately, flex, policy, metrics, .. } = parts.clone();
        Ok(Self {
            parts,
            tongues: tongues(site, &model)?,
            embeds: embeds(site, &model)?,
            base: site.base.clone(),
            http2: site.http2,
            headers: headers(site)?,
            signer: Signer::of(site),
            place: Place::new(site, guard),
            secrets: secrets(site),
            vendor: site.vendor,
            name,
            provider,
            model,
            timeouts,
            prices,
            max_output,
            is_own: false,
            first_content,
            health,
            lately,
            flex,
            policy,
            metrics,
        })
    }

    /// This endpoint as a tenant's own credential reaches it: at the same place or at the tenant's own,
    /// which the guard looks at; with a health of its own.
    ///
    /// # Errors
    /// When its address cannot be written into a request.
    pub(crate) fn for_own(&self, base: Option<SafeUrl>, guard: Arc<Guard>) -> Result<Self, http::Error> {
        // Whether a credential is let at flex is a matter of that credential; how fast a place is, of the place.
        let lately = if base.is_some() { Arc::default() } else { Arc::clone(&self.lately) };
        let parts = Parts { health: Arc::default(), flex: Arc::default(), lately, ..self.parts.clone() };
        let template = &self.place.template;
        let base_url = match &base {
            Some(url) => {
                BaseUrl { tls: url.tls(), host: url.host().to_owned(), port: url.port(), path: url.path().to_owned() }
            }
            None => self.base.clone(),
        };
        let site = Site {
            base: &base_url,
            vendor: self.vendor,
            dialects: self.tongues.iter().map(|tongue| tongue.dialect).collect(),
            http2: self.http2,
            // A provider's headers may be the operator's credential: none of them goes with the tenant's.
            credential: None,
            headers: &[],
            // What the operator trusts for its own place is not trusted for a tenant's.
            ca: if base.is_some() { None } else { template.options.ca.clone() },
            connect: self.timeouts.connect,
            group: if base.is_some() { GROUP_OF_TENANTS } else { template.group_key },
        };
        let mut own = Self::guarded(parts, &site, base.is_some().then_some(guard))?;
        own.is_own = true;
        Ok(own)
    }

    /// Where to connect to.
    pub(crate) async fn peer(&self) -> Result<Arc<HttpPeer>, Fail> {
        self.place.peer().await
    }

    /// A vendor's words without the credential in them: vendors echo what they were shown. `own` is the
    /// tenant's, where that was used.
    pub(crate) fn discreet(&self, mut error: VendorError, own: Option<&SecretString>) -> VendorError {
        for text in [Some(&mut error.kind), Some(&mut error.message), error.code.as_mut()].into_iter().flatten() {
            for secret in self.shown(own).filter(|secret| text.contains(*secret)).collect::<Vec<_>>() {
                *text = text.replace(secret, VEIL);
            }
        }
        error
    }

    /// A vendor's bytes without the credential in them, before anything of them is cut.
    pub(crate) fn veiled(&self, bytes: Bytes, own: Option<&SecretString>) -> Bytes {
        let mut bytes = bytes;
        for secret in self.shown(own) {
            let found = memmem::Finder::new(secret);
            let Some(first) = found.find(&bytes) else { continue };
            let mut veiled = Vec::with_capacity(bytes.len());
            let (mut rest, mut next) = (&bytes[..], Some(first));
            while let Some(at) = next {
                veiled.extend_from_slice(&rest[..at]);
                veiled.extend_from_slice(VEIL.as_bytes());
                rest = &rest[at + secret.len()..];
                next = found.find(rest);
            }
            veiled.extend_from_slice(rest);
            bytes = Bytes::from(veiled);
        }
        bytes
    }

    /// The secrets that the vendor was shown.
    fn shown<'a>(&'a self, own: Option<&'a SecretString>) -> impl Iterator<Item = &'a str> {
        let all = self.secrets.iter().chain(own).map(|secret| secret.expose_secret());
        all.filter(|secret| !secret.is_empty())
    }

    /// What this usage costs here; `None` when the catalogue has no price.
    pub(crate) fn price(&self, usage: &Usage) -> Option<Cost> {
        self.prices.as_ref().map(|prices| prices.cost(usage))
    }

    /// Whether a service tier's price is the most that such a tier asks anywhere, because no list has it.
    pub(crate) fn is_guess(&self, tier: Tier) -> bool {
        self.prices.as_ref().is_some_and(|prices| !prices.says(tier))
    }

    /// The dialect in which a request of this surface is put: the surface's own where it is spoken here.
    pub(crate) fn dialect(&self, surface: Surface) -> Dialect {
        self.tongue(surface).dialect
    }

    /// What is said for a tier to this place, by a client of this surface.
    pub(crate) fn tier_said(&self, surface: Surface, asked: Asked) -> TierSaid {
        self.dialect(surface).tier(self.vendor.accent, &asked.to_dialects())
    }

    /// Whether its model is sold at flex.
    pub(crate) fn sells_flex(&self, surface: Surface) -> bool {
        let is_listed = self.prices.as_ref().is_some_and(|prices| prices.sells(Tier::Flex));
        is_listed && surface != Surface::Embeddings && self.tier_said(surface, Asked::Flex) != TierSaid::Missing
    }

    /// Whether a client of this surface is understood without translation.
    pub(crate) fn speaks(&self, surface: Surface) -> bool {
        Dialect::of(surface) == Some(self.tongue(surface).dialect)
    }

    fn tongue(&self, surface: Surface) -> &Tongue {
        let own = Dialect::of(surface).and_then(|own| self.tongues.iter().find(|tongue| tongue.dialect == own));
        own.unwrap_or(&self.tongues[0])
    }

    /// Where a request of this surface goes; `None` where there is nothing for it.
    pub(crate) fn target(&self, surface: Surface, stream: bool) -> Option<&Uri> {
        match (surface, self.tongue(surface)) {
            (Surface::Embeddings, _) => self.embeds.as_ref(),
            (_, tongue) => Some(if stream { &tongue.stream } else { &tongue.whole }),
        }
    }

    /// Where a path of the vendor's own is; `None` where it has none, or the path is no path.
    pub(crate) fn native(&self, path: &str) -> Option<Uri> {
        self.at(Operation::Other(path))
    }

    fn at(&self, operation: Operation<'_>) -> Option<Uri> {
        let path = self.vendor.layout.path(operation, &self.model)?;
        Uri::builder().path_and_query(format!("{}{path}", self.base.path)).build().ok()
    }

    /// Where prompts are counted, in Anthropic's words.
    pub(crate) fn counts_tokens(&self) -> Option<Uri> {
        self.at(Operation::CountTokens).filter(|_| self.speaks(Surface::Messages))
    }

    /// The head of a request to `target` with this body: an allow-list, never the client's head.
    /// `more` are headers that neither frame nor authenticate it; `own` is the tenant's own credential.
    pub(crate) fn head(
        &self,
        target: &Uri,
        body: &Bytes,
        more: &HeaderMap,
        own: Option<&SecretString>,
    ) -> Box<RequestHeader> {
        self.head_of(&Method::POST, target, body, more, own)
    }

    /// The same for any method.
    pub(crate) fn head_of(
        &self,
        method: &Method,
        target: &Uri,
        body: &Bytes,
        more: &HeaderMap,
        own: Option<&SecretString>,
    ) -> Box<RequestHeader> {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.method = method.clone();
        parts.uri = target.clone();
        parts.headers = self.headers.clone();
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        for (name, value) in more {
            parts.headers.insert(name.clone(), value.clone());
        }
        match &self.signer {
            // A request that cannot be signed goes out without, and is refused for it.
            Some(signer) => parts.headers.extend(signer.sign(method, &parts.uri, body, own)),
            // What cannot stand in a header was refused when it was stored.
            None => parts.headers.extend(own.and_then(|own| self.vendor.credential(own.expose_secret()).ok())),
        }
        Box::new(RequestHeader::from(parts))
    }

    /// What an answer of this endpoint says of itself when we write it.
    pub(crate) fn answer_head(&self, id: RequestId) -> AnswerHead {
        AnswerHead { id: id.to_string(), model: self.model.to_string(), created: clock::unix_seconds() }
    }
}

fn secrets(site: &Site<'_>) -> Vec<SecretString> {
    let headers = site.headers.iter().filter_map(|(_, value)| value.to_str().ok());
    let headers = headers.filter(|value| value.len() >= SECRET_MIN);
    // Each part of a credential is one: an access key's secret stands beside its id.
    let parts = site.credential.into_iter().flat_map(|whole| whole.split(':').filter(|part| part.len() >= SECRET_MIN));
    site.credential.into_iter().chain(parts).chain(headers).map(SecretString::from).collect()
}

/// Where each dialect of this place is spoken. One for which the vendor has no path is left out; the first
/// has one, as configuration was checked for it.
fn tongues(site: &Site<'_>, model: &str) -> Result<SmallVec<[Tongue; 2]>, http::Error> {
    let mut tongues = SmallVec::new();
    for &dialect in &site.dialects {
        let path = |stream| site.vendor.layout.path(Operation::Generate { dialect, stream }, model);
        if let (Some(whole), Some(stream)) = (path(false), path(true)) {
            tongues.push(Tongue { dialect, whole: below(site, &whole)?, stream: below(site, &stream)? });
        }
    }
    Ok(tongues)
}

fn embeds(site: &Site<'_>, model: &str) -> Result<Option<Uri>, http::Error> {
    let path = site.vendor.layout.path(Operation::Embed, model).filter(|_| site.vendor.embeds);
    path.map(|path| below(site, &path)).transpose()
}

/// A path below the base URL's own.
fn below(site: &Site<'_>, path: &str) -> Result<Uri, http::Error> {
    Uri::builder().path_and_query(format!("{}{path}", site.base.path)).build()
}

/// The headers that every request to this place shares.
fn headers(site: &Site<'_>) -> Result<HeaderMap, http::Error> {
    let base = site.base;
    let default_port = if base.tls { 443 } else { 80 };
    let host = if base.port == default_port { base.host.clone() } else { format!("{}:{}", base.host, base.port) };
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(header::HOST, HeaderValue::try_from(host)?);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION"))));
    for (name, value) in site.vendor.headers {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    if site.dialects.contains(&Dialect::Anthropic) {
        // Whoever speaks it wants to know which of its versions.
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    }
    if let Some(credential) = site.credential.filter(|_| !site.vendor.signs()) {
        let (name, value) = site.vendor.credential(credential)?;
        headers.insert(name, value);
    }
    for (name, value) in site.headers {
        headers.insert(name.clone(), value.clone());
    }
    Ok(headers)
}
