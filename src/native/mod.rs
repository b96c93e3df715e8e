//! What a vendor has and we only pass on: images, audio, files, batches, and whatever else its paths name.
//! Authenticated, limited, on record and counted; the bytes are the client's and the vendor's own.
//!
//! It does not fall back: a file lies at one vendor. It does not stream what comes in: a body is read whole,
//! and is no longer than any other.

pub(crate) mod count;
mod named;
mod relay;
mod send;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, header};
use pingora::proxy::Session;
use tollgate_api::{Call, Caps, Code, Edits, Exchange, Framing, Refusal, Spans, Surface};

use crate::accounts::Holder;
use crate::attempts::nobody_answered;
use crate::endpoint::Endpoint;
use crate::gateway::{Gateway, draw_request_id};
use crate::live::Live;
use crate::pipeline::{End, Gone, Heard, enter, hold, say_why, while_listening};
use crate::plan::{Candidate, Plan};
use crate::reading::read_body;
use crate::surface::{Home, Native};
use crate::tally::Tally;
use named::Named;
use relay::pass_on;
use send::{Request, attempt};

/// By which provider the client wants to be served, where neither path nor model says.
static PROVIDER: HeaderName = HeaderName::from_static("x-tollgate-provider");

/// Serves one request for a vendor's own path.
pub(crate) async fn serve(gateway: &Arc<Gateway>, native: Native, session: &mut Session) -> Result<(), Gone> {
    let mut tally = Tally::open(gateway, gateway.live.load_full(), Surface::Native, draw_request_id());
    match travel(gateway, native, session, &mut tally).await {
        Ok(()) => Ok(()),
        Err(end) => say_why(end, session, &mut tally).await,
    }
}

async fn travel(gateway: &Arc<Gateway>, native: Native, session: &mut Session, tally: &mut Tally) -> Result<(), End> {
    let (live, holder, state) = enter(gateway, session, tally).await?;
    let body = read_body(&live, session).await?;
    let asked = Asked::read(native, &body, &session.req_header().headers);
    let place = Arc::clone(place(&live, &asked)?);
    let exchange = exchange(tally, &holder, &asked, body.clone());
    let exchange = tally.keep(exchange);
    let mut plan = Plan::only(&place).permitted(&holder, &exchange.call.model, &state)?;
    if let Some(candidate) = plan.candidates().next().filter(|_| !asked.native.is_work(&session.req_header().method)) {
        may_use_storage(gateway, &live, candidate, &holder.caller.tenant)?;
    }
    hold(tally, &holder, &state, &mut plan, session).await?;
    tally.begin(&plan).await?;
    let candidate = plan.candidates().next().ok_or_else(|| nobody_answered(&plan, &tally.leg.tried))?;
    let request = Request::of(&asked, body, candidate, session)?;
    let wait = Box::pin(attempt(gateway, candidate, request, tally));
    match while_listening(session, wait, None).await? {
        Heard::Here(Some(answer)) => pass_on(answer, candidate, session, tally).await,
        Heard::Here(None) => Err(nobody_answered(&plan, &tally.leg.tried).into()),
        Heard::Gone(_) => Err(End::Gone),
    }
}

/// What is asked for, and of whom.
struct Asked {
    native: Native,
    /// The model that the body names.
    named: Option<Named>,
    provider: Option<String>,
}

impl Asked {
    fn read(native: Native, body: &[u8], headers: &HeaderMap) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
        let named = Named::find(text(&header::CONTENT_TYPE).unwrap_or_default(), body);
        Self { named, provider: text(&PROVIDER).map(str::to_owned), native }
    }

    fn model(&self) -> Option<&str> {
        self.native.model.as_deref().or(self.named.as_ref().map(|named| &*named.model))
    }
}

/// Where to go: to the provider that the client names, to that of the model, or to that of the prefix.
fn place<'a>(live: &'a Live, asked: &Asked) -> Result<&'a Arc<Endpoint>, Refusal> {
    if let Some(name) = asked.provider.as_deref() {
        return live.natives.get(name).ok_or_else(|| {
            let shown: String = name.chars().take(80).collect();
            Refusal::new(Code::UnknownProvider, format!("there is no provider `{shown}`")).at(PROVIDER.as_str())
        });
    }
    let fits = |place: &&Arc<Endpoint>| asked.native.vendor.is_none_or(|vendor| place.vendor.name == vendor);
    let of_model = asked.model().and_then(|model| live.places_of(model).find(fits));
    let at_home = || asked.native.home.and_then(|home| at_home(live, home));
    of_model.or_else(at_home).or_else(|| only_one(live.natives.values().filter(fits))).ok_or_else(|| {
        let what = match asked.native.vendor {
            Some(vendor) => format!("it is not clear which provider is meant by `{vendor}`"),
            None => "neither a model nor a header says which provider this is for".to_owned(),
        };
        Refusal::new(Code::UnknownProvider, what).at(PROVIDER.as_str())
    })
}

/// What is stored at a vendor belongs to whoever has the account: the vendor does not know our tenants, and shows
/// the files of one to the next.
fn may_use_storage(gateway: &Gateway, live: &Live, candidate: &Candidate<'_>, tenant: &str) -> Result<(), Refusal> {
    let provider = &candidate.endpoint().provider;
    let may = match live.storage_for.get(provider) {
        _ if candidate.own().is_some() => true,
        Some(tenants) => tenants.iter().any(|pattern| pattern.fits(tenant)),
        None => gateway.accounts.is_only(tenant),
    };
    if may {
        return Ok(());
    }
    let what = format!(
        "what is stored at `{provider}` is in the operator's account, where tenants are not kept apart; \
         the operator may name yours in `providers.{provider}.storage_for`"
    );
    Err(Refusal::new(Code::CredentialRequired, what))
}

/// The one provider of the surface's inventor; else the only one that speaks it.
fn at_home(live: &Live, home: Home) -> Option<&Arc<Endpoint>> {
    let inventors = only_one(live.natives.values().filter(|place| place.vendor.name == home.vendor));
    inventors.or_else(|| only_one(live.natives.values().filter(|place| place.speaks(home.surface))))
}

/// The one that there is; `None` where there are several, or none.
fn only_one<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

fn exchange(tally: &Tally, holder: &Holder, asked: &Asked, body: Bytes) -> Box<Exchange> {
    let call = Call {
        body,
        surface: Surface::Native,
        model: asked.model().unwrap_or_default().into(),
        stream: false,
        framing: Framing::Sse,
        wants_usage: false,
        max_output: None,
        caps: Caps::default(),
        choices: 1,
        // Nobody knows what it will cost: where a budget pays it is refused.
        unbounded: Some("path"),
        end_user: None,
        tools: false,
        drop_unsupported: false,
        start_within: None,
        asks_tier: None,
        spans: Spans::default(),
    };
    let caller = Arc::clone(&holder.caller);
    Box::new(Exchange { id: tally.id, caller, call, headers: HeaderMap::new(), label: None, edits: Edits::new() })
}
