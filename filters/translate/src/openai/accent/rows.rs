//! What is known of each vendor, and where a name is not OpenAI's, whose it is.

use super::{Asks, Attaches, Cap, GivenBack, Ids, Row, Seals};
use crate::neutral::{Effort, TierAsked};

/// What OpenAI documents, where some vendor lacks it or it is only ever passed on. `cache_control`
/// and its like stand for a way to say something that is no member of the top level.
pub(super) const OPENAIS: [&str; 20] = [
    "audio",
    "custom",
    "json_schema",
    "logit_bias",
    "logprobs",
    "metadata",
    "modalities",
    "moderation",
    "n",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "seed",
    "store",
    "stream_options",
    "user",
    "verbosity",
    "web_search_options",
];

const SAMPLERS: &[&str] = &["min_p", "repetition_penalty", "top_k"];
const GROQS: &[&str] = &[
    "citation_options",
    "compound_custom",
    "disable_tool_validation",
    "documents",
    "exclude_domains",
    "include_domains",
    "include_reasoning",
    "reasoning_format",
    "search_settings",
];
const MISTRALS: &[&str] = &[
    "guardrails",
    "min_tokens",
    "prompt_logprobs",
    "prompt_mode",
    "random_seed",
    "repetition_penalty",
    "safe_prompt",
    "top_k",
    "top_prompt_logprobs",
];
const OPENROUTERS: &[&str] = &[
    "cache_control",
    "debug",
    "image_config",
    "include_reasoning",
    "models",
    "plugins",
    "provider",
    "route",
    "session_id",
    "top_a",
    "trace",
    "transforms",
    "usage",
];
const TOGETHERS: &[&str] =
    &["chat_template_kwargs", "compliance", "context_length_exceeded_behavior", "echo", "safety_model"];
/// How many likelihoods in `logprobs` itself, rather than beside it.
const COUNTED_LOGPROBS: &[&str] = &["counted_logprobs"];
const VLLMS: &[&str] = &[
    "add_generation_prompt",
    "add_special_tokens",
    "allowed_token_ids",
    "bad_words",
    "chat_template",
    "chat_template_kwargs",
    "continue_final_message",
    "documents",
    "echo",
    "guided_choice",
    "guided_grammar",
    "guided_json",
    "guided_regex",
    "ignore_eos",
    "include_stop_str_in_output",
    "kv_transfer_params",
    "length_penalty",
    "min_tokens",
    "mm_processor_kwargs",
    "priority",
    "prompt_logprobs",
    "skip_special_tokens",
    "spaces_between_special_tokens",
    "stop_token_ids",
    "structured_outputs",
    "truncate_prompt_tokens",
    "use_beam_search",
];
const LLAMACPPS: &[&str] = &[
    "cache_prompt",
    "chat_template_kwargs",
    "dry_multiplier",
    "dynatemp_range",
    "grammar",
    "id_slot",
    "ignore_eos",
    "mirostat",
    "n_keep",
    "n_probs",
    "reasoning_format",
    "repeat_last_n",
    "repeat_penalty",
    "return_progress",
    "samplers",
    "timings_per_token",
    "typical_p",
    "xtc_probability",
    "xtc_threshold",
];
const ZAIS: &[&str] = &["do_sample", "request_id", "tool_stream"];
const XAIS: &[&str] = &["deferred", "search_parameters"];

const OPENAI_TIERS: &[(TierAsked, &str)] = &[
    (TierAsked::Auto, "auto"),
    (TierAsked::Default, "default"),
    (TierAsked::Flex, "flex"),
    (TierAsked::Priority, "priority"),
];
const GROQ_TIERS: &[(TierAsked, &str)] =
    &[(TierAsked::Auto, "auto"), (TierAsked::Default, "on_demand"), (TierAsked::Flex, "flex")];
const MISTRAL_TIERS: &[(TierAsked, &str)] = &[(TierAsked::Auto, "auto"), (TierAsked::Default, "standard_only")];
const XAI_TIERS: &[(TierAsked, &str)] = &[(TierAsked::Default, "default"), (TierAsked::Priority, "priority")];

/// A vendor of which nothing else is known: what OpenAI has, and the older cap.
const PLAIN: Row = Row {
    name: "",
    vendor: "",
    cap: Cap::MaxTokens,
    given_back: GivenBack::Nowhere,
    seals: Seals::Nowhere,
    asks: Asks::Effort,
    efforts: (Effort::Minimal, Effort::Max),
    tiers: &[],
    other_tiers: false,
    ids: Ids::Free,
    attaches: Attaches::Bytes,
    instructs_anywhere: false,
    rich_results: false,
    lacks: &["custom"],
    also: &[],
};

/// Any server that speaks the dialect: another gateway, as often as not.
pub(super) static GENERIC: Row = Row {
    name: "generic",
    vendor: "this upstream",
    cap: Cap::MaxCompletionTokens,
    given_back: GivenBack::Blocks,
    seals: Seals::Any,
    asks: Asks::EffortOrAsGiven,
    tiers: OPENAI_TIERS,
    other_tiers: true,
    attaches: Attaches::BytesAndPlaces,
    rich_results: true,
    also: &[SAMPLERS, GROQS, MISTRALS, OPENROUTERS, TOGETHERS, VLLMS, LLAMACPPS, ZAIS, XAIS],
    ..PLAIN
};

