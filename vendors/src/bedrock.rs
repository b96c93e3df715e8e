//! Amazon Bedrock, by Converse (docs.aws.amazon.com/bedrock, recordings of 2026-08). The credential is
//! an access key (`id:secret`, or `id:secret:session`), by which requests are signed, or a Bedrock API
//! key.

use tollgate_translate::Dialect;

use crate::Layout;
use crate::vendor::{Auth, OPENAI_LIKE, Vendor};

pub(crate) static VENDOR: Vendor = Vendor {
    name: "bedrock",
    dialect: Dialect::Converse,
    base_url: None,
    example_url: "https://bedrock-runtime.<region>.amazonaws.com",
    variable: "AWS_BEARER_TOKEN_BEDROCK",
    models: ["us.anthropic.claude-haiku-4-5-20251001-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"],
    auth: Auth::Aws { service: "bedrock" },
    layout: Layout::Bedrock,
    limits: &[],
    credential_errors: &["UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException"],
    money_errors: &[],
    ..OPENAI_LIKE
};
