//! The table of providers: one row for each, most of them hosts that speak `openai_chat`.
//!
//! A row says what LiteLLM does there and the provider needs; docs/providers.md has the table for people.

use super::rules::{ChatRules, MaxTokens};
use super::{Auth, Dialect, Endpoint, Row, anthropic, openai};
use crate::capabilities::Capabilities;

const BEARER: Auth = Auth::Header { name: "authorization", prefix: "Bearer " };
const CHAT_ENDPOINT: Endpoint =
    Endpoint { dialect: Dialect::OpenAiChat, base_url: None, path: "/chat/completions", auth: BEARER };
/// The endpoints of hosts that speak `openai_responses` as well.
pub(super) const CHAT_AND_RESPONSES: &[Endpoint] = &[
    CHAT_ENDPOINT,
    Endpoint { dialect: Dialect::OpenAiResponses, base_url: None, path: "/responses", auth: BEARER },
];
/// The same for vLLM, whose base URL may stand without `/v1`.
const VLLM: &[Endpoint] = &[
    CHAT_ENDPOINT,
    Endpoint { dialect: Dialect::OpenAiResponses, base_url: None, path: "/v1/responses", auth: BEARER },
];
/// The endpoint of every host that speaks `openai_chat`.
pub(super) const CHAT: &[Endpoint] = &[CHAT_ENDPOINT];

const fn host(
    name: &'static str,
    base_url: Option<&'static str>,
    key_variable: &'static str,
    base_variable: &'static str,
    chat: ChatRules,
) -> Row {
    Row {
        name,
        base_url,
        key_variable: Some(key_variable),
        base_variable: Some(base_variable),
        endpoints: CHAT,
        chat,
    }
}

const RARE: &[&str] = &[
    "audio",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "modalities",
    "n",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "stream_options",
    "top_logprobs",
    "web_search_options",
];

pub(super) static ROWS: &[Row] = &[
    openai::ROW,
    anthropic::ROW,
    Row {
        name: "mistral",
        base_url: Some("https://api.mistral.ai/v1"),
        key_variable: Some("MISTRAL_API_KEY"),
        base_variable: Some("MISTRAL_API_BASE"),
        endpoints: &[
            CHAT_ENDPOINT,
            Endpoint { dialect: Dialect::MistralOcr, base_url: None, path: "/ocr", auth: BEARER },
        ],
        chat: ChatRules {
            unsupported: &[
                "audio",
                "frequency_penalty",
                "function_call",
                "functions",
                "logit_bias",
                "logprobs",
                "modalities",
                "n",
                "prediction",
                "presence_penalty",
                "prompt_cache_retention",
                "safety_identifier",
                "service_tier",
                "store",
                "stream_options",
                "top_logprobs",
                "web_search_options",
            ],
            max_tokens: MaxTokens::MaxTokens,
            join_text: true,
            random_seed: true,
            required_is_any: true,
            drop_thinking_blocks: true,
            drop_reasoning_content: true,
            drop_names: true,
            join_unless_media: true,
            ..ChatRules::DEFAULT
        },
    },
    host(
        "groq",
        Some("https://api.groq.com/openai/v1"),
        "GROQ_API_KEY",
        "GROQ_API_BASE",
        ChatRules {
            unsupported: &["web_search_options"],
            max_tokens: MaxTokens::MaxTokens,
            json_tool: true,
            drop_null_in_assistant: true,
            drop_thinking_blocks: true,
            drop_reasoning_content: true,
            ..ChatRules::DEFAULT
        },
    ),
    Row {
        name: "deepseek",
        base_url: Some("https://api.deepseek.com/beta"),
        key_variable: Some("DEEPSEEK_API_KEY"),
        base_variable: Some("DEEPSEEK_API_BASE"),
        endpoints: &[
            CHAT_ENDPOINT,
            Endpoint {
                dialect: Dialect::AnthropicMessages,
                base_url: Some("https://api.deepseek.com/anthropic"),
                path: "/v1/messages",
                auth: Auth::Header { name: "x-api-key", prefix: "" },
            },
        ],
        chat: ChatRules {
            supported: &["reasoning_effort", "thinking"],
            join_text: true,
            deepseek_thinking: true,
            ..ChatRules::DEFAULT
        },
    },
    host(
        "xai",
        Some("https://api.x.ai/v1"),
        "XAI_API_KEY",
        "XAI_API_BASE",
        ChatRules {
            unsupported: &[
                "audio",
                "function_call",
                "functions",
                "modalities",
                "prediction",
                "prompt_cache_key",
                "prompt_cache_retention",
                "safety_identifier",
                "service_tier",
                "store",
            ],
            max_tokens: MaxTokens::MaxTokens,
            user: true,
            drop_strict: true,
            by_model: &[
                ("grok-4", &["frequency_penalty", "stop"]),
                ("grok-3-mini", &["stop"]),
                ("grok-code", &["stop"]),
            ],
            ..ChatRules::DEFAULT
        },
    ),
    Row {
        endpoints: CHAT_AND_RESPONSES,
        ..host(
            "openrouter",
            Some("https://openrouter.ai/api/v1"),
            "OPENROUTER_API_KEY",
            "OPENROUTER_API_BASE",
            ChatRules {
                supported: &["reasoning_effort", "thinking"],
                cache_control: true,
                openrouter: true,
                ..ChatRules::DEFAULT
            },
        )
    },
    host(
        "together_ai",
        Some("https://api.together.ai/v1"),
        "TOGETHERAI_API_KEY",
        "TOGETHER_AI_API_BASE",
        ChatRules { drop_thinking_blocks: true, ..ChatRules::DEFAULT },
    ),
    host(
        "fireworks_ai",
        Some("https://api.fireworks.ai/inference/v1"),
        "FIREWORKS_API_KEY",
        "FIREWORKS_API_BASE",
        ChatRules {
            unsupported: &[
                "audio",
                "function_call",
                "functions",
                "modalities",
                "prompt_cache_retention",
                "safety_identifier",
                "store",
                "web_search_options",
            ],
            user: true,
            max_tokens: MaxTokens::MaxTokens,
            include_usage: true,
            gated_tool_choice: true,
            drop_thinking_blocks: true,
            no_files: true,
            ..ChatRules::DEFAULT
        },
    ),
    host(
        "cerebras",
        Some("https://api.cerebras.ai/v1"),
        "CEREBRAS_API_KEY",
        "CEREBRAS_API_BASE",
        ChatRules {
            unsupported: &[
                "audio",
                "frequency_penalty",
                "function_call",
                "functions",
                "logit_bias",
                "logprobs",
                "modalities",
                "n",
                "parallel_tool_calls",
                "prediction",
                "presence_penalty",
                "prompt_cache_key",
                "prompt_cache_retention",
                "safety_identifier",
                "service_tier",
                "store",
                "stream_options",
                "top_logprobs",
                "web_search_options",
            ],
            user: true,
            max_tokens: MaxTokens::MaxTokens,
            ..ChatRules::DEFAULT
        },
    ),
    host(
        "perplexity",
        Some("https://api.perplexity.ai"),
        "PERPLEXITYAI_API_KEY",
        "PERPLEXITY_API_BASE",
        ChatRules {
            unsupported: &[
                "audio",
                "function_call",
                "functions",
                "logit_bias",
                "logprobs",
                "modalities",
                "n",
                "parallel_tool_calls",
                "prediction",
                "prompt_cache_key",
                "prompt_cache_retention",
                "safety_identifier",
                "seed",
                "service_tier",
                "stop",
                "store",
                "stream_options",
                "tool_choice",
                "tools",
                "top_logprobs",
            ],
            ..ChatRules::DEFAULT
        },
    ),
    host(
        "nvidia_nim",
        Some("https://integrate.api.nvidia.com/v1"),
        "NVIDIA_NIM_API_KEY",
        "NVIDIA_NIM_API_BASE",
        ChatRules { unsupported: RARE, max_tokens: MaxTokens::MaxTokens, ..ChatRules::DEFAULT },
    ),
    Row {
        endpoints: VLLM,
        ..host(
            "hosted_vllm",
            None,
            "HOSTED_VLLM_API_KEY",
            "HOSTED_VLLM_API_BASE",
            ChatRules {
                supported: &["reasoning_effort", "thinking"],
                drop_strict: true,
                drop_additional_properties: true,
                thinking_as_effort: true,
                drop_thinking_blocks: true,
                join_assistant_text: true,
                ..ChatRules::DEFAULT
            },
        )
    },
    host("lm_studio", None, "LM_STUDIO_API_KEY", "LM_STUDIO_API_BASE", ChatRules::DEFAULT),
    host(
        "ollama_openai",
        Some("http://localhost:11434/v1"),
        "OLLAMA_API_KEY",
        "OLLAMA_API_BASE",
        ChatRules { cache_control: true, ..ChatRules::DEFAULT },
    ),
    host(
        "custom_openai",
        None,
        "CUSTOM_OPENAI_API_KEY",
        "CUSTOM_OPENAI_API_BASE",
        ChatRules { max_tokens: MaxTokens::MaxTokens, ..ChatRules::DEFAULT },
    ),
];

