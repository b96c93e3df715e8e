//! OpenAI Responses, read and written: each test is named after what went wrong in a gateway.

mod answers;
mod hostile;
mod requests;
mod surface;
