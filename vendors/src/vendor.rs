//! What is said of a vendor.

use http::{HeaderName, HeaderValue, header};
use tollgate_translate::{Accent, Dialect, VendorError};

use crate::Layout;

/// A vendor.
#[derive(Debug)]
pub struct Vendor {
    /// Its name in configuration.
    pub name: &'static str,
    /// The dialect that requests are translated into.
    pub dialect: Dialect,
    /// How it speaks OpenAI's dialect, where it does.
    pub accent: Accent,
    /// Others that it speaks as well: a client of that surface is passed through.
    pub also: &'static [Dialect],
    /// Where it is; `None` where each customer has a place of its own.
    pub base_url: Option<&'static str>,
    /// What a base URL looks like, where there is none for all.
    pub example_url: &'static str,
    /// The environment variable that usually holds its credential; for a local server, its address.
    pub variable: &'static str,
    /// Whether it answers without a credential.
    pub local: bool,
    /// A small and a large model of it, for a first configuration.
    pub models: [&'static str; 2],
    /// How it is shown its credential.
    pub auth: Auth,
    /// Where it has what.
    pub layout: Layout,
    /// Whether it has vectors below its layout's path for them.
    pub embeds: bool,
    /// Headers that every request to it has.
    pub headers: &'static [(&'static str, &'static str)],
    /// The limits that it reports.
    pub limits: &'static [LimitHeaders],
    /// What its errors say, in type, code or message, where they speak of our credential although
    /// the status does not.
    pub credential_errors: &'static [&'static str],
    /// The same where the account has no money left: coming back soon is no use.
    pub money_errors: &'static [&'static str],
    /// The same where it lacks a feature, under a status that would be worth another try.
    pub feature_errors: &'static [&'static str],
    /// The same where it does not sell this model at the tier that was asked for.
    pub tier_errors: &'static [&'static str],
    /// Whether it refuses items of Responses whose content is null.
    pub refuses_nulls: bool,
    /// The header that says for how many seconds an answer is waited for: an attempt that is called off
    /// ends there too.
    pub server_timeout: Option<&'static str>,
}

/// How a vendor is shown its credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer …`.
    Bearer,
    /// In a header of this name, as it is.
    Header(&'static str),
    /// Signed by AWS Signature Version 4 for this service, or as a bearer where it is an API key.
    Aws {
        /// The service's name in the signature.
        service: &'static str,
    },
}

/// A limit that a vendor reports: what is left of it, and when it is whole again.
#[derive(Clone, Copy, Debug)]
pub struct LimitHeaders {
    /// The header that says what is left.
    pub remaining: &'static str,
    /// The header that says when: a duration (`6m0s`, `120ms`, `7`) or a date of RFC 3339.
    pub reset: &'static str,
}

/// As OpenAI, Groq, Azure and most others report them.
pub(crate) const OPENAI_LIMITS: &[LimitHeaders] = &[
    LimitHeaders { remaining: "x-ratelimit-remaining-requests", reset: "x-ratelimit-reset-requests" },
    LimitHeaders { remaining: "x-ratelimit-remaining-tokens", reset: "x-ratelimit-reset-tokens" },
];

/// One that speaks OpenAI's dialect under a URL of its own: what is not said of a vendor is this.
pub(crate) const OPENAI_LIKE: Vendor = Vendor {
    name: "openai-compatible",
    dialect: Dialect::OpenAi,
    accent: Accent::GENERIC,
    also: &[],
    base_url: None,
    example_url: "https://host/v1",
    variable: "API_KEY",
    local: false,
    models: ["small", "large"],
    auth: Auth::Bearer,
    layout: Layout::OpenAi,
    embeds: true,
    headers: &[],
    limits: OPENAI_LIMITS,
    credential_errors: &["invalid_api_key"],
    money_errors: &["insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached"],
    feature_errors: &[],
    tier_errors: &["invalid_service_tier", "service_tier", "service tier", "serviceTier"],
    refuses_nulls: false,
    server_timeout: None,
};

/// What vendors say of reasoning that they did not seal, or that stood in another conversation or account: the
/// same words wherever their models are hosted.
const SEAL_ERRORS: [&str; 9] = [
    // OpenAI and Azure.
    "invalid_encrypted_content",
    "The encrypted content ",
    // xAI, in two wordings.
    "Could not decrypt the provided encrypted_content",
    "Could not decode the compaction blob",
    // Anthropic (platform.claude.com, "Preserved thinking", 2026-10); Amazon says the last of an empty one.
    "Invalid `signature` in `thinking` block",
    "Invalid `data` in `redacted_thinking` block",
    "thinking.signature: Field required",
    // Google.
    "Corrupted thought signature",
    "Invalid thought signature",
];

