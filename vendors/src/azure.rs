//! OpenAI's models at Microsoft Azure, by its v1 API: the model is the name of a deployment
//! (learn.microsoft.com, 2026-11).

use tollgate_translate::{Accent, Dialect};

use crate::vendor::{Auth, OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "azure",
    accent: Accent::AZURE,
    also: &[Dialect::Responses],
    example_url: "https://<resource>.openai.azure.com/openai/v1",
    variable: "AZURE_OPENAI_API_KEY",
    models: ["gpt-5.4-mini", "gpt-6.1-sol"],
    auth: Auth::Header("api-key"),
    credential_errors: &["401", "Access denied due to invalid subscription key"],
    ..OPENAI_LIKE
};
