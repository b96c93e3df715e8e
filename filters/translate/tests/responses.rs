//! OpenAI Responses, read and written: each test is named after what went wrong in a gateway.

mod strict;

#[path = "responses/answers.rs"]
mod answers;
#[path = "responses/hostile.rs"]
mod hostile;
#[path = "responses/requests.rs"]
mod requests;
#[path = "responses/surface.rs"]
mod surface;
