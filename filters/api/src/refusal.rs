//! Our own errors: a closed set of codes, each with its status, its rule and its remedy.
//!
//! It does not know how a surface spells an error; the proxy turns a refusal into HTTP in one place.

use std::borrow::Cow;
use std::time::Duration;

/// A "no" of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which.
    pub code: Code,
    /// What was wrong with this request, in one sentence. No content of the prompt, no secret.
    pub message: Cow<'static, str>,
    /// The member or header at fault, where there is one.
    pub param: Option<Cow<'static, str>>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// The vendor that lacks it, where the code is one of those that name it.
    pub vendor: Option<&'static str>,
}

impl Refusal {
    /// A refusal with this code and sentence.
    #[must_use]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), param: None, retry_after: None, vendor: None }
    }

    /// Names the member or header at fault.
    #[must_use]
    pub fn at(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Names the vendor that lacks it.
    #[must_use]
    pub fn of_vendor(mut self, vendor: &'static str) -> Self {
        self.vendor = Some(vendor);
        self
    }

    /// The `code` that the client is told: `auto_unsupported_for_gemini` where a vendor is named.
    #[must_use]
    pub fn word(&self) -> Cow<'static, str> {
        match self.vendor {
            Some(vendor) => Cow::Owned(format!("{}_for_{}", self.code.as_str(), vendor.replace('-', "_"))),
            None => Cow::Borrowed(self.code.as_str()),
        }
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

/// The `type` member of an OpenAI error: coarse, what client libraries switch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be served as it stands.
    InvalidRequest,
    /// Who is calling is not known.
    Authentication,
    /// Known, but not allowed.
    Permission,
    /// No such thing.
    NotFound,
    /// Too fast.
    RateLimit,
    /// Ours or the upstream's fault.
    Api,
}

impl Kind {
    /// OpenAI's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request_error",
            Self::Authentication => "authentication_error",
            Self::Permission => "permission_error",
            Self::NotFound => "not_found_error",
            Self::RateLimit => "rate_limit_error",
            Self::Api => "api_error",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $kind:ident, $rule:literal, $remedy:literal;)*) => {
        /// Every reason Tollgate itself says no. The words are stable; clients may switch on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All of them, in the order of the error reference.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// The `code` member of the error.
            #[must_use]
            pub fn as_str(self) -> &'static str { match self { $(Self::$name => $text,)* } }
            /// The HTTP status.
            #[must_use]
            pub fn status(self) -> u16 { match self { $(Self::$name => $status,)* } }
            /// The coarse kind.
            #[must_use]
            pub fn kind(self) -> Kind { match self { $(Self::$name => Kind::$kind,)* } }
            /// The rule that was broken.
            #[must_use]
            pub fn rule(self) -> &'static str { match self { $(Self::$name => $rule,)* } }
            /// What to do instead.
            #[must_use]
            pub fn remedy(self) -> &'static str { match self { $(Self::$name => $remedy,)* } }
        }
    };
}