/// Parts of the names of models that reason, for each host.
const REASONING: &[(&str, &[&str])] = &[
    ("groq", &["gpt-oss", "qwen3"]),
    ("deepseek", &["reasoner", "deepseek-r1", "deepseek-v3.2", "deepseek-v4", "deepseek-flash"]),
    ("cerebras", &["gpt-oss", "qwen-3", "gemma-4"]),
    (
        "together_ai",
        &["gpt-oss", "GLM-", "MiniMax-M3", "Qwen3.", "Kimi-K3", "Inkling", "Nemotron", "V4.1-Flash"],
    ),
    (
        "fireworks_ai",
        &["deepseek-v3p", "deepseek-v4", "glm-", "gpt-oss", "kimi-k2p6", "kimi-k2p7", "minimax-m3"],
    ),
    ("mistral", &["magistral", "devstral", "mistral-medium", "mistral-small", "mistral-large-4", "glm-"]),
    ("perplexity", &["sonar-reasoning", "sonar-deep-research"]),
];

/// Parts of the names of Fireworks' models that take `tool_choice`.
const FIREWORKS_TOOL_CHOICE: &[&str] = &[
    "deepseek-v3p",
    "deepseek-v4",
    "firefunction",
    "glm-",
    "gpt-oss",
    "kimi-k2",
    "llama-v3p1-405b",
    "minimax-m",
    "mixtral-8x22b-instruct-hf",
];

/// What is known about a model of a host without being told.
pub(super) fn capabilities(provider: &str, model: &str) -> Capabilities {
    let has = |names: &[&str]| names.iter().any(|name| model.contains(name));
    let reasoning = REASONING.iter().any(|(host, names)| *host == provider && has(names));
    Capabilities {
        reasoning,
        response_schema: provider != "groq" || has(&["gpt-oss", "llama-4", "kimi-k2", "qwen3.8"]),
        tool_choice: provider != "fireworks_ai" || has(FIREWORKS_TOOL_CHOICE),
        ..Capabilities::default()
    }
}
