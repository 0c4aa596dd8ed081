//! What only the provider's dialect knows.

use super::super::{items, searches};
use super::encode::{Encoder, Kind};
use crate::json::Node;

impl Encoder {
    /// A block that only the provider's dialect knows: a call of one of its own tools, or what came out of it.
    pub(super) fn native(&mut self, choice: u32, node: Node<'_>, out: &mut Vec<u8>) -> Kind {
        let kind = node.get_text("type").map(|kind| kind.unescape()).unwrap_or_default();
        match &*kind {
            "server_tool_use" => {
                let (id, name) = (node.get_text("id"), node.get_text("name"));
                let (Some(id), Some(name)) = (id, name) else { return Kind::Silent };
                self.tool_start(choice, (id, name), (node.some("caller"), None), out)
            }
            "web_search_tool_result" | "web_fetch_tool_result" => {
                self.provider_field(choice, "web_search_results", node, out);
                Kind::Silent
            }
            kind if kind.ends_with("_tool_result") => {
                self.provider_field(choice, "tool_results", node, out);
                Kind::Silent
            }
            // Told with all of them, when the answer is complete.
            _ if items::is_upstream(&self.context) && searches::is_search(node) => Kind::Silent,
            _ => {
                self.report.lose_once(&format!("content_block.{kind}"), "block_without_counterpart");
                Kind::Silent
            }
        }
    }

    pub(super) fn provider_field(&mut self, choice: u32, name: &str, node: Node<'_>, out: &mut Vec<u8>) {
        self.chunk(choice, out, |w| {
            w.key("provider_specific_fields").begin_object();
            w.key(name).begin_array().node(node).end_array().end_object();
        });
    }

    /// What only the provider's dialect knows of an answer as a whole.
    pub(super) fn other(&mut self, name: Option<&[u8]>, node: Node<'_>, out: &mut Vec<u8>) {
        let container = node.some("delta").and_then(|delta| delta.some("container"));
        if let Some(container) = container {
            return self.chunk(0, out, |w| {
                w.key("provider_specific_fields")
                    .begin_object()
                    .key("container")
                    .node(container)
                    .end_object();
            });
        }
        if items::is_upstream(&self.context) {
            let told = [self.phase(node, out), self.service_tier(node), self.searches(node, out)];
            if told.contains(&true) {
                return;
            }
        }
        let name = name.map(String::from_utf8_lossy).unwrap_or_default();
        self.report.lose_once(&format!("event.{name}"), "event_without_counterpart");
    }
}
