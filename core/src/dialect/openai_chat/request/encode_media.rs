//! Pictures, sound and files as content parts of a message.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::encode_message::Context;
use crate::dialect::place::Place;
use crate::error::Refusal;
use crate::ir::chat::{Media, MediaKind, Source};
use crate::json::{Text, Writer};

/// Whether there is a part for it.
pub(super) fn fits(media: &Media<'_>) -> bool {
    match (&media.kind, &media.source) {
        (_, Source::Blocks(_)) => false,
        (MediaKind::Image, Source::FileId(_) | Source::Text(_)) => false,
        (MediaKind::Audio, source) => matches!(source, Source::Base64 { .. }),
        _ => true,
    }
}

/// Writes the part with this number.
pub(super) fn part(
    media: &Media<'_>,
    (place, number): (Place, usize),
    w: &mut Writer<'_>,
    cx: &mut Context<'_>,
) {
    match (media.kind, &media.source) {
        (MediaKind::Audio, Source::Base64 { media_type, data }) => {
            w.begin_object().key("type").word("input_audio").key("input_audio").begin_object();
            w.key("data").text(data).key("format").text(media_type).end_object().end_object();
        }
        (MediaKind::File, Source::Url(_)) if cx.of_items => {
            cx.unfit.get_or_insert_with(|| {
                let path = place.to_string();
                Refusal::unsupported(path.clone(), format!("{path}: the file would have to be fetched"))
            });
        }
        (MediaKind::File, Source::Base64 { .. } | Source::FileId(_) | Source::Text(_)) => {
            if cx.rules.no_files {
                cx.unfit.get_or_insert_with(|| {
                    let path = format!("messages[{}].content[{number}]", cx.written - 1);
                    let why =
                        format!("{path}: {} does not take content of type 'file'", cx.target.provider.name());
                    Refusal::unsupported(path, why)
                });
            }
            file(media, place, w, cx);
        }
        (_, Source::Base64 { .. } | Source::Url(_)) => {
            w.begin_object().key("type").word("image_url").key("image_url").begin_object().key("url");
            url(&media.source, w);
            match &media.detail {
                Some(detail) => {
                    w.key("detail").text(detail);
                }
                None if cx.of_items => {
                    w.key("detail").word("auto");
                }
                None => {}
            }
            w.end_object();
            cx.cache_mark(media.cache, place, w);
            w.end_object();
        }
        _ => {}
    }
}

fn url(source: &Source<'_>, w: &mut Writer<'_>) {
    match source {
        Source::Base64 { media_type, data } => {
            w.concat([&Text::new("data:"), media_type, &Text::new(";base64,"), data]);
        }
        Source::Url(url) | Source::FileId(url) | Source::Text(url) => {
            w.text(url);
        }
        Source::Blocks(_) => {
            w.word("");
        }
    }
}

fn file(media: &Media<'_>, place: Place, w: &mut Writer<'_>, cx: &mut Context<'_>) {
    w.begin_object().key("type").word("file").key("file").begin_object();
    match (&media.name, &media.source) {
        (Some(name), _) => {
            w.key("filename").text(name);
        }
        (None, Source::Base64 { .. }) => {
            w.key("filename").word("document.pdf");
        }
        (None, Source::Text(_)) => {
            w.key("filename").word("document.txt");
        }
        (None, _) => {}
    }
    match &media.source {
        Source::FileId(id) => {
            w.key("file_id").text(id);
        }
        Source::Text(text) => {
            let encoded = BASE64.encode(text.unescape().as_bytes());
            w.key("file_data").str(&format!("data:text/plain;base64,{encoded}"));
        }
        source => {
            w.key("file_data");
            url(source, w);
        }
    }
    w.end_object();
    cx.cache_mark(media.cache, place, w);
    w.end_object();
}
