//! Every dialect by its laws and by what was recorded: one binary, a module for each.

mod again;
mod answers;
mod chat;
mod converse;
mod embeddings;
mod foreign;
mod frames;
mod gemini;
mod golden;
mod hostile;
mod instructed;
mod interactions;
mod messages;
mod passthrough;
mod plain;
mod relayed;
mod requests;
mod responses;
mod said;
mod strict;
