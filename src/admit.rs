//! How often, how much, and how many at once: the limits of the caller's key, tenant and address.
//!
//! Nodes count together where Redis connects them, and each for itself where it does not. What is let in
//! gives its place back when it drops.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hmac::{Hmac, Mac};
use http::{HeaderName, HeaderValue};
use pingora::proxy::Session;
use sha2::Sha256;
use smallvec::SmallVec;
use tollgate_api::{RequestId, Usage};
use tollgate_limit::{Admission, Denied, Exceeded, Limits, Per, Rate, Whose, admit_all, network};
use tollgate_peers::{Answer, Ask, Denial, Figure, Limit, Pass, Peers, Scope};

use crate::accounts::{Holder, TenantState};
use crate::gateway::Gateway;
use crate::identify::client_ip;
use crate::live::Live;

/// The other nodes, and the secret under which addresses are counted there.
pub(crate) struct Others {
    pub(crate) peers: Peers,
    pub(crate) secret: Vec<u8>,
    /// What the connection lives on. It lives as long as the process.
    pub(crate) runtime: tokio::runtime::Runtime,
}

/// The right to be served. Held for the life of a request; next to nothing where nobody has set a limit.
#[derive(Default)]
pub(crate) struct Admitted(Option<Box<Places>>);

/// What was taken, to be given back.
struct Places {
    here: [Option<Admission>; 2],
    shared: Option<Pass>,
    /// Where the caller stands.
    requests: Option<Rate>,
    tokens: Option<Rate>,
}

impl Admitted {
    /// What the request has used, for the limits on tokens.
    pub(crate) fn used(&mut self, usage: &Usage) {
        let tokens = usage.prompt().saturating_add(usage.output);
        let Some(places) = &mut self.0 else { return };
        places.here.iter_mut().flatten().for_each(|admission| admission.used_tokens(tokens));
        if let Some(pass) = &mut places.shared {
            pass.used_tokens(tokens);
        }
    }

    /// Where the caller stands, in requests and in tokens.
    pub(crate) fn rates(&self) -> (Option<Rate>, Option<Rate>) {
        self.0.as_ref().map_or((None, None), |places| (places.requests, places.tokens))
    }
}

/// Lets the request in, or says when to come back.
pub(crate) async fn admit(
    gateway: &Gateway,
    live: &Live,
    holder: &Holder,
    state: &TenantState,
    session: &Session,
    (id, now): (RequestId, Instant),
) -> Result<Admitted, Denied> {
    let is_unlimited = holder.gate.limits().is_unlimited() && state.gate.limits().is_unlimited();
    if is_unlimited && live.addresses.is_none() {
        return Ok(Admitted::default());
    }
    let estimate = estimate(session);
    if let Some(others) = &gateway.others {
        // On the heap: a request that is counted here should not carry the size of a question to others.
        let asking = Box::pin(together(others, live, holder, state, session, id, estimate));
        if let Some(answer) = asking.await {
            return answer;
        }
    }
    if let (Some(guard), Some(ip)) = (&live.addresses, client_ip(session)) {
        guard.admit(ip, now)?;
    }
    let limiting = [&holder.gate, &state.gate].map(|gate| Some(gate).filter(|gate| !gate.limits().is_unlimited()));
    let here = admit_all(limiting, now, estimate)?;
    let requests = tighter(here.iter().flatten().filter_map(Admission::rate));
    let tokens = tighter(here.iter().flatten().filter_map(Admission::tokens));
    Ok(Admitted(Some(Box::new(Places { here, shared: None, requests, tokens }))))
}

/// Four bytes a token, until the request is metered.
fn estimate(session: &Session) -> u64 {
    let length = session.req_header().headers.get(http::header::CONTENT_LENGTH);
    length.and_then(|v| v.to_str().ok()?.parse::<u64>().ok()).unwrap_or(0).div_ceil(4)
}

/// Of several figures, the one of which less is left.
fn tighter(rates: impl Iterator<Item = Rate>) -> Option<Rate> {
    rates.min_by_key(|rate| rate.remaining)
}

