//! What to do in place of a member of LiteLLM's that ours has no place for.

/// The remedy for a member, by the way to it.
pub(super) fn of(path: &str) -> &'static str {
    let steps: Vec<&str> = path.split('.').map(|step| step.split('[').next().unwrap_or_default()).collect();
    let last = steps.last().copied().unwrap_or_default();
    let named = REMEDIES.iter().find(|(names, _)| names.contains(&last));
    let inside = |section: &&(&str, &str)| steps.contains(&section.0);
    named
        .map(|(_, remedy)| *remedy)
        .or_else(|| SECTIONS.iter().find(inside).map(|(_, remedy)| *remedy))
        .unwrap_or(OTHER)
}

const VALUE: &str = "nothing can be made of this value: see `timeouts`, `health` and `server.max_body`";
const OTHER: &str = "Tollgate has nothing of this name: see docs/configuration.md for what there is";
const LIMITS: &str = "limits are of keys and tenants here: `limits`, or a key's own; an endpoint whose vendor says 429 \
     is left alone for as long as the vendor asks";
const RETRIES: &str = "the next candidate is tried in place of a second try at the same; \
     where there is one place only, let clients retry";
const PRICES: &str = "prices are in the catalogue: a file of your own under `catalogue.files`, see conf/models/";
const CACHE: &str = "there is no cache of answers";
const LOGGING: &str = "there are no callbacks: the audit log, the request lines (`log`) and /metrics have what they \
     would have sent";
const SPENDING: &str = "budgets are made with `tollgate budget create`, see docs/budgets.md";
const KEYS: &str = "keys are made anew: `tollgate key create`, see docs/management.md";

/// By the member's own name.
const REMEDIES: &[(&[&str], &str)] = &[
    (&["timeout", "request_timeout", "cooldown_time", "allowed_fails", "max_request_size_mb"], VALUE),
    (&["rpm", "tpm", "max_parallel_requests", "global_max_parallel_requests", "default_max_parallel_requests"], LIMITS),
    (
        &["num_retries", "max_retries", "retry_after", "retry_policy", "model_group_retry_policy", "max_fallbacks"],
        RETRIES,
    ),
    (
        &[
            "input_cost_per_token",
            "output_cost_per_token",
            "input_cost_per_second",
            "base_model",
            "cost_discount_config",
        ],
        PRICES,
    ),
    (&["cache", "cache_params", "cache_responses", "caching", "caching_groups", "redis_semantic_cache"], CACHE),
    (
        &[
            "callbacks",
            "success_callback",
            "failure_callback",
            "service_callbacks",
            "audit_log_callbacks",
            "callback_settings",
        ],
        LOGGING,
    ),
    (
        &[
            "max_budget",
            "budget_duration",
            "provider_budget_config",
            "max_user_budget",
            "max_internal_user_budget",
            "soft_budget",
        ],
        SPENDING,
    ),
    (
        &[
            "master_key",
            "custom_auth",
            "allowed_routes",
            "default_internal_user_params",
            "upperbound_key_generate_params",
        ],
        KEYS,
    ),
    (
        &["database_url"],
        "keys, budgets and the ledger are in a store of Tollgate's own: SQLite in `data_dir`, or `store.url` with an \
         empty PostgreSQL database",
    ),
    (
        &["context_window_fallbacks", "content_policy_fallbacks"],
        "the next candidate is tried where a place fails, not where it refuses the request itself: \
         have clients ask for another model then",
    ),
    (
        &["routing_strategy", "routing_strategy_args", "weight", "enable_pre_call_checks"],
        "candidates are tried in the order they have: put the one to try first on top",
    ),
    (
        &["stream_timeout"],
        "`timeouts.first_byte` bounds the wait for a stream too, and `timeouts.idle` the pauses in it",
    ),
    (
        &["drop_params", "additional_drop_params", "modify_params"],
        "where vendors speak another dialect, members that matter and cannot be said there are refused by name, not dropped",
    ),
    (
        &["alerting", "alerting_threshold", "alerting_args", "alert_types", "slack_alerting"],
        "alerts are rules of Prometheus: see grafana/",
    ),
    (
        &["id", "mode", "db_model"],
        "nothing to do: endpoints are named by themselves, and serve what their vendor serves",
    ),
    (&["guardrails", "guardrail"], "a filter can refuse or change requests: see docs/filters.md"),
    (&["pass_through_endpoints"], "only models' own paths are served"),
    (&["include"], "import each file for itself, and put the results together"),
    (
        &["mcp_servers", "vector_store_registry", "search_tools", "agent_list", "sandbox_tools", "prompts"],
        "the gateway itself calls no tools: clients bring theirs",
    ),
    (
        &["store_model_in_db", "store_prompts_in_spend_logs", "disable_spend_logs", "database_connection_pool_limit"],
        "models are in the configuration file, and the record of requests in the audit log",
    ),
    (
        &["redis_password", "password"],
        "a secret stands here: put it into a variable, and `redis://:${NAME}@host:6379` under `store.redis`",
    ),
    (&["tags", "enable_tag_filtering"], "routes match on the model, the tenant, the task and headers: see `routes`"),
    (
        &["health_check_interval", "background_health_checks", "allowed_fails_policy", "disable_cooldowns"],
        "endpoints are judged by the requests that they serve: see `health`",
    ),
    (&["ssl_verify", "ssl_certificate"], "certificates to trust are the provider's `ca_file`"),
];

/// By the section that it is in.
const SECTIONS: &[(&str, &str)] = &[
    ("environment_variables", "set it in the gateway's own environment"),
    (
        "model_info",
        "what a model can do and costs is in the catalogue; what that has not, goes into a file of your own under `catalogue.files`",
    ),
    ("credential_list", "no deployment that was turned uses it"),
    ("litellm_params", "nothing is added to requests: have clients send it"),
    ("default_team_settings", "teams are tenants here: `tollgate tenant create`, see docs/management.md"),
    ("guardrails", "a filter can refuse or change requests: see docs/filters.md"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_known_by_its_name_or_else_by_its_section() {
        assert_eq!(of("model_list[3].litellm_params.rpm"), LIMITS);
        assert_eq!(of("model_list[3].rpm"), LIMITS);
        assert_eq!(of("router_settings.num_retries"), RETRIES);
        assert!(of("model_list[0].litellm_params.temperature").contains("have clients send it"));
        assert!(of("environment_variables.A").contains("environment"));
        assert_eq!(of("nothing.like.it"), OTHER);
    }
}
