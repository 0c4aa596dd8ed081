//! `mistral_ocr`: [Mistral OCR](https://docs.mistral.ai/api/#tag/ocr). Client and provider share it, so there is an edit list
//! for each direction and no IR.

pub(crate) mod error;
pub(crate) mod request;
pub(crate) mod response;
