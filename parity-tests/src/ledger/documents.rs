//! Documents in requests of messages clients to chat providers.

use serde_json::{Value, json};

use super::{Context, Evidence, Layer, Rule};
use crate::case::Route;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "documents_kept",
        why: "A document of text, or one that was uploaded before, is sent as a file; LiteLLM drops it.",
        evidence: Evidence::RecordedBytes,
        apply: documents,
    },
    Rule {
        code: "documents_are_files",
        why: "A PDF that a tool returned is a file part; as `image_url`, which is how LiteLLM sends it, it is rejected.",
        evidence: Evidence::ProviderDocs,
        apply: pdf_images,
    },
];

fn pdf_images(context: &Context<'_>, oracle: &mut Value) -> usize {
    let question = &context.case.question;
    let cross = question.route == Route::AnthropicMessages && context.upstream() == Route::OpenAiChat;
    let Some(messages) = oracle.pointer_mut("/body/messages").and_then(Value::as_array_mut).filter(|_| cross)
    else {
        return 0;
    };
    let mut changed = 0;
    let contents = messages.iter_mut().filter_map(|message| message.get_mut("content")?.as_array_mut());
    for part in contents.flatten() {
        let url = part.pointer("/image_url/url").and_then(Value::as_str);
        if let Some(url) = url.filter(|url| url.starts_with("data:application/pdf")) {
            *part = json!({"type": "file", "file": {"filename": "document.pdf", "file_data": url}});
            changed += 3;
        }
    }
    changed
}

fn documents(context: &Context<'_>, oracle: &mut Value) -> usize {
    let question = &context.case.question;
    let cross = question.route == Route::AnthropicMessages && context.upstream() == Route::OpenAiChat;
    if !cross || context.layer != Layer::Request {
        return 0;
    }
    let Some(sent) = oracle.pointer_mut("/body/messages").and_then(Value::as_array_mut) else { return 0 };
    let system = question.body.get("system").is_some_and(|system| !system.is_null() && *system != json!(""));
    let mut at = usize::from(system);
    let mut changed = 0;
    for message in question.body["messages"].as_array().into_iter().flatten() {
        let blocks = message["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        let results = blocks.iter().filter(|block| block["type"] == "tool_result").count();
        let said: Vec<&Value> = blocks.iter().filter(|block| block["type"] != "tool_result").collect();
        at += results;
        if said.is_empty() && results > 0 {
            continue;
        }
        let lost: Vec<(usize, Value)> =
            said.iter().enumerate().filter_map(|(index, block)| Some((index, as_file(block)?))).collect();
        if lost.len() == said.len() && !lost.is_empty() {
            let parts: Vec<Value> = lost.into_iter().map(|(_, part)| part).collect();
            changed += parts.len();
            sent.insert(at.min(sent.len()), json!({"role": "user", "content": parts}));
        } else if let Some(parts) =
            sent.get_mut(at).and_then(|message| message.get_mut("content")?.as_array_mut())
        {
            for (index, part) in lost {
                parts.insert(index.min(parts.len()), part);
                changed += 1;
            }
        }
        at += 1;
    }
    changed
}

/// The file that stands for a document that LiteLLM drops.
fn as_file(block: &Value) -> Option<Value> {
    let source = block.get("source").filter(|_| block["type"] == "document")?;
    let file = match source["type"].as_str()? {
        "text" => {
            let kind = source["media_type"].as_str().unwrap_or("text/plain");
            let name = block["title"].as_str().unwrap_or("document.txt");
            let data = format!("data:{kind};base64,{}", base64(source["data"].as_str()?.as_bytes()));
            json!({"filename": name, "file_data": data})
        }
        "file" => json!({"file_id": source["file_id"]}),
        _ => return None,
    };
    Some(json!({"type": "file", "file": file}))
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let sextet = (bits >> (18 - 6 * place)) & 63;
            let known = place <= chunk.len();
            out.push(if known { char::from(ALPHABET[sextet as usize]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_as_in_rfc_4648() {
        let expected = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (length, expected) in expected.iter().enumerate() {
            assert_eq!(base64(&b"foobar"[..length]), *expected);
        }
    }
}