codes! {
    /// No key came with the request.
    MissingKey = "missing_key", 401, Authentication,
        "Every request carries a Tollgate key.",
        "Send `Authorization: Bearer <key>` or `x-api-key: <key>`; make one with `tollgate key create`.";
    /// The key is malformed, unknown or revoked; the client is not told which.
    InvalidKey = "invalid_key", 401, Authentication,
        "The key must be one that this gateway issued and has not revoked.",
        "Check the key for typing errors, or ask the operator for a new one.";
    /// The key is bound to something else.
    KeyBound = "key_bound", 403, Permission,
        "A key may be bound to models, providers and networks.",
        "Ask for what the key allows, or ask your administrator for another key.";
    /// The tenant is suspended.
    TenantSuspended = "tenant_suspended", 403, Permission,
        "A tenant that is suspended calls nothing.",
        "Ask the operator.";
    /// The store with keys has not been read yet.
    AccountsUnavailable = "accounts_unavailable", 503, Api,
        "A key is accepted once the store has been read that may hold it.",
        "Try again; the operator finds the reason in the gateway's log.";
    /// No credential of the tenant's own.
    CredentialRequired = "credential_required", 403, Permission,
        "Where a tenant uses its own credentials, the operator's are never used in their place; and what is stored in an account is only for who has it.",
        "Add a credential for the provider, or correct its base URL.";
    /// A budget is spent.
    BudgetExceeded = "budget_exceeded", 402, RateLimit,
        "A budget is never overrun: what a request may cost at most must be left in it.",
        "Wait until it is whole again, ask for less (a lower `max_tokens`), or have it raised.";
    /// The prepaid balance is spent.
    BalanceEmpty = "balance_empty", 402, RateLimit,
        "What a request may cost at most must be left in the prepaid balance.",
        "Top the balance up.";
    /// The prepaid balance for requests with own credentials is spent.
    ByokBalanceEmpty = "byok_balance_empty", 402, RateLimit,
        "The fee of a request with your own credential must be left in the balance for it; no other balance pays.",
        "Top up the balance for your own credentials.";
    /// The money is there, but others hold it.
    BudgetHeld = "budget_held", 429, RateLimit,
        "Each open request holds what it may cost at most.",
        "Send the request again in a moment, or ask for a lower `max_tokens`.";
    /// The ledger cannot be reached.
    LedgerUnreachable = "ledger_unreachable", 503, Api,
        "Money is spent only as far as the ledger has lent it.",
        "Try again; requests without a budget are served meanwhile.";
    /// A model without a price, under a budget.
    UnpricedModel = "unpriced_model", 403, Permission,
        "Under a budget only models with a price are served.",
        "Ask for another model, or have the operator add its price to the catalogue.";
    /// Work whose price no cap bounds, under a budget.
    UnboundedCost = "unbounded_cost", 400, InvalidRequest,
        "Under a budget a request asks only for what its cap on output bounds.",
        "Leave out the member that the message names.";
    /// The body is not one JSON object.
    InvalidJson = "invalid_json", 400, InvalidRequest,
        "The body is one JSON object in UTF-8, each member at most once, nested at most 128 deep.",
        "Send the body as `application/json`; the message says where reading stopped.";
    /// The body is JSON, but not a request of this surface.
    InvalidRequest = "invalid_request", 400, InvalidRequest,
        "The body has the members that its surface requires, with their types.",
        "Correct the member that the message names.";
    /// The body is longer than the limit.
    BodyTooLarge = "body_too_large", 413, InvalidRequest,
        "A body is at most `server.max_body` bytes long.",
        "Send less, or ask the operator to raise `server.max_body`.";
    /// The request arrived too slowly.
    RequestTimeout = "request_timeout", 408, InvalidRequest,
        "A request arrives whole within `server.read_timeout`.",
        "Send the body faster, or ask the operator to raise `server.read_timeout`.";
    /// The Content-Encoding is not understood.
    UnsupportedEncoding = "unsupported_encoding", 415, InvalidRequest,
        "Request bodies are not compressed.",
        "Send the body without `content-encoding`.";
    /// No such path.
    UnknownPath = "unknown_path", 404, NotFound,
        "Only the documented paths are served.",
        "See the list of surfaces in the documentation; paths work under `/v1` and `/api/v1`.";
    /// The path exists, the method does not.
    MethodNotAllowed = "method_not_allowed", 405, InvalidRequest,
        "Each path has its method.",
        "Use the method named in the `allow` header.";
    /// Nothing says which provider a vendor's own path is for.
    UnknownProvider = "unknown_provider", 400, InvalidRequest,
        "A path of a vendor's own goes to one provider: that of its model, of its prefix, or of its header.",
        "Name one of the configured providers in `x-tollgate-provider`.";
    /// No model, alias or `provider/model` of that name.
    ModelNotFound = "model_not_found", 404, NotFound,
        "The model must be configured, an alias, `auto`, or `provider/model` of a configured provider.",
        "Ask `GET /v1/models` for the list.";
    /// The upstream that serves the model cannot express what was asked.
    Unsupported = "unsupported", 400, InvalidRequest,
        "What is asked must exist at the vendor that serves the model.",
        "Leave out the member that the message names, or choose another model.";
    /// The request does not say how soon its answer must start, and must.
    MissingStartWithin = "missing_start_within", 400, InvalidRequest,
        "Where a tenant or the operator requires it, each request says how soon its answer must start.",
        "Send `start_within` in the body, or `x-tollgate-start-within`: `default`, `priority`, `auto`, or a time such as `30s`.";
    /// The vendor has no `auto`. The code that is sent names it: `auto_unsupported_for_gemini`.
    AutoUnsupported = "auto_unsupported", 400, InvalidRequest,
        "`start_within: auto` leaves the tier to the vendor's account settings, where the vendor has such; the vendor's name follows the code.",
        "Ask for `default`, `priority` or a time, or for a model of another vendor.";
    /// The vendor has no `priority`. The code that is sent names it.
    PriorityUnsupported = "priority_unsupported", 400, InvalidRequest,
        "`start_within: priority` exists at vendors that sell a priority tier; the vendor's name follows the code.",
        "Ask for `default` or `auto`, or for a model of another vendor.";
    /// The vendor has no flex tier. The code that is sent names it: `flex_unsupported_for_anthropic`.
    FlexUnsupported = "flex_unsupported", 400, InvalidRequest,
        "A time in `start_within` needs a vendor with a flex tier; the vendor's name follows the code.",
        "Ask for `default`, or for a model of another vendor.";
    /// The vendor has a flex tier, but not for this model.
    ModelNotFlexCapable = "model_not_flex_capable", 400, InvalidRequest,
        "A time in `start_within` needs a model that the catalogue lists at the flex tier, and a conversation with it.",
        "Ask for `default`, for another model, or have the operator add the model's flex price to the catalogue.";
    /// No endpoint is cheap enough.
    MaxCostExceeded = "max_cost_exceeded", 400, InvalidRequest,
        "What a request may cost at most is no more than `x-tollgate-max-cost-usd` allows.",
        "Allow more, send less, or ask for a lower `max_tokens`.";
    /// The audit log has no record under that name.
    RecordNotFound = "record_not_found", 404, NotFound,
        "A key sees the records of its own tenant, as far as they are signed.",
        "A record is signed within seconds of its answer: try again, or check the id or number.";
    /// The audit log cannot take another record.
    AuditUnavailable = "audit_unavailable", 503, Api,
        "No request is served that would leave no record.",
        "Try again later; the operator finds the reason (a full disk, as a rule) in the gateway's log.";
    /// Too many requests of this key in this minute.
    RateLimited = "rate_limited", 429, RateLimit,
        "A key, a tenant and an address each have so many requests and tokens for a minute and for a day.",
        "Wait as long as `retry-after` says.";
    /// Too many requests of this key at once.
    TooManyConcurrent = "too_many_concurrent", 429, RateLimit,
        "A key and a tenant each have at most `concurrent_requests` requests open at once.",
        "Wait for one to finish, or ask the operator for a higher limit.";
    /// Too many requests from this address.
    Flood = "flood", 429, RateLimit,
        "One address sends at most `limits.requests_per_second_per_ip` requests a second.",
        "Slow down.";
    /// A filter said no.
    RefusedByFilter = "refused_by_filter", 403, Permission,
        "The operator's filters decide what may pass.",
        "The message is the filter's own; ask the operator.";
    /// Every endpoint that could serve was tried, or is known to be down.
    AllEndpointsFailed = "all_endpoints_failed", 503, Api,
        "One endpoint of the chain must answer.",
        "Try again after `retry-after`; the message says what each endpoint said.";
    /// The whole request took too long.
    DeadlineExceeded = "deadline_exceeded", 504, Api,
        "An answer begins within `timeouts.total` (after the deadline, where a time to start was asked for), and within `x-tollgate-max-latency-ms` where a request sets that.",
        "Try again, ask for less, allow more time, or ask the operator to raise `timeouts.total`.";
    /// The answer was cut off by the upstream after it had begun.
    UpstreamCut = "upstream_cut", 502, Api,
        "An answer that has begun is finished, or its end is marked as an error.",
        "What arrived is incomplete: send the request again.";
    /// The upstream's answer could not be read.
    UpstreamGarbage = "upstream_garbage", 502, Api,
        "Upstreams speak the dialect that is configured for their provider.",
        "Send the request again; tell the operator if it stays.";
    /// A defect of ours.
    Internal = "internal", 500, Api,
        "Tollgate does not fail.",
        "Tell the operator the request id.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_spelled_in_snake_case() {
        let words: std::collections::HashSet<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        assert!(words.iter().all(|w| w.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }
}
