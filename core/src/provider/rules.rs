//! What hosts take of `openai_chat`: the edit lists, as data.

/// What a host takes of `openai_chat`: its edit list, as data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChatRules {
    /// Parameters of `openai_chat` that the host does not take: a 400, or a loss with `drop_params`.
    pub(crate) unsupported: &'static [&'static str],
    /// Parameters beyond OpenAI's that it takes (`reasoning_effort`, `thinking`); otherwise they are unsupported.
    pub(crate) supported: &'static [&'static str],
    /// The name of the token limit.
    pub(crate) max_tokens: MaxTokens,
    /// Parameters that models with this in their name do not take, beyond those.
    pub(crate) by_model: &'static [(&'static str, &'static [&'static str])],
    /// Whether `tool_choice` is only taken by models that are known to (`supports_tool_choice`).
    pub(crate) gated_tool_choice: bool,
    /// Assistant messages lose `thinking_blocks`.
    pub(crate) drop_thinking_blocks: bool,
    /// Assistant messages lose `reasoning_content`.
    pub(crate) drop_reasoning_content: bool,
    /// Whether `user` is sent (elsewhere it is dropped, which is a loss).
    pub(crate) user: bool,
    /// Whether streams are asked for their usage even if the client did not.
    pub(crate) include_usage: bool,
    /// Whether `cache_control` marks stay.
    pub(crate) cache_control: bool,
    /// Whether an assistant's content lists of text are joined into strings, a line each.
    pub(crate) join_assistant_text: bool,
    /// Whether only tool messages keep their `name`.
    pub(crate) drop_names: bool,
    /// Whether users may not send files inline.
    pub(crate) no_files: bool,
    /// Whether content lists of text are joined into strings.
    pub(crate) join_text: bool,
    /// Whether they stay lists where an image or file stands somewhere in the conversation.
    pub(crate) join_unless_media: bool,
    /// Tools lose `strict`.
    pub(crate) drop_strict: bool,
    /// Tool schemas lose `additionalProperties`.
    pub(crate) drop_additional_properties: bool,
    /// `seed` has another name.
    pub(crate) random_seed: bool,
    /// `tool_choice: "required"` is called `"any"`.
    pub(crate) required_is_any: bool,
    /// `response_format: json_schema` becomes a forced tool where the model lacks `response_schema`.
    pub(crate) json_tool: bool,
    /// `null` members of assistant messages are removed.
    pub(crate) drop_null_in_assistant: bool,
    /// `thinking` and `reasoning_effort` are mapped to DeepSeek's `thinking`.
    pub(crate) deepseek_thinking: bool,
    /// `thinking` is mapped to `reasoning_effort`.
    pub(crate) thinking_as_effort: bool,
    /// `usage: {include: true}` is added and LiteLLM's attribution headers are sent.
    pub(crate) openrouter: bool,
}

/// What a host calls the token limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MaxTokens {
    /// Either name.
    Keep,
    /// `max_tokens` only.
    MaxTokens,
}

impl ChatRules {
    pub(crate) const DEFAULT: Self = Self {
        unsupported: &[],
        supported: &[],
        by_model: &[],
        gated_tool_choice: false,
        drop_thinking_blocks: false,
        drop_reasoning_content: false,
        max_tokens: MaxTokens::Keep,
        user: false,
        include_usage: false,
        cache_control: false,
        join_assistant_text: false,
        drop_names: false,
        no_files: false,
        join_text: false,
        join_unless_media: false,
        drop_strict: false,
        drop_additional_properties: false,
        random_seed: false,
        required_is_any: false,
        json_tool: false,
        drop_null_in_assistant: false,
        deepseek_thinking: false,
        thinking_as_effort: false,
        openrouter: false,
    };
}
