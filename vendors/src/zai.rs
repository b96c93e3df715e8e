//! Z.AI, whose models are GLM (docs.z.ai, 2026-11).

use tollgate_translate::Accent;

use crate::vendor::{OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "zai",
    accent: Accent::ZAI,
    base_url: Some("https://api.z.ai/api/paas/v4"),
    variable: "ZAI_API_KEY",
    models: ["glm-4.7-flash", "glm-5"],
    limits: &[],
    // Business codes: 1113 is an account in arrears, 1000 to 1004 are keys that it does not take.
    credential_errors: &["1000", "1001", "1002", "1003", "1004"],
    money_errors: &["1113"],
    ..OPENAI_LIKE
};
