//! Rules at work: which of them hold, what they add up to.

use std::borrow::Cow;
use std::collections::HashSet;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::{Regex, RegexBuilder};
use tollgate_api::{Complexity, Label, Task};

use crate::rules::{Rule, RulesError, RulesFile, Where};
use crate::text::Conversation;
use crate::{Classify, Input};

/// A pattern larger than this is refused: it would cost more than all others together.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// The rule that is named where none spoke, and where two spoke equally loud.
const OTHERWISE: &str = "otherwise";
const UNSURE: &str = "unsure";

/// A classifier made of rules.
#[derive(Debug)]
pub struct Classifier {
    otherwise: Option<Task>,
    lead: u32,
    complex_at: i32,
    rules: Vec<Ready>,
    words: [Words; 3],
}

/// A rule, ready to be asked.
#[derive(Debug)]
struct Ready {
    rule: Rule,
    pattern: Option<Regex>,
}

/// All words that are looked for in one place, and the rule that each belongs to.
#[derive(Debug)]
struct Words {
    automaton: AhoCorasick,
    rule_of: Vec<usize>,
}

impl Classifier {
    /// Makes one of a file of rules.
    ///
    /// # Errors
    /// When a rule cannot work; it is named.
    pub fn new(file: RulesFile) -> Result<Self, RulesError> {
        let RulesFile { otherwise, lead, complex_at, rules } = file;
        let mut names = HashSet::new();
        if let Some(twice) = rules.iter().find(|r| !names.insert(r.name.as_str())) {
            return Err(RulesError::Duplicate(twice.name.clone()));
        }
        let words = [Where::Instruction, Where::Beginning, Where::Anywhere].map(|place| Words::new(&rules, place));
        let [a, b, c] = words;
        let rules = rules.into_iter().map(Ready::new).collect::<Result<_, _>>()?;
        Ok(Self { otherwise, lead, complex_at, rules, words: [a?, b?, c?] })
    }

    fn decide(&self, points: &[(u32, Option<usize>); Task::ALL.len()]) -> (Option<Task>, Cow<'static, str>) {
        let best = (0..points.len()).max_by_key(|i| (points[*i].0, usize::MAX - i)).unwrap_or(0);
        let (most, Some(loudest)) = points[best] else { return (self.otherwise, OTHERWISE.into()) };
        let second = (0..points.len()).filter(|i| *i != best).map(|i| points[i].0).max().unwrap_or(0);
        if most - second < self.lead {
            return (None, UNSURE.into());
        }
        (Some(Task::ALL[best]), self.rules[loudest].rule.name.clone().into())
    }
}

impl Classify for Classifier {
    fn label(&self, input: &Input<'_>) -> Label {
        let read = Conversation::read(input.messages);
        let instruction = read.instruction();
        let texts = [&*instruction, read.beginning(), read.anywhere()];
        let mut said = vec![false; self.rules.len()];
        for (words, text) in self.words.iter().zip(texts) {
            // Lowered here, and not by the automaton, which knows only ASCII: think of `Ü`.
            if !words.rule_of.is_empty() {
                words.mark(&text.to_lowercase(), &mut said);
            }
        }
        let mut points = [(0, None); Task::ALL.len()];
        let mut complexity = 0;
        for (i, ready) in self.rules.iter().enumerate().filter(|(i, r)| r.holds(said[*i], input, &read, texts)) {
            complexity += ready.rule.complexity;
            if let Some(task) = ready.rule.task {
                let (sum, loudest) = &mut points[Task::ALL.iter().position(|t| *t == task).unwrap_or(0)];
                *sum += ready.rule.points;
                if loudest.is_none_or(|l: usize| self.rules[l].rule.points < ready.rule.points) {
                    *loudest = Some(i);
                }
            }
        }
        let (task, rule) = self.decide(&points);
        let complexity = if complexity >= self.complex_at { Complexity::Complex } else { Complexity::Simple };
        Label { task, complexity, rule }
    }
}

impl Ready {
    fn new(rule: Rule) -> Result<Self, RulesError> {
        let compile = |pattern: &String| {
            RegexBuilder::new(pattern)
                .size_limit(PATTERN_BYTES_MAX)
                .build()
                .map_err(|e| RulesError::Pattern { name: rule.name.clone(), why: e.to_string() })
        };
        let pattern = rule.pattern.as_ref().map(compile).transpose()?;
        Ok(Self { rule, pattern })
    }

    /// Cheap conditions first: the pattern is only run where all others hold.
    fn holds(&self, word_was_said: bool, input: &Input<'_>, read: &Conversation, texts: [&str; 3]) -> bool {
        let rule = &self.rule;
        (rule.words.is_empty() || word_was_said)
            && rule.tools.is_none_or(|t| t == input.tools)
            && rule.images.is_none_or(|i| i == read.images)
            && rule.longer_than.is_none_or(|n| read.length > n as usize)
            && rule.shorter_than.is_none_or(|n| read.length < n as usize)
            && rule.messages_over.is_none_or(|n| read.messages > n)
            && self.pattern.as_ref().is_none_or(|p| p.is_match(texts[place(rule.place)]))
    }
}

fn place(place: Where) -> usize {
    match place {
        Where::Instruction => 0,
        Where::Beginning => 1,
        Where::Anywhere => 2,
    }
}

impl Words {
    fn new(rules: &[Rule], place: Where) -> Result<Self, RulesError> {
        let (mut words, mut rule_of) = (Vec::new(), Vec::new());
        for (i, rule) in rules.iter().enumerate().filter(|(_, r)| r.place == place) {
            for word in &rule.words {
                if word.trim().is_empty() {
                    return Err(RulesError::EmptyWord(rule.name.clone()));
                }
                words.push(word.to_lowercase());
                rule_of.push(i);
            }
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(words)
            .map_err(|e| RulesError::Words(e.to_string()))?;
        Ok(Self { automaton, rule_of })
    }

    /// Marks the rules of which a word stands in the text, at the borders of words.
    fn mark(&self, text: &str, said: &mut [bool]) {
        for found in self.automaton.find_overlapping_iter(text) {
            let rule = self.rule_of[found.pattern().as_usize()];
            if !said[rule] && stands_alone(text, found.start(), found.end()) {
                said[rule] = true;
            }
        }
    }
}

/// Scripts without spaces have no borders of words: there, a letter of the same kind may follow.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let joins = |outer: Option<char>, inner: Option<char>| {
        outer.is_some_and(|c| c.is_alphanumeric() && !ideographic(c)) && inner.is_some_and(char::is_alphanumeric)
    };
    let (before, word, after) = (&text[..start], &text[start..end], &text[end..]);
    !joins(before.chars().next_back(), word.chars().next()) && !joins(after.chars().next(), word.chars().next_back())
}

fn ideographic(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}
