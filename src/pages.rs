//! The small answers: the list of models, the error reference, `/`.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use pingora::proxy::Session;
use serde_json::{Value, json};
use tollgate_api::{Code, Refusal};

use crate::gateway::Gateway;
use crate::identify::identify;
use crate::live::{Live, Model};
use crate::pipeline::End;
use crate::reply::{self, Envelope};
use crate::surface::envelope;

/// `GET /v1/models` and `/v1/models/{id}`: what this key may ask for.
pub(crate) async fn models(gateway: &Arc<Gateway>, session: &mut Session, id: Option<&str>) -> pingora::Result<()> {
    let head = session.req_header();
    let envelope = match envelope(head.uri.path()) {
        // The same path in two worlds: only clients of one say which version of it they know.
        Envelope::OpenAi if head.headers.contains_key("anthropic-version") => Envelope::Anthropic,
        envelope => envelope,
    };
    let live = gateway.live.load_full();
    let holder = match identify(gateway, &live, session, Instant::now()).await {
        Ok(holder) => holder,
        Err(End::Refused(refusal)) => {
            gateway.metrics.refused(refusal.code);
            return reply::refuse(session, &refusal, envelope).await;
        }
        Err(_) => return Err(pingora::Error::new(pingora::ErrorType::ConnectionClosed).into_down()),
    };
    let may_ask = |name: &str| holder.bound.as_ref().is_none_or(|bound| bound.allows_model(name));
    let body = match id {
        None => listing(list(&live, may_ask, envelope), envelope),
        Some(id) => match live.models.get(id).filter(|_| may_ask(id)) {
            Some(model) => describe(id, model, envelope),
            None => {
                let message = format!("there is no model `{}`", id.chars().take(100).collect::<String>());
                return reply::refuse(session, &Refusal::new(Code::ModelNotFound, message).at("model"), envelope).await;
            }
        },
    };
    reply::whole(session, 200, "application/json", [], Bytes::from(body.to_string())).await
}

fn list(live: &Live, may_ask: impl Fn(&str) -> bool, envelope: Envelope) -> Vec<Value> {
    let mut models: Vec<_> = live.models.iter().filter(|(name, _)| may_ask(name)).collect();
    models.sort_by_key(|(name, _)| *name);
    models.into_iter().map(|(name, model)| describe(name, model, envelope)).collect()
}

/// A list in the words of whoever asks.
fn listing(models: Vec<Value>, envelope: Envelope) -> Value {
    let end = |model: Option<&Value>| model.map_or(Value::Null, |model| model["id"].clone());
    match envelope {
        Envelope::Google => json!({ "models": models }),
        Envelope::Anthropic => {
            let (first, last) = (end(models.first()), end(models.last()));
            json!({"data": models, "has_more": false, "first_id": first, "last_id": last})
        }
        Envelope::OpenAi | Envelope::Amazon => json!({"object": "list", "data": models}),
    }
}

fn describe(name: &str, model: &Model, envelope: Envelope) -> Value {
    let owner = model.candidates.first().map_or("tollgate", |e| &*e.provider);
    match envelope {
        Envelope::Google => {
            let methods = ["generateContent", "streamGenerateContent", "countTokens"];
            json!({"name": format!("models/{name}"), "displayName": name, "supportedGenerationMethods": methods})
        }
        Envelope::Anthropic => {
            json!({"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"})
        }
        Envelope::OpenAi | Envelope::Amazon => {
            json!({"id": name, "object": "model", "created": 0, "owned_by": owner})
        }
    }
}

/// The error reference: every code, its rule and its remedy.
pub(crate) async fn error_reference(session: &mut Session) -> pingora::Result<()> {
    let text = Bytes::from(error_reference_markdown());
    reply::whole(session, 200, "text/markdown; charset=utf-8", [], text).await
}

/// The text of `docs/errors.md`; a test holds the two together.
#[must_use]
pub fn error_reference_markdown() -> String {
    let mut text = String::from(
        "# Errors\n\nEvery error of Tollgate's own carries a stable `code`, and links here by `doc_url`. \
         Errors that a vendor raised keep the vendor's status, type and code.\n",
    );
    for code in Code::ALL {
        text.push_str(&format!(
            "\n## <a id=\"{word}\"></a>`{word}`\n\n{status} `{kind}`\n\n- **Rule.** {rule}\n- **Remedy.** {remedy}\n",
            word = code.as_str(),
            status = code.status(),
            kind = code.kind().as_str(),
            rule = code.rule(),
            remedy = code.remedy(),
        ));
    }
    text
}

/// `/`: clients such as Claude Code probe it before they begin.
pub(crate) async fn root(session: &mut Session) -> pingora::Result<()> {
    let body = json!({"name": "tollgate", "version": env!("CARGO_PKG_VERSION"), "models": "/v1/models", "errors": reply::ERROR_REFERENCE});
    reply::whole(session, 200, "application/json", [], Bytes::from(body.to_string())).await
}

#[cfg(test)]
mod tests {
    /// `UPDATE=1` writes it anew.
    #[test]
    fn the_error_reference_in_the_documentation_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors.md");
        let text = super::error_reference_markdown();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &text).expect("the file can be written");
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == text, "{path} is not current: run `make docs`");
    }
}
