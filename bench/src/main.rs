//! `load`: what the gateway benchmark needs around a gateway, cheap enough to share one core with it.
//!
//! ```text
//! load upstream CHAT.json MESSAGES.json        answers POSTs on loopback; prints its port
//! load run PORT PATH BODY.json CONNECTIONS SECONDS KEY     prints requests, errors, seconds, p50 and p99 in µs
//! ```

mod client;
mod http;
mod upstream;

use std::io::{Write, stderr};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["upstream", chat, messages] => upstream::serve(chat, messages),
        ["run", port, path, body, connections, seconds, key] => {
            client::run(port, path, body, connections, seconds, key)
        }
        _ => {
            Err("usage: load upstream CHAT MESSAGES | load run PORT PATH BODY CONNECTIONS SECONDS KEY".into())
        }
    };
    if let Err(why) = result {
        let _ = writeln!(stderr(), "load: {why}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