/// Whoever speaks Responses, and nothing is known of.
static RESPONSES_LIKE: Vendor = Vendor { dialect: Dialect::Responses, ..OPENAI_LIKE };
static GENERIC: Vendor = OPENAI_LIKE;

impl Vendor {
    /// What is taken of a place that speaks this dialect and has no name that we know.
    #[must_use]
    pub fn unknown(dialect: Dialect) -> &'static Self {
        match dialect {
            Dialect::OpenAi => &GENERIC,
            Dialect::Responses => &RESPONSES_LIKE,
            Dialect::Anthropic => &crate::anthropic::VENDOR,
            Dialect::Gemini | Dialect::Interactions => &crate::gemini::VENDOR,
            Dialect::Converse => &crate::bedrock::VENDOR,
        }
    }

    /// Whether requests to it are signed.
    #[must_use]
    pub fn signs(&self) -> bool {
        matches!(self.auth, Auth::Aws { .. })
    }

    /// The header that shows this credential, where no signature is needed.
    ///
    /// # Errors
    /// When the credential cannot stand in a header.
    pub fn credential(&self, credential: &str) -> Result<(HeaderName, HeaderValue), http::Error> {
        let (name, text) = match self.auth {
            Auth::Bearer | Auth::Aws { .. } => (header::AUTHORIZATION, format!("Bearer {credential}")),
            Auth::Header(name) => (HeaderName::from_static(name), credential.to_owned()),
        };
        let mut value = HeaderValue::try_from(text)?;
        value.set_sensitive(true);
        Ok((name, value))
    }

    /// Whether an error under this status speaks of our account with the vendor, so that another
    /// place may do better.
    #[must_use]
    pub fn blames_us(&self, error: &VendorError) -> bool {
        says(error, self.credential_errors) || says(error, self.money_errors)
    }

    /// Whether the account has no money left.
    #[must_use]
    pub fn is_out_of_money(&self, error: &VendorError) -> bool {
        says(error, self.money_errors)
    }

    /// Whether the vendor lacks what was asked for: its health is not in question.
    #[must_use]
    pub fn lacks_feature(&self, error: &VendorError) -> bool {
        says(error, self.feature_errors)
    }

    /// Whether the vendor does not sell this model at the tier that was asked for.
    #[must_use]
    pub fn lacks_tier(&self, status: u16, error: &VendorError) -> bool {
        let holds = |text: &str| self.tier_errors.iter().any(|word| text.contains(word));
        status == 400 && (error.code.as_deref().is_some_and(holds) || holds(&error.message))
    }

    /// Whether the vendor cannot read the sealed reasoning that it was given: without it, it would answer.
    #[must_use]
    pub fn cannot_unseal(&self, status: u16, error: &VendorError) -> bool {
        status == 400 && says(error, &SEAL_ERRORS)
    }
}

/// Whether type or code is one of these words, or the message holds it.
fn says(error: &VendorError, words: &[&str]) -> bool {
    words.iter().any(|word| {
        error.kind == *word
            || error.code.as_deref() == Some(*word)
            || (word.contains(' ') && error.message.contains(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_vendors_say_of_a_seal_that_they_cannot_read_is_understood() {
        let cannot =
            |status, body: &str| GENERIC.cannot_unseal(status, &Dialect::OpenAi.error(status, body.as_bytes()));
        for body in [
            r#"{"error":{"message":"The encrypted content gAAA...OA== could not be verified.","type":"invalid_request_error","param":null,"code":"invalid_encrypted_content"}}"#,
            // Azure leaves the code out.
            r#"{"error":{"message":"The encrypted content gAAA...OA== could not be verified.","type":"invalid_request_error","param":null,"code":null}}"#,
            r#"{"code":"invalid-argument","error":"Could not decrypt the provided encrypted_content. Ensure the value is the unmodified encrypted_content from a previous response."}"#,
            r#"{"code":"invalid-argument","error":"Could not decode the compaction blob. Ensure it is unmodified from the compact response."}"#,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.3.content.0: Invalid `data` in `redacted_thinking` block"}}"#,
            r#"{"message":"The model returned the following errors: messages.3.content.0.thinking.signature: Field required"}"#,
            r#"{"error":{"code":400,"message":"Corrupted thought signature.","status":"INVALID_ARGUMENT"}}"#,
            r#"[{"error":{"code":400,"message":"Invalid thought signature.","status":"INVALID_ARGUMENT"}}]"#,
        ] {
            assert!(cannot(400, body), "{body}");
            assert!(!cannot(500, body), "a vendor in trouble is asked elsewhere: {body}");
        }
        for body in [
            r#"{"error":{"message":"Unknown parameter: 'include'.","type":"invalid_request_error","code":"unknown_parameter"}}"#,
            r#"{"error":{"message":"messages.1.content.0.type: Expected `thinking`, but found `text`."}}"#,
            "",
        ] {
            assert!(!cannot(400, body), "{body}");
        }
    }
}
