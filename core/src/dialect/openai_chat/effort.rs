//! How much to reason, in the words of the hosts that have their own.

use crate::json::Node;

/// DeepSeek knows thinking as on or off, and an effort beside it
/// (<https://api-docs.deepseek.com/guides/thinking_mode>): `thinking` and `reasoning_effort` as it takes them.
pub(super) fn deepseek_thinking(
    thinking: Option<Node<'_>>,
    effort: Option<Node<'_>>,
) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    const EFFORTS: &[&str] = &["minimal", "low", "medium", "high", "xhigh", "max", "ultra"];
    let explicit = thinking.and_then(|thinking| thinking.some("type")?.str());
    let mode = match (explicit.as_deref(), effort) {
        (Some(mode @ ("enabled" | "disabled")), _) => mode,
        (_, None) => return (None, None),
        (_, Some(effort)) if effort.is_text("none") => "disabled",
        (_, Some(_)) => "enabled",
    };
    let effort =
        effort.and_then(Node::str).filter(|effort| mode == "enabled" && EFFORTS.contains(&&**effort));
    (
        Some(format!(r#"{{"type":"{mode}"}}"#).into_bytes()),
        effort.map(|effort| format!("\"{effort}\"").into_bytes()),
    )
}

/// The effort that vLLM is asked for where the client asked for a thinking budget.
pub(super) fn thinking_effort(thinking: Node<'_>) -> Option<&'static str> {
    if !thinking.some("type")?.is_text("enabled") {
        return None;
    }
    Some(budget_effort(thinking.some("budget_tokens").and_then(Node::u64).unwrap_or(0)))
}

/// The effort that a thinking budget comes closest to; the thresholds are LiteLLM's
/// (`DEFAULT_REASONING_EFFORT_*_THINKING_BUDGET`).
pub(crate) fn budget_effort(tokens: u64) -> &'static str {
    match tokens {
        4_096.. => "high",
        2_048.. => "medium",
        1_024.. => "low",
        _ => "minimal",
    }
}
