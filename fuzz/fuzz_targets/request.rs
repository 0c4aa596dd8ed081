//! Arbitrary bytes as a client's request, to every provider: refused or translated, and then valid JSON.
#![no_main]

use std::sync::{Arc, LazyLock};

use interlingua::json::Document;
use interlingua::{AttemptOptions, Bytes, ClientHead, Dialect, Limits, Provider, Request, Step, Target};
use libfuzzer_sys::fuzz_target;

static TARGETS: LazyLock<Vec<Arc<Target>>> = LazyLock::new(|| {
    let mut targets = Vec::new();
    for provider in Provider::all() {
        for drop_params in [false, true] {
            let mut target =
                Target::new(provider.name(), "claude-sonnet-4-5", Some("http://upstream.test")).unwrap();
            target.drop_params = drop_params;
            targets.push(Arc::new(target));
        }
    }
    targets
});

fuzz_target!(|data: &[u8]| {
    for dialect in Dialect::ALL {
        let body = Bytes::copy_from_slice(data);
        let Ok(request) = Request::read(dialect, &ClientHead::default(), body, &Limits::default()) else {
            return;
        };
        for target in TARGETS.iter() {
            let Ok(mut attempt) = request.attempt(target, AttemptOptions::default()) else { continue };
            let Step::Send(http) = attempt.step() else { panic!("an attempt begins by sending") };
            let body = http.body_bytes().to_vec();
            assert!(Document::parse(body, &Limits::default()).is_ok(), "what is sent is JSON");
        }
    }
});
