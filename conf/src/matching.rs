//! Which requests a route takes. Pure: it looks at an exchange and says yes or no.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use tollgate_api::{Complexity, Exchange, Task};

/// The conditions of a route. All that are given must hold; none given matches everything.
#[derive(Clone, Debug, Default)]
pub struct Match {
    /// Patterns for the model as the client spelled it; one must fit. Empty: any model.
    pub model: Vec<Pattern>,
    /// The label's task must be one of these. Empty: any, also none.
    pub task: Vec<Task>,
    /// The label's complexity.
    pub complexity: Option<Complexity>,
    /// Whether the answer is streamed.
    pub stream: Option<bool>,
    /// The caller's tenant must be one of these. Empty: any.
    pub tenant: Vec<Arc<str>>,
    /// Whether the request brings tools.
    pub tools: Option<bool>,
    /// Headers that must be there with just this value.
    pub header: Vec<(HeaderName, HeaderValue)>,
}

impl Match {
    /// Whether the model, as the client spelled it, is one of this route's.
    #[must_use]
    pub fn model(&self, asked: &str) -> bool {
        self.model.is_empty() || self.model.iter().any(|pattern| pattern.fits(asked))
    }

    /// Whether every condition holds. A label that is not there fits no task and no complexity.
    #[must_use]
    pub fn all(&self, exchange: &Exchange) -> bool {
        let Self { model: _, task, complexity, stream, tenant, tools, header } = self;
        let Exchange { call, caller, label, headers, .. } = exchange;
        let label = label.as_ref();
        self.model(&call.model)
            && (task.is_empty() || label.and_then(|l| l.task).is_some_and(|t| task.contains(&t)))
            && complexity.is_none_or(|c| label.is_some_and(|l| l.complexity == c))
            && stream.is_none_or(|s| s == call.stream)
            && (tenant.is_empty() || tenant.contains(&caller.tenant))
            && tools.is_none_or(|t| t == call.tools)
            && header.iter().all(|(name, value)| headers.get_all(name).iter().any(|found| found == value))
    }

    /// Whether there is no condition, so that nothing gets past.
    #[must_use]
    pub fn takes_all(&self) -> bool {
        let Self { model, task, complexity, stream, tenant, tools, header } = self;
        let lists_are_empty = task.is_empty() && tenant.is_empty() && header.is_empty();
        let any_model = model.is_empty() || model.iter().any(|pattern| pattern.as_str() == "*");
        any_model && lists_are_empty && complexity.is_none() && stream.is_none() && tools.is_none()
    }

    /// Whether the label decides anything here.
    #[must_use]
    pub fn needs_label(&self) -> bool {
        !self.task.is_empty() || self.complexity.is_some()
    }

    /// Whether the client's headers decide anything here: they are kept only where someone asks.
    #[must_use]
    pub fn needs_headers(&self) -> bool {
        !self.header.is_empty()
    }
}

/// A model name in which `*` stands for any run of characters, also none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// Every text is a pattern.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `name` fits. The stars are taken from left to right, each as short as it may be, so
    /// the time is at most the product of both lengths, whatever a client sends.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        let Some((head, rest)) = self.0.split_once('*') else { return *self.0 == *name };
        let Some(mut name) = name.strip_prefix(head) else { return false };
        let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*').filter(|part| !part.is_empty()) {
            let Some(at) = name.find(part) else { return false };
            name = &name[at + part.len()..];
        }
        name.ends_with(tail)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use tollgate_api::{Call, Caller, Edits, Label, RequestId, Spans, Surface};

    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("gpt-5", &["gpt-5"], &["gpt-5-mini", "", "GPT-5"]),
            ("*", &["", "a", "a/b"], &[]),
            ("gpt-*", &["gpt-", "gpt-5-mini"], &["gpt", "xgpt-5"]),
            ("*-mini", &["gpt-5-mini", "-mini"], &["mini", "gpt-5-mini-2"]),
            ("a*a", &["aa", "aba"], &["a"]),
            ("*b*b*", &["bb", "abcb"], &["b", "abc"]),
            ("a**c", &["ac", "abc"], &["a"]),
            ("é*", &["é", "éa"], &["e"]),
        ];
        for (pattern, fit, unfit) in cases {
            let pattern = Pattern::new(pattern);
            assert!(fit.iter().all(|name| pattern.fits(name)), "{pattern:?} {fit:?}");
            assert!(!unfit.iter().any(|name| pattern.fits(name)), "{pattern:?} {unfit:?}");
        }
    }

    fn exchange() -> Exchange {
        let mut headers = HeaderMap::new();
        headers.insert("x-team", HeaderValue::from_static("blue"));
        Exchange {
            id: RequestId::from_random([0; 16]),
            caller: Arc::new(Caller { tenant: "acme".into(), key_id: "k".into(), key_name: "n".into() }),
            call: Call {
                body: Default::default(),
                surface: Surface::ChatCompletions,
                model: "auto".into(),
                stream: true,
                framing: Default::default(),
                wants_usage: false,
                max_output: None,
                caps: Default::default(),
                choices: 1,
                unbounded: None,
                end_user: None,
                tools: false,
                drop_unsupported: false,
                start_within: None,
                asks_tier: None,
                spans: Spans::default(),
            },
            headers,
            label: Some(Label { task: Some(Task::Code), complexity: Complexity::Simple, rule: "r".into() }),
            edits: Edits::new(),
        }
    }

    #[test]
    fn every_condition_that_is_given_must_hold() {
        let header = |value| vec![(HeaderName::from_static("x-team"), HeaderValue::from_static(value))];
        let cases: &[(Match, Match)] = &[
            (
                Match { model: vec![Pattern::new("x"), Pattern::new("au*")], ..Match::default() },
                Match { model: vec![Pattern::new("gpt-*")], ..Match::default() },
            ),
            (
                Match { task: vec![Task::Chat, Task::Code], ..Match::default() },
                Match { task: vec![Task::Chat], ..Match::default() },
            ),
            (
                Match { complexity: Some(Complexity::Simple), ..Match::default() },
                Match { complexity: Some(Complexity::Complex), ..Match::default() },
            ),
            (Match { stream: Some(true), ..Match::default() }, Match { stream: Some(false), ..Match::default() }),
            (
                Match { tenant: vec!["acme".into()], ..Match::default() },
                Match { tenant: vec!["other".into()], ..Match::default() },
            ),
            (Match { tools: Some(false), ..Match::default() }, Match { tools: Some(true), ..Match::default() }),
            (Match { header: header("blue"), ..Match::default() }, Match { header: header("red"), ..Match::default() }),
        ];
        assert!(Match::default().all(&exchange()));
        for (holds, fails) in cases {
            assert!(holds.all(&exchange()), "{holds:?}");
            assert!(!fails.all(&exchange()), "{fails:?}");
        }
    }

    #[test]
    fn without_a_label_no_task_and_no_complexity_fits() {
        let unlabelled = Exchange { label: None, ..exchange() };
        assert!(!Match { task: Task::ALL.to_vec(), ..Match::default() }.all(&unlabelled));
        assert!(!Match { complexity: Some(Complexity::Simple), ..Match::default() }.all(&unlabelled));
    }
}
