//! `tollgate explain`: the plan for a request and the reasons for it. No traffic.

use std::fmt::Write as _;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use tollgate_api::{Address, Caller, Exchange, Refusal, Surface};
use tollgate_classify::Input;

use super::{ConfigFile, Done, Exit, print};
use crate::clock;
use crate::filters::Filters;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::plan;

#[derive(clap::Args)]
pub(super) struct Explain {
    #[command(flatten)]
    file: ConfigFile,
    /// The request body; `-` reads standard input.
    #[arg(short = 'f', long = "file")]
    body: PathBuf,
    /// Explain it for a caller of this tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
}

impl Explain {
    pub(super) fn run(&self, filters: &Filters) -> Done {
        let config = self.file.load()?;
        let live =
            Live::build(&config, filters, &Metrics::new(), None, None).map_err(|e| Exit::Config(format!("{e:#}")))?;
        let body = self.read()?;
        let text = explain(&live, body, &self.tenant)
            .map_err(|r| anyhow::anyhow!("{} ({}): {}", r.message, r.code.as_str(), r.code.remedy()))?;
        print(&text);
        Ok(Exit::Ok)
    }

    fn read(&self) -> anyhow::Result<Bytes> {
        let mut body = Vec::new();
        if self.body.as_os_str() == "-" {
            std::io::stdin().read_to_end(&mut body).context("reading the body from standard input")?;
        } else {
            body =
                std::fs::read(&self.body).with_context(|| format!("reading the body from {}", self.body.display()))?;
        }
        Ok(body.into())
    }
}

fn explain(live: &Live, body: Bytes, tenant: &str) -> Result<String, Refusal> {
    let call = tollgate_translate::request::read(&Address::of(Surface::ChatCompletions), body)?;
    let mut text = format!(
        "asked      model `{}`, {}, {} tools\n",
        call.model,
        if call.stream { "streamed" } else { "whole" },
        if call.tools { "with" } else { "without" },
    );
    let label = plan::wants_label(live, &call).then(|| {
        let messages = std::str::from_utf8(call.messages()).unwrap_or_default();
        live.classifier.label(&Input { surface: call.surface, messages, tools: call.tools })
    });
    let _ = match &label {
        Some(label) => writeln!(
            text,
            "label      task {}, complexity {}, by rule `{}`",
            label.task.map_or("unsure", |t| t.as_str()),
            label.complexity.as_str(),
            label.rule
        ),
        None => writeln!(text, "label      none: no route asks for one"),
    };
    let exchange = Exchange {
        id: crate::gateway::draw_request_id(),
        caller: Arc::new(Caller { tenant: tenant.into(), key_id: "explain".into(), key_name: "explain".into() }),
        call,
        headers: http::HeaderMap::new(),
        label,
        edits: Default::default(),
    };
    for route in live.routes.iter().filter(|r| !r.matches.all(&exchange)) {
        let _ = writeln!(text, "passed by  route `{}` does not match", route.name);
    }
    let plan = plan::choose(live, &exchange)?;
    let _ = writeln!(text, "chosen     {}", plan.why.sentence());
    for (number, endpoint) in plan.candidates().map(plan::Candidate::endpoint).enumerate() {
        let _ = writeln!(
            text,
            "attempt {}  {}: {} at {}, speaking {}, {}, {}",
            number + 1,
            endpoint.name,
            endpoint.model,
            endpoint.provider,
            endpoint.dialect(Surface::ChatCompletions).as_str(),
            endpoint.health.state(clock::now_ms()).as_str(),
            if endpoint.prices.is_some() { "priced" } else { "without a price" },
        );
    }
    Ok(text)
}
