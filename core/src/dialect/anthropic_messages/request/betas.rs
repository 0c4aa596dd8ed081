//! `anthropic-beta`: what of a request is not part of the API's stable version.

use crate::http::Headers;
use crate::json::Node;

/// The betas that a request needs, the client's own first.
#[derive(Debug, Default)]
pub(super) struct Betas(Vec<String>);

impl Betas {
    /// Those that the client asks for.
    pub(super) fn of_client(headers: &Headers) -> Self {
        let mut betas = Self::default();
        let asked = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("anthropic-beta"));
        for beta in asked.flat_map(|(_, value)| value.split(',')) {
            betas.add(beta.trim());
        }
        betas
    }

    pub(super) fn add(&mut self, beta: &str) {
        if !beta.is_empty() && !self.0.iter().any(|known| known == beta) {
            self.0.push(beta.to_owned());
        }
    }

    /// Those that a tool needs.
    pub(super) fn of_tool(&mut self, node: Node<'_>) {
        let kind = node.get("type").and_then(Node::str).unwrap_or_default();
        if kind.starts_with("computer_") {
            self.add(if kind == "computer_20250124" {
                "computer-use-2025-01-24"
            } else {
                "computer-use-2024-10-22"
            });
        } else if kind.starts_with("web_fetch") {
            self.add("web-fetch-2025-09-10");
        } else if kind.starts_with("memory") {
            self.add("context-management-2025-06-27");
        } else if kind == "code_execution_20250825" {
            self.add("code-execution-2025-08-25");
        } else if matches!(&*kind, "tool_search_tool_regex_20251119" | "tool_search_tool_bm25_20251119") {
            self.add("advanced-tool-use-2025-11-20");
        } else if kind == "advisor_20260301" {
            self.add("advisor-tool-2026-03-01");
        }
        for (name, value) in node.entries() {
            self.of_tool_field(&name.name(), value);
        }
    }

    /// Those that a field of a tool needs.
    pub(super) fn of_tool_field(&mut self, name: &[u8], value: Node<'_>) {
        let called_by_code = || value.items().any(|caller| caller.is_text("code_execution_20250825"));
        let examples = name == b"input_examples" && value.is_array() && !value.is_empty();
        if examples || (name == b"allowed_callers" && called_by_code()) {
            self.add("advanced-tool-use-2025-11-20");
        }
    }

    /// Those that `context_management` needs.
    pub(super) fn of_context_management(&mut self, edits: impl Iterator<Item = bool>) {
        for compact in edits {
            self.add(if compact { "compact-2026-01-12" } else { "context-management-2025-06-27" });
        }
    }

    pub(super) fn into_headers(self) -> Headers {
        if self.0.is_empty() {
            return Headers::new();
        }
        vec![("anthropic-beta".to_owned(), self.0.join(","))]
    }
}