pub(super) static OPENAI: Row = Row {
    name: "openai",
    vendor: "OpenAI",
    cap: Cap::MaxCompletionTokens,
    tiers: OPENAI_TIERS,
    other_tiers: true,
    ids: Ids::Short,
    instructs_anywhere: true,
    lacks: &[],
    ..PLAIN
};

pub(super) static AZURE: Row = Row {
    name: "azure",
    vendor: "Azure",
    cap: Cap::MaxCompletionTokens,
    tiers: OPENAI_TIERS,
    other_tiers: true,
    ids: Ids::Short,
    instructs_anywhere: true,
    lacks: &[],
    also: &[&["data_sources"]],
    ..PLAIN
};

/// Refuses what it does not know. Usage comes in its last chunk without being asked for.
pub(super) static MISTRAL: Row = Row {
    name: "mistral",
    vendor: "Mistral",
    given_back: GivenBack::Part,
    tiers: MISTRAL_TIERS,
    ids: Ids::Nine,
    attaches: Attaches::Mistral,
    lacks: &[
        "audio",
        "custom",
        "logit_bias",
        "modalities",
        "moderation",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "seed",
        "store",
        "stream_options",
        "user",
        "verbosity",
        "web_search_options",
    ],
    also: &[MISTRALS],
    ..PLAIN
};

pub(super) static GROQ: Row = Row {
    name: "groq",
    vendor: "Groq",
    cap: Cap::MaxCompletionTokens,
    given_back: GivenBack::Reasoning,
    asks: Asks::EffortAndFormat,
    efforts: (Effort::Low, Effort::High),
    tiers: GROQ_TIERS,
    other_tiers: true,
    lacks: &[
        "audio",
        "custom",
        "logit_bias",
        "logprobs",
        "modalities",
        "moderation",
        "n",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "verbosity",
        "web_search_options",
    ],
    also: &[GROQS],
    ..PLAIN
};

/// Maps `low` and `medium` to `high` by itself. Forced tools are refused while it thinks, which it
/// does unless told not to (recorded).
pub(super) static DEEPSEEK: Row = Row {
    name: "deepseek",
    vendor: "DeepSeek",
    given_back: GivenBack::ContentOfCalls,
    asks: Asks::SwitchUnlessForced,
    efforts: (Effort::Low, Effort::Max),
    lacks: &["custom", "json_schema"],
    also: &[&["user_id"]],
    ..PLAIN
};

pub(super) static XAI: Row = Row {
    name: "xai",
    vendor: "xAI",
    cap: Cap::MaxCompletionTokens,
    tiers: XAI_TIERS,
    instructs_anywhere: true,
    also: &[XAIS],
    ..PLAIN
};

pub(super) static ZAI: Row = Row {
    name: "zai",
    vendor: "Z.AI",
    given_back: GivenBack::Content,
    asks: Asks::Switch,
    lacks: &["custom", "json_schema", "user"],
    also: &[ZAIS, &["user_id"]],
    ..PLAIN
};

pub(super) static DEEPINFRA: Row = Row { name: "deepinfra", vendor: "DeepInfra", also: &[SAMPLERS], ..PLAIN };

pub(super) static TOGETHER: Row = Row {
    name: "together",
    vendor: "Together",
    given_back: GivenBack::Reasoning,
    asks: Asks::EffortOrNot,
    efforts: (Effort::Low, Effort::High),
    also: &[SAMPLERS, TOGETHERS, COUNTED_LOGPROBS],
    ..PLAIN
};

pub(super) static OPENROUTER: Row = Row {
    name: "openrouter",
    vendor: "OpenRouter",
    given_back: GivenBack::Details,
    asks: Asks::Reasoning,
    tiers: OPENAI_TIERS,
    other_tiers: true,
    attaches: Attaches::BytesAndPlaces,
    also: &[SAMPLERS, OPENROUTERS],
    ..PLAIN
};

/// Google's own compatible surface.
pub(super) static GEMINI: Row = Row {
    name: "gemini",
    vendor: "Gemini's OpenAI surface",
    seals: Seals::Googles,
    efforts: (Effort::Minimal, Effort::High),
    also: &[&["extra_body"]],
    ..PLAIN
};

pub(super) static OLLAMA: Row =
    Row { name: "ollama", vendor: "Ollama", lacks: &["custom", "logit_bias", "n", "user"], ..PLAIN };

pub(super) static VLLM: Row = Row {
    name: "vllm",
    vendor: "vLLM",
    given_back: GivenBack::Content,
    attaches: Attaches::BytesAndPlaces,
    also: &[SAMPLERS, VLLMS],
    ..PLAIN
};

pub(super) static LLAMACPP: Row = Row {
    name: "llamacpp",
    vendor: "llama.cpp",
    given_back: GivenBack::Content,
    rich_results: true,
    also: &[SAMPLERS, LLAMACPPS],
    ..PLAIN
};
