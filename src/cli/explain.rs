//! `tollgate explain`: the plan for a request and the reasons for it. No traffic.

use std::fmt::Write as _;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use pingora::http::RequestHeader;
use tollgate_api::{Address, Caller, Exchange, Money, RaceMode, Refusal, StartWithin, Surface, Tier, Usage};
use tollgate_classify::Input;

use super::{ConfigFile, Done, Exit, print};
use crate::clock;
use crate::deadlines::{Pace, Wishes};
use crate::filters::Filters;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::plan::{self, Plan};
use crate::race::schedule;
use crate::surface::{Asked, asked};

#[derive(clap::Args)]
pub(super) struct Explain {
    #[command(flatten)]
    file: ConfigFile,
    /// The request body; `-` reads standard input.
    #[arg(short = 'f', long = "file")]
    body: PathBuf,
    /// The path that it would be sent to: any surface of models, as in `/v1/messages`.
    #[arg(long, default_value = "/v1/chat/completions")]
    path: String,
    /// Explain it for a caller of this tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Explain it as if it said `start_within`: `default`, `priority`, `auto`, or a time such as `30s`.
    #[arg(long)]
    start_within: Option<StartWithin>,
}

impl Explain {
    pub(super) fn run(&self, filters: &Filters) -> Done {
        let config = self.file.load()?;
        let live =
            Live::build(&config, filters, &Metrics::new(), None, None).map_err(|e| Exit::Config(format!("{e:#}")))?;
        let (address, body) = (self.address()?, self.read()?);
        let text = explain(&live, &address, body, &self.tenant, self.start_within)
            .map_err(|r| anyhow::anyhow!("{} ({}): {}", r.message, r.word(), r.code.remedy()))?;
        print(&text);
        Ok(Exit::Ok)
    }

    fn address(&self) -> anyhow::Result<Address> {
        let head = RequestHeader::build("POST", self.path.as_bytes(), None);
        match asked(&head.map_err(|_| anyhow!("`{}` is no path", self.path))?) {
            Asked::Model(address) => Ok(address),
            _ => Err(anyhow!("no model is asked at `{}`: try `/v1/chat/completions` or `/v1/messages`", self.path)),
        }
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

fn explain(
    live: &Live,
    address: &Address,
    body: Bytes,
    tenant: &str,
    start: Option<StartWithin>,
) -> Result<String, Refusal> {
    let call = tollgate_translate::request::read(address, body)?;
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
    let call = &exchange.call;
    let wishes = Wishes::of_start(start.or(call.start_within), &live.deadlines);
    let plan = plan::choose(live, &exchange)?.paced(&wishes, call.surface)?;
    let _ = writeln!(text, "chosen     {}", plan.why.sentence());
    attempts(&mut text, &plan, call.surface);
    match plan.pace {
        Pace::AsItComes => {}
        Pace::At(asked) => {
            let _ = writeln!(text, "tier       each is asked for its tier `{}`", asked.as_str());
        }
        Pace::Race { within, mode } => race(&mut text, live, &plan, call.stream, (within, mode)),
    }
    if let Some(hedge) = plan.hedge() {
        let share = f64::from(hedge.extra_millionths) / 10_000.0;
        let _ = writeln!(
            text,
            "hedge      where the first is later than 95 of 100 of its answers, the next is asked as well; \
             at most {share} more attempts for 100 requests"
        );
    }
    Ok(text)
}

/// The attempts, in their order.
fn attempts(text: &mut String, plan: &Plan<'_>, surface: Surface) {
    for (number, endpoint) in plan.candidates().map(plan::Candidate::endpoint).enumerate() {
        let _ = writeln!(
            text,
            "attempt {}  {}: {} at {}, speaking {}, {}, {}",
            number + 1,
            endpoint.name,
            endpoint.model,
            endpoint.provider,
            endpoint.dialect(surface).as_str(),
            endpoint.health.state(clock::now_ms()).as_str(),
            if endpoint.prices.is_some() { "priced" } else { "without a price" },
        );
    }
}

/// The schedule of a race, with its numbers.
fn race(text: &mut String, live: &Live, plan: &Plan<'_>, stream: bool, (within, mode): (Duration, RaceMode)) {
    let Some(endpoint) = plan.flex().map(plan::Candidate::endpoint) else { return };
    let standard = plan.first().endpoint();
    let found = schedule(live, standard, endpoint, stream, within, Duration::ZERO);
    let time = |time: Duration| StartWithin::Time(time);
    let price = |tier| {
        let of = |usage| endpoint.price(&Usage { tier, ..usage }).map_or(Money::ZERO, |cost| cost.total());
        let input = of(Usage { input: 1_000_000, ..Usage::default() });
        let output = of(Usage { output: 1_000_000, ..Usage::default() });
        format!("{input} and {output} US dollars for a million tokens in and out")
    };
    let _ = writeln!(text, "race       it starts within {}: flex against the standard tier", time(within));
    let _ = if found.flex_may_start {
        writeln!(text, "  at 0s    flex at {}: {}", endpoint.name, price(Tier::Flex))
    } else {
        writeln!(text, "  never    flex at {}: there is no time for it", endpoint.name)
    };
    let what = match found.quantile {
        Some(quantile) => format!("the {:.1}th percentile of {} answers", 100.0 * quantile, found.samples),
        None if standard.first_content.is_some() => "the catalogue's prior: too little was seen yet".to_owned(),
        None => "`deadlines.first_content`: too little was seen yet, and the catalogue has no prior".to_owned(),
    };
    let _ = writeln!(
        text,
        "  at {:<5} the standard tier, if flex has not begun: {} less {}, which is {what}\n           {}",
        if found.standard_at.is_zero() { "0s".to_owned() } else { time(found.standard_at).to_string() },
        time(within),
        time(found.standard_takes),
        price(Tier::Standard),
    );
    let _ = writeln!(
        text,
        "  then     {}; at once where flex is refused or breaks",
        match mode {
            RaceMode::Overlap => "both go on, the first content wins, and the other is called off",
            RaceMode::Sequential => "flex is called off before the standard tier starts",
        }
    );
}