/// Asks all nodes at once. `None` where Redis is away, or nobody has a limit.
async fn together(
    others: &Others,
    live: &Live,
    holder: &Holder,
    state: &TenantState,
    session: &Session,
    id: RequestId,
    estimate: u64,
) -> Option<Result<Admitted, Denied>> {
    let address = live.addresses.as_ref().and_then(|_| Some(hashed(&others.secret, client_ip(session)?)));
    let of_address = Limits { requests_per_minute: live.requests_per_minute_per_ip, ..Limits::default() };
    let scopes = [
        (Whose::Key, Scope::Key(holder.root.as_str()), holder.gate.limits()),
        (Whose::Tenant, Scope::Tenant(&holder.tenant.id), state.gate.limits()),
        (Whose::Address, Scope::Address(address.as_deref().unwrap_or_default()), &of_address),
    ];
    let asked: SmallVec<[_; 3]> = scopes
        .into_iter()
        .filter(|(whose, _, limits)| !limits.is_unlimited() && (*whose != Whose::Address || address.is_some()))
        .collect();
    if asked.is_empty() {
        return None;
    }
    let asks: SmallVec<[Ask<'_>; 3]> = asked
        .iter()
        .map(|(_, scope, limits)| Ask { scope: *scope, limits: shared(limits), tokens_estimate: estimate })
        .collect();
    match others.peers.admit(&id.to_string(), &asks).await {
        Answer::Admitted(pass) => {
            let (requests, tokens) = (pass.requests().map(rate), pass.tokens().map(rate));
            let here = Default::default();
            Some(Ok(Admitted(Some(Box::new(Places { here, shared: Some(pass), requests, tokens })))))
        }
        Answer::Denied(denial) => {
            let whose = asked.get(denial.ask).map_or(Whose::Key, |(whose, ..)| *whose);
            Some(Err(denied(whose, &denial, estimate)))
        }
        Answer::Away => None,
    }
}

fn shared(limits: &Limits) -> tollgate_peers::Limits {
    let Limits { requests_per_minute, requests_per_day, tokens_per_minute, tokens_per_day, concurrent_requests } =
        *limits;
    tollgate_peers::Limits {
        requests_per_minute: requests_per_minute.map(|n| n.get().into()),
        requests_per_day: requests_per_day.map(|n| n.get().into()),
        tokens_per_minute: tokens_per_minute.map(Into::into),
        tokens_per_day: tokens_per_day.map(Into::into),
        concurrent_requests: concurrent_requests.map(|n| n.get().into()),
    }
}

fn rate(figure: Figure) -> Rate {
    let reset_seconds = u32::try_from(figure.reset.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
    Rate { limit: figure.limit, remaining: figure.remaining, reset_seconds }
}

fn denied(whose: Whose, denial: &Denial, estimate: u64) -> Denied {
    let limit = denial.most;
    let remaining = denial.tokens.map_or(0, |figure| figure.remaining);
    let exceeded = match denial.limit {
        Limit::RequestsPerMinute => Exceeded::Requests { per: Per::Minute, limit },
        Limit::RequestsPerDay => Exceeded::Requests { per: Per::Day, limit },
        Limit::TokensPerMinute => Exceeded::Tokens { per: Per::Minute, limit, remaining, estimate },
        Limit::TokensPerDay => Exceeded::Tokens { per: Per::Day, limit, remaining, estimate },
        Limit::ConcurrentRequests => Exceeded::Concurrent { limit },
    };
    let wait = denial.wait.max(Duration::from_millis(1));
    Denied { whose, exceeded, wait, requests: denial.requests.map(rate), tokens: denial.tokens.map(rate) }
}

/// An address as other nodes count it: under a secret, so that nobody who reads Redis learns it.
fn hashed(secret: &[u8], ip: IpAddr) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(&network(ip).to_be_bytes());
    tollgate_audit::hash::hex(&mac.finalize().into_bytes()[..16])
}

/// The headers by which clients pace themselves.
pub(crate) fn headers(
    (requests, tokens): (Option<Rate>, Option<Rate>),
) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let names = [
        (requests, ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"]),
        (tokens, ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"]),
    ];
    names.into_iter().filter_map(|(rate, names)| Some((rate?, names))).flat_map(|(rate, [limit, remaining, reset])| {
        [
            (HeaderName::from_static(limit), HeaderValue::from(rate.limit)),
            (HeaderName::from_static(remaining), HeaderValue::from(rate.remaining)),
            (HeaderName::from_static(reset), HeaderValue::from(rate.reset_seconds)),
        ]
    })
}
