//! The ids of calls, which many clients of Google leave out, and the results that name them.
//!
//! It knows ids and names alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The ids of calls, unique over the whole conversation, whatever clients and vendors do.
#[derive(Default)]
pub(super) struct Ids {
    /// Those that the client gave, and those that were minted.
    taken: BTreeSet<String>,
    /// Given ids that a call has already, by what that call is known as.
    given: BTreeMap<String, String>,
    /// Calls by name, oldest first; some may be answered.
    waiting: BTreeMap<String, VecDeque<String>>,
    answered: BTreeSet<String>,
    calls: usize,
}

impl Ids {
    /// For a conversation in which the client gave these.
    pub(super) fn beside(given: impl Iterator<Item = String>) -> Self {
        Self { taken: given.collect(), ..Self::default() }
    }

    /// The id of the next call.
    pub(super) fn call(&mut self, given: Option<String>, name: &str) -> String {
        self.calls += 1;
        let given = given.filter(|id| !id.is_empty());
        let id = match &given {
            Some(id) if !self.given.contains_key(id) => id.clone(),
            // None, or one that an earlier call has: some vendors begin anew with every answer.
            _ => self.mint(),
        };
        self.given.extend(given.map(|given| (given, id.clone())));
        self.waiting.entry(name.to_owned()).or_default().push_back(id.clone());
        id
    }

    /// The id of the call that a result answers: by its id, or else the oldest of its name that has
    /// no answer yet. A result without a call is known by its name.
    pub(super) fn result(&mut self, given: Option<String>, name: String) -> String {
        let known = given.as_ref().and_then(|given| self.given.get(given)).cloned();
        let id = known.or_else(|| {
            let waiting = self.waiting.get_mut(&name)?;
            std::iter::from_fn(|| waiting.pop_front()).find(|id| !self.answered.contains(id))
        });
        let id = id.or(given.filter(|_| name.is_empty())).unwrap_or(name);
        self.answered.insert(id.clone());
        id
    }

    /// The same in every reading of the same conversation, however it goes on.
    fn mint(&mut self) -> String {
        let mut number = self.calls;
        loop {
            let id = format!("call_{number}");
            if self.taken.insert(id.clone()) {
                return id;
            }
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_restart_with_every_answer_do_not_collide() {
        let mut ids = Ids::beside(["a".to_owned()].into_iter());
        let first = ids.call(Some("a".into()), "f");
        assert_eq!(ids.result(Some("a".into()), "f".into()), first);
        let second = ids.call(Some("a".into()), "f");
        assert_ne!(first, second);
        assert_eq!(ids.result(Some("a".into()), "f".into()), second);
    }

    #[test]
    fn results_without_ids_are_matched_by_name_and_order() {
        let mut ids = Ids::beside(["call_2".to_owned()].into_iter());
        let [f1, g, f2] = [ids.call(None, "f"), ids.call(Some("call_2".into()), "g"), ids.call(None, "f")];
        assert_eq!(BTreeSet::from([&f1, &g, &f2]).len(), 3);
        assert_eq!(ids.result(None, "g".into()), g);
        assert_eq!(ids.result(None, "f".into()), f1);
        assert_eq!(ids.result(None, "f".into()), f2);
        assert_eq!(ids.result(None, "f".into()), "f");
    }

    #[test]
    fn a_result_with_an_id_leaves_the_others_of_its_name_waiting() {
        let mut ids = Ids::default();
        let [a, b] = [ids.call(Some("a".into()), "f"), ids.call(Some("b".into()), "f")];
        assert_eq!(ids.result(Some("a".into()), "f".into()), a);
        assert_eq!(ids.result(None, "f".into()), b);
    }
}
