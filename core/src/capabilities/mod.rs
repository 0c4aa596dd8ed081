//! What a model can do, as far as a translation depends on it.

mod anthropic;

use crate::json::{Document, JsonError, Limits, Node};

/// What a model can do. The host may say so (a JSON object with LiteLLM's field names); otherwise the model's family does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Most tokens that the model can generate (`max_output_tokens`).
    pub max_output_tokens: Option<u64>,
    /// `supports_native_structured_output`: answers by a JSON schema without a detour over a tool.
    pub native_structured_output: bool,
    /// `supports_response_schema`
    pub response_schema: bool,
    /// `supports_reasoning`
    pub reasoning: bool,
    /// `supports_adaptive_thinking`: `thinking: {type: adaptive}`.
    pub adaptive_thinking: bool,
    /// `supports_legacy_thinking`: `thinking: {type: enabled}` beside the adaptive form.
    pub legacy_thinking: bool,
    /// `thinking_always_on`: the model thinks in any case and rejects `thinking: {type: disabled}`.
    pub thinking_always_on: bool,
    /// `supports_output_config`
    pub output_config: bool,
    /// `supports_mid_conversation_system`: system messages between others.
    pub mid_conversation_system: bool,
    /// `supports_sampling_params`: temperature, top_p, top_k.
    pub sampling_params: bool,
    /// `supports_xhigh_reasoning_effort`
    pub xhigh_effort: bool,
    /// `supports_max_reasoning_effort`
    pub max_effort: bool,
    /// `supports_minimal_reasoning_effort`
    pub minimal_effort: bool,
    /// `supports_none_reasoning_effort`
    pub none_effort: bool,
    /// `supports_forced_tool_use`
    pub forced_tool_use: bool,
    /// `supports_assistant_prefill`
    pub assistant_prefill: bool,
    /// `supports_function_calling`
    pub function_calling: bool,
    /// `supports_tool_choice`
    pub tool_choice: bool,
    /// `supports_parallel_function_calling`
    pub parallel_function_calling: bool,
    /// `supports_web_search`
    pub web_search: bool,
    /// `supports_vision`
    pub vision: bool,
    /// `supports_speed`
    pub speed: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            max_output_tokens: None,
            native_structured_output: false,
            response_schema: false,
            reasoning: false,
            adaptive_thinking: false,
            legacy_thinking: false,
            thinking_always_on: false,
            output_config: false,
            mid_conversation_system: false,
            sampling_params: true,
            xhigh_effort: false,
            max_effort: false,
            minimal_effort: false,
            none_effort: false,
            forced_tool_use: true,
            assistant_prefill: false,
            function_calling: true,
            tool_choice: true,
            parallel_function_calling: true,
            web_search: false,
            vision: false,
            speed: false,
        }
    }
}

impl Capabilities {
    /// Overrides these capabilities with the fields of a JSON object such as a LiteLLM config's `model_info`.
    ///
    /// # Errors
    /// When `json` is not JSON. Unknown fields are none of our business and ignored.
    pub fn overridden(mut self, json: &[u8]) -> Result<Self, JsonError> {
        let document = Document::parse(json, &Limits::default())?;
        for (key, value) in document.root().entries() {
            self.set(&key.name(), value);
        }
        Ok(self)
    }

    fn set(&mut self, name: &[u8], value: Node<'_>) {
        if name == b"max_output_tokens" {
            self.max_output_tokens = value.u64().or(self.max_output_tokens);
            return;
        }
        let Some(flag) = value.bool() else { return };
        let field = match name {
            b"supports_native_structured_output" => &mut self.native_structured_output,
            b"supports_response_schema" => &mut self.response_schema,
            b"supports_reasoning" => &mut self.reasoning,
            b"supports_adaptive_thinking" => &mut self.adaptive_thinking,
            b"supports_legacy_thinking" => &mut self.legacy_thinking,
            b"thinking_always_on" => &mut self.thinking_always_on,
            b"supports_output_config" => &mut self.output_config,
            b"supports_mid_conversation_system" => &mut self.mid_conversation_system,
            b"supports_sampling_params" => &mut self.sampling_params,
            b"supports_xhigh_reasoning_effort" => &mut self.xhigh_effort,
            b"supports_max_reasoning_effort" => &mut self.max_effort,
            b"supports_minimal_reasoning_effort" => &mut self.minimal_effort,
            b"supports_none_reasoning_effort" => &mut self.none_effort,
            b"supports_forced_tool_use" => &mut self.forced_tool_use,
            b"supports_assistant_prefill" => &mut self.assistant_prefill,
            b"supports_function_calling" => &mut self.function_calling,
            b"supports_tool_choice" => &mut self.tool_choice,
            b"supports_parallel_function_calling" => &mut self.parallel_function_calling,
            b"supports_web_search" => &mut self.web_search,
            b"supports_vision" => &mut self.vision,
            b"supports_speed" => &mut self.speed,
            _ => return,
        };
        *field = flag;
    }
}
