//! A request in an endpoint's words: spliced where it speaks the client's dialect, translated where it does
//! not. It sends nothing.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use memchr::memmem;
use tollgate_api::{Call, Edit, Edits, Exchange, Seal, Surface};
use tollgate_translate::{Accent, Losses, TierSaid, Upstream, embeddings, splice};

use crate::deadlines::Asked;
use crate::endpoint::Endpoint;
use crate::fail::Fail;
use crate::off_worker::{THRESHOLD_BYTES, off_worker};

/// A request in an endpoint's words, and what of it could not be said.
pub(crate) struct Said {
    pub(crate) body: Bytes,
    pub(crate) dropped: Vec<String>,
}

/// The request in this endpoint's words. `cap` is the output that is paid for, `tier` the one to ask for.
pub(crate) async fn say(
    endpoint: &Arc<Endpoint>,
    exchange: &Exchange,
    cap: Option<u64>,
    tier: Option<Asked>,
) -> Result<Said, Fail> {
    let call = &exchange.call;
    let capped = cap.and_then(|cap| capped(endpoint, exchange, cap));
    let edits = capped.as_ref().unwrap_or(&exchange.edits);
    if call.surface == Surface::Embeddings {
        return vectors(endpoint, call, edits);
    }
    match spliced(endpoint, call, edits, tier) {
        Some(body) => Ok(Said { body, dropped: Vec::new() }),
        None => translated(endpoint, call, edits, tier).await,
    }
}

fn vectors(endpoint: &Endpoint, call: &Call, edits: &Edits) -> Result<Said, Fail> {
    let mut losses = Losses::new(call.drop_unsupported);
    let body = embeddings::request(endpoint.dialect(call.surface), call, edits, &endpoint.model, &mut losses);
    Ok(Said { body: body.map_err(Fail::Unsayable)?, dropped: losses.dropped() })
}

/// The client's own bytes with the touched members changed; `None` where the endpoint speaks another dialect,
/// or the conversation holds what this vendor cannot read.
fn spliced(endpoint: &Endpoint, call: &Call, edits: &Edits, tier: Option<Asked>) -> Option<Bytes> {
    if !endpoint.speaks(call.surface) {
        return None;
    }
    let mut edits = Cow::Borrowed(edits);
    match foreign_turns(call, &edits) {
        Foreign::None => {}
        Foreign::Edit(edit) => edits.to_mut().push(edit),
        Foreign::Rewrite => return None,
    }
    if has_only_newer_cap(endpoint, call) {
        let newer = edits.iter().rev().find(|edit| &*edit.member == NEWER_CAP).map(|edit| edit.value.clone());
        let value = newer.unwrap_or_else(|| call.max_output.map(|cap| cap.to_string().into()));
        let older = Edit { member: "max_tokens".into(), value };
        edits.to_mut().extend([older, Edit { member: NEWER_CAP.into(), value: None }]);
    }
    if let Some(TierSaid::Word(word)) = tier.map(|tier| endpoint.tier_said(call.surface, tier)) {
        endpoint.dialect(call.surface).ask_tier(word, edits.to_mut());
    }
    let asks_usage = call.stream && call.surface == Surface::ChatCompletions;
    Some(splice(call, &edits, Some(&endpoint.model), asks_usage))
}

async fn translated(endpoint: &Endpoint, call: &Call, edits: &Edits, tier: Option<Asked>) -> Result<Said, Fail> {
    let (dialect, accent) = (endpoint.dialect(call.surface), endpoint.vendor.accent);
    // What needs no word is not said.
    let tier = tier.filter(|tier| matches!(endpoint.tier_said(call.surface, *tier), TierSaid::Word(_)));
    let tier = tier.map(Asked::to_dialects);
    let said = if call.body.len() < THRESHOLD_BYTES {
        dialect.request_to(call, edits, &Upstream { model: &endpoint.model, accent, tier: tier.as_ref() })
    } else {
        let (call, edits, model) = (call.clone(), edits.clone(), Arc::clone(&endpoint.model));
        let said = move || dialect.request_to(&call, &edits, &Upstream { model: &model, accent, tier: tier.as_ref() });
        off_worker(said).await
    };
    let tollgate_translate::Said { body, dropped } = said.map_err(Fail::Unsayable)?;
    Ok(Said { body: body.into(), dropped })
}

/// Looks for the mark of a seal; made once.
static SEAL: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(Seal::MARK));

/// OpenAI's newer word for the cap on output.
const NEWER_CAP: &str = "max_completion_tokens";

/// Whether the client caps its output by OpenAI's newer member alone, at a vendor of the same dialect that
/// has only the older.
fn has_only_newer_cap(endpoint: &Endpoint, call: &Call) -> bool {
    let has_only_newer = call.caps.max_completion_tokens && !call.caps.max_tokens;
    let is_known = Accent::named(endpoint.vendor.name).is_some_and(|accent| !accent.caps_by_newer_member());
    has_only_newer && call.surface == Surface::ChatCompletions && is_known
}

/// What a conversation holds of vendors that answered its earlier turns, and that no other can read.
enum Foreign {
    /// Nothing.
    None,
    /// Blocks that one edit takes out.
    Edit(Edit),
    /// Seals anywhere: the request is put together anew, without them.
    Rewrite,
}

fn foreign_turns(call: &Call, edits: &Edits) -> Foreign {
    let edited = edits.iter().rev().find(|edit| &*edit.member == "messages").and_then(|edit| edit.value.as_deref());
    let messages = edited.map_or(call.messages(), str::as_bytes);
    match call.surface {
        Surface::Messages => tollgate_translate::native_messages(messages).map_or(Foreign::None, Foreign::Edit),
        _ if SEAL.find(messages).is_some() => Foreign::Rewrite,
        _ => Foreign::None,
    }
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
