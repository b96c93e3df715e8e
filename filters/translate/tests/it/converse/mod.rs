//! Amazon Bedrock Converse: each test is named after what went wrong in a gateway, or the law it keeps.

mod hostile;
mod read_answers;
mod read_requests;
mod write_answers;
mod write_requests;
mod write_settings;

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-6";
const NOVA: &str = "us.amazon.nova-2-lite-v1:0";
const LLAMA: &str = "meta.llama3-3-70b-instruct-v1:0";
const GPT: &str = "openai.gpt-oss-120b-1:0";
