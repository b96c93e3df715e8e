//! What each surface calls the members that decide anything. A table, and no more.

use tollgate_api::Surface;

/// The words of one surface. A path `outer.inner` is a member within a member; an empty one is
/// nowhere.
pub(super) struct Words {
    /// The model, where the path does not name it.
    pub(super) model: &'static [&'static str],
    /// What is asked.
    pub(super) conversation: &'static str,
    /// What that must be.
    pub(super) conversation_is: &'static str,
    /// Whether it may also be a text.
    pub(super) may_be_text: bool,
    /// The caps on output tokens, the one that counts first.
    pub(super) caps: &'static [&'static str],
    /// How many answers.
    pub(super) choices: &'static [&'static str],
    /// The tools.
    pub(super) tools: &'static str,
    /// Whom the client asks for.
    pub(super) end_user: &'static [&'static str],
    /// Members by which a vendor does work that a cap on output tokens does not bound, that have it read
    /// what we cannot count, or whose prices the catalogue does not know.
    pub(super) unbounded: &'static [&'static str],
}

const MESSAGES: &str = "an array with at least one message";

static CHAT: Words = Words {
    model: &["model"],
    conversation: "messages",
    conversation_is: MESSAGES,
    may_be_text: false,
    caps: &["max_completion_tokens", "max_tokens"],
    choices: &["n"],
    tools: "tools",
    end_user: &["safety_identifier", "user"],
    unbounded: &["audio", "modalities", "plugins", "prediction", "web_search_options"],
};

static RESPONSES: Words = Words {
    model: &["model"],
    conversation: "input",
    conversation_is: "a text, or an array with at least one item",
    may_be_text: true,
    caps: &["max_output_tokens"],
    choices: &[],
    tools: "tools",
    end_user: &["safety_identifier", "user"],
    unbounded: &["background", "conversation", "plugins", "previous_response_id", "prompt"],
};

static MESSAGES_SURFACE: Words = Words {
    model: &["model"],
    conversation: "messages",
    conversation_is: MESSAGES,
    may_be_text: false,
    caps: &["max_tokens"],
    choices: &[],
    tools: "tools",
    end_user: &[],
    unbounded: &["container", "mcp_servers"],
};

static GENERATE_CONTENT: Words = Words {
    model: &[],
    conversation: "contents",
    conversation_is: "an array with at least one content",
    may_be_text: true,
    caps: &["generationConfig.maxOutputTokens", "generation_config.max_output_tokens"],
    choices: &["generationConfig.candidateCount", "generation_config.candidate_count"],
    tools: "tools",
    end_user: &[],
    unbounded: &["cachedContent", "cached_content"],
};

static INTERACTIONS: Words = Words {
    model: &["model", "agent"],
    conversation: "input",
    conversation_is: "a text, or an array with at least one item",
    may_be_text: true,
    caps: &["generation_config.max_output_tokens"],
    choices: &[],
    tools: "tools",
    end_user: &[],
    unbounded: &["agent", "background", "previous_interaction_id"],
};

static CONVERSE: Words = Words {
    model: &[],
    conversation: "messages",
    conversation_is: MESSAGES,
    may_be_text: false,
    caps: &["inferenceConfig.maxTokens"],
    choices: &[],
    tools: "toolConfig.tools",
    end_user: &[],
    unbounded: &["promptVariables"],
};

static EMBEDDINGS: Words = Words {
    model: &["model"],
    conversation: "input",
    conversation_is: "a text, or an array with at least one",
    may_be_text: true,
    caps: &[],
    choices: &[],
    tools: "",
    end_user: &["user"],
    unbounded: &[],
};

impl Words {
    /// The words of this surface.
    pub(super) fn of(surface: Surface) -> &'static Self {
        match surface {
            Surface::ChatCompletions => &CHAT,
            Surface::Responses => &RESPONSES,
            Surface::Messages => &MESSAGES_SURFACE,
            Surface::GenerateContent => &GENERATE_CONTENT,
            Surface::Interactions => &INTERACTIONS,
            Surface::Converse => &CONVERSE,
            Surface::Embeddings | Surface::Native => &EMBEDDINGS,
        }
    }
}
