//! A request in an endpoint's words: spliced where it speaks the client's dialect, translated where it does
//! not. It sends nothing.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use tollgate_api::{Call, Edit, Edits, Exchange, Surface};
use tollgate_translate::{
    Accent, Losses, TierSaid, Unsealing, Upstream, embeddings, has_nulls, splice, unsealed, unsealing, without_nulls,
};

use crate::deadlines::Asked;
use crate::endpoint::Endpoint;
use crate::fail::Fail;
use crate::off_worker::{THRESHOLD_BYTES, off_worker};
use crate::tally::How;

/// A request in an endpoint's words, and what of it could not be said.
pub(crate) struct Said {
    pub(crate) body: Bytes,
    pub(crate) dropped: Vec<String>,
}

/// The request in this endpoint's words. `cap` is the output that is paid for; `how` says which tier to ask for,
/// and which seals to give back.
pub(crate) async fn say(
    endpoint: &Arc<Endpoint>,
    exchange: &Exchange,
    cap: Option<u64>,
    how: How,
) -> Result<Said, Fail> {
    let call = &exchange.call;
    let capped = cap.and_then(|cap| capped(endpoint, exchange, cap));
    let edits = capped.as_ref().unwrap_or(&exchange.edits);
    if call.surface == Surface::Embeddings {
        return vectors(endpoint, call, edits);
    }
    match spliced(endpoint, call, edits, how).await {
        Some(body) => Ok(Said { body, dropped: Vec::new() }),
        None => translated(endpoint, call, edits, how).await,
    }
}

fn vectors(endpoint: &Endpoint, call: &Call, edits: &Edits) -> Result<Said, Fail> {
    let mut losses = Losses::new(call.drop_unsupported);
    let body = embeddings::request(endpoint.dialect(call.surface), call, edits, &endpoint.model, &mut losses);
    Ok(Said { body: body.map_err(Fail::Unsayable)?, dropped: losses.dropped() })
}

/// The client's own bytes with the touched members changed; `None` where the endpoint speaks another dialect,
/// or the conversation holds what this vendor cannot read.
async fn spliced(endpoint: &Endpoint, call: &Call, edits: &Edits, how: How) -> Option<Bytes> {
    if !endpoint.speaks(call.surface) {
        return None;
    }
    let mut edits = Cow::Borrowed(edits);
    match unsealing(call.surface, conversation(call, &edits), how.seals) {
        Unsealing::AsItIs => {}
        Unsealing::InPlace => {
            let unsealed = mended(call, &edits, move |call, said| unsealed(call, said, how.seals)).await;
            edits.to_mut().extend(unsealed);
        }
        Unsealing::Anew => return None,
    }
    let may_be_null = endpoint.vendor.refuses_nulls && call.surface == Surface::Responses;
    if may_be_null && has_nulls(conversation(call, &edits)) {
        let without = mended(call, &edits, |_, said| without_nulls(said)).await;
        edits.to_mut().extend(without);
    }
    if has_only_newer_cap(endpoint, call) {
        let newer = edits.iter().rev().find(|edit| &*edit.member == NEWER_CAP).map(|edit| edit.value.clone());
        let value = newer.unwrap_or_else(|| call.max_output.map(|cap| cap.to_string().into()));
        let older = Edit { member: "max_tokens".into(), value };
        edits.to_mut().extend([older, Edit { member: NEWER_CAP.into(), value: None }]);
    }
    if let Some(TierSaid::Word(word)) = how.tier.map(|tier| endpoint.tier_said(call.surface, tier)) {
        endpoint.dialect(call.surface).ask_tier(word, edits.to_mut());
    }
    let asks_usage = call.stream && call.surface == Surface::ChatCompletions;
    Some(splice(call, &edits, Some(&endpoint.model), asks_usage))
}

async fn translated(endpoint: &Endpoint, call: &Call, edits: &Edits, how: How) -> Result<Said, Fail> {
    let (dialect, accent) = (endpoint.dialect(call.surface), endpoint.vendor.accent);
    // What needs no word is not said.
    let tier = how.tier.filter(|tier| matches!(endpoint.tier_said(call.surface, *tier), TierSaid::Word(_)));
    let tier = tier.map(Asked::to_dialects);
    let said = if call.body.len() < THRESHOLD_BYTES {
        let upstream = Upstream { model: &endpoint.model, accent, tier: tier.as_ref(), seals: how.seals };
        dialect.request_to(call, edits, &upstream)
    } else {
        let (call, edits, model) = (call.clone(), edits.clone(), Arc::clone(&endpoint.model));
        let said = move || {
            let upstream = Upstream { model: &model, accent, tier: tier.as_ref(), seals: how.seals };
            dialect.request_to(&call, &edits, &upstream)
        };
        off_worker(said).await
    };
    let tollgate_translate::Said { body, dropped } = said.map_err(Fail::Unsayable)?;
    Ok(Said { body: body.into(), dropped })
}

/// OpenAI's newer word for the cap on output.
const NEWER_CAP: &str = "max_completion_tokens";

/// Whether the client caps its output by OpenAI's newer member alone, at a vendor of the same dialect that
/// has only the older.
fn has_only_newer_cap(endpoint: &Endpoint, call: &Call) -> bool {
    let has_only_newer = call.caps.max_completion_tokens && !call.caps.max_tokens;
    let is_known = Accent::named(endpoint.vendor.name).is_some_and(|accent| !accent.caps_by_newer_member());
    has_only_newer && call.surface == Surface::ChatCompletions && is_known
}

/// The edits that this makes of the conversation: it is read for them, off the worker where it is long.
async fn mended(call: &Call, edits: &Edits, mend: impl FnOnce(&Call, &[u8]) -> Edits + Send + 'static) -> Edits {
    if call.body.len() < THRESHOLD_BYTES {
        return mend(call, conversation(call, edits));
    }
    let (call, edits) = (call.clone(), edits.clone());
    off_worker(move || mend(&call, conversation(&call, &edits))).await
}

/// The conversation, as filters left it.
fn conversation<'a>(call: &'a Call, edits: &'a Edits) -> &'a [u8] {
    let member = match call.surface {
        Surface::Responses | Surface::Interactions => "input",
        Surface::GenerateContent => "contents",
        _ => "messages",
    };
    let edited = edits.iter().rev().find(|edit| &*edit.member == member).and_then(|edit| edit.value.as_deref());
    edited.map_or(call.messages(), str::as_bytes)
}

/// The edits that cap the output at what is held; `None` where the client's own cap is no higher.
fn capped(endpoint: &Endpoint, exchange: &Exchange, cap: u64) -> Option<Edits> {
    let call = &exchange.call;
    if call.max_output.is_some_and(|own| own <= cap) {
        return None;
    }
    let cap = endpoint.max_output.map_or(cap, |most| most.min(cap));
    // OpenAI's own models insist on the newer member, all others know the older.
    let newer = matches!(endpoint.vendor.name, "openai" | "azure");
    Some(tollgate_translate::capped(call, &exchange.edits, cap, newer))
}
