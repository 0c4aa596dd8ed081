//! Deployments.

use std::sync::Arc;

use interlingua::{Credential, Headers, Refusal};
use pyo3::prelude::*;

use crate::errors::refused;

/// Where a request goes.
#[pyclass(frozen, module = "interlingua._native")]
pub(crate) struct Target(pub(crate) Arc<interlingua::Target>);

#[pymethods]
impl Target {
    #[new]
    #[pyo3(signature = (provider, model, /, *, base_url = None, has_credential = true, drop_params = false,
                        capabilities = None, defaults = None, extra_headers = Vec::new(), deployment = None),
           text_signature = "(provider, model, /, *, base_url=None, has_credential=True, drop_params=False, capabilities=None, defaults=None, extra_headers=(), deployment=None)")]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of a Python constructor")]
    fn new(
        py: Python<'_>,
        provider: &str,
        model: &str,
        base_url: Option<&str>,
        has_credential: bool,
        drop_params: bool,
        capabilities: Option<&[u8]>,
        defaults: Option<&[u8]>,
        extra_headers: Headers,
        deployment: Option<&str>,
    ) -> PyResult<Self> {
        let refused = |refusal: Refusal| refused(py, &refusal);
        let mut target = interlingua::Target::new(provider, model, base_url).map_err(refused)?;
        target.credential = if has_credential { Credential::ApiKey } else { Credential::None };
        target.drop_params = drop_params;
        target.extra_headers = extra_headers;
        target.deployment = deployment.map(Arc::from);
        if let Some(json) = capabilities {
            let known = interlingua::Capabilities::clone(&target.capabilities);
            let told = known
                .overridden(json)
                .map_err(|error| refused(Refusal::invalid("capabilities", error.to_string())))?;
            target.capabilities = Arc::new(told);
        }
        if let Some(json) = defaults {
            target.defaults = interlingua::Bytes::copy_from_slice(json);
        }
        Ok(Self(Arc::new(target)))
    }

    #[getter]
    fn provider(&self) -> &'static str {
        self.0.provider.name()
    }

    #[getter]
    fn model(&self) -> &str {
        &self.0.model
    }

    #[getter]
    fn key_variable(&self) -> Option<&'static str> {
        self.0.provider.key_variable()
    }
}
