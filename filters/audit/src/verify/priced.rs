//! The amounts of a record, held against the price list that it names: what it cost, what its race saved,
//! what its lost attempts may have cost.

use std::fmt::{Debug, Display};

use crate::prices::PriceList;
use crate::record::Record;

/// An amount that does not follow from the price list.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {written}, {due}")]
pub(super) struct Mispriced {
    what: String,
    written: String,
    due: String,
}

/// Every amount of a record is the one that its list gives; without a list there are none.
pub(super) fn priced(record: &Record<'_>, list: Option<&PriceList>) -> Result<(), Mispriced> {
    same("its cost", record.cost, list.and_then(|list| list.cost(record)))?;
    same("what its race saved", record.saved, list.and_then(|list| list.saved(record)))?;
    for (place, attempt) in record.attempts.iter().enumerate() {
        let due = list.and_then(|list| list.at_most(attempt));
        same(
            format_args!("the most that attempt {place}, at {}, may have cost", attempt.endpoint),
            attempt.at_most,
            due,
        )?;
    }
    let Some(asked) = record.saving_fee else { return Ok(()) };
    if record.saved.is_some_and(|saved| asked <= saved) && asked <= record.fee.unwrap_or(0) {
        return Ok(());
    }
    let due = format!("of {:?} that was saved, in a fee of {:?}", record.saved, record.fee);
    Err(Mispriced { what: "its fee on what was saved".to_owned(), written: asked.to_string(), due })
}

fn same<T: PartialEq + Debug>(what: impl Display, written: Option<T>, due: Option<T>) -> Result<(), Mispriced> {
    if written == due {
        return Ok(());
    }
    let due = format!("its price list says {due:?}");
    Err(Mispriced { what: what.to_string(), written: format!("{written:?}"), due })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prices::{Listed, Tiered};
    use crate::record::{Attempt, Cost, Usage};

    /// A dollar a million for what goes in and ten for what comes out; at the flex tier half of that.
    fn list() -> PriceList {
        let flex = Tiered { input: 500_000_000, output: 5_000_000_000, ..Tiered::default() };
        let tiers = [("flex".to_owned(), flex)].into();
        let east = Listed { input: 1_000_000_000, output: 10_000_000_000, tiers, ..Listed::default() };
        PriceList::new([("east".to_owned(), east)].into())
    }

    fn lost() -> Attempt<'static> {
        Attempt {
            at_most: Some(100_000),
            endpoint: "east".into(),
            failed: Some("lost".into()),
            input: Some(100),
            tier: Some("standard".into()),
            ..Attempt::default()
        }
    }

    /// A race that the flex tier won after the standard one had started.
    fn raced() -> Record<'static> {
        Record {
            attempts: vec![Attempt { endpoint: "east".into(), ..Attempt::default() }, lost()],
            cost: Some(Cost { input: 50_000, output: 50_000 }),
            endpoint: Some("east".into()),
            fee: Some(30_000),
            race: Some("flex".into()),
            saved: Some(100_000),
            saving_fee: Some(20_000),
            tier: Some("flex".into()),
            usage: Some(Usage { input: 100, output: 10, ..Usage::default() }),
            ..Record::default()
        }
    }

    fn found(change: impl FnOnce(&mut Record<'static>)) -> String {
        let mut record = raced();
        change(&mut record);
        priced(&record, Some(&list())).map_or_else(|wrong| wrong.to_string(), |()| "all holds".to_owned())
    }

    #[test]
    fn a_race_that_was_told_as_it_was_holds() {
        assert_eq!(found(|_| {}), "all holds");
        assert_eq!(priced(&Record::default(), None), Ok(()));
    }

    #[test]
    fn a_lost_attempt_is_held_against_its_price_list() {
        let wrong = "the most that attempt 1, at east, may have cost is";
        let lost = |change: fn(&mut Attempt<'static>)| found(move |record| change(&mut record.attempts[1]));
        assert_eq!(
            lost(|attempt| attempt.at_most = Some(99_999)),
            format!("{wrong} Some(99999), its price list says Some(100000)")
        );
        assert_eq!(
            lost(|attempt| attempt.output = Some(1)),
            format!("{wrong} Some(100000), its price list says Some(110000)")
        );
        assert!(lost(|attempt| attempt.tier = Some("flex".into())).starts_with(wrong));
        assert!(lost(|attempt| attempt.at_most = None).starts_with(wrong));
        assert!(lost(|attempt| attempt.input = None).starts_with(wrong), "an amount of no tokens");
    }

    #[test]
    fn of_an_attempt_without_a_price_nobody_says_what_it_may_have_cost() {
        let elsewhere =
            |at_most| found(move |record| record.attempts[1] = Attempt { at_most, endpoint: "local".into(), ..lost() });
        assert_eq!(elsewhere(None), "all holds");
        assert!(elsewhere(Some(1)).ends_with("its price list says None"));
        assert!(priced(&Record { attempts: vec![lost()], ..Record::default() }, None).is_err());
    }

    #[test]
    fn what_a_race_saved_is_the_standard_price_of_its_usage_less_its_cost() {
        let wrong = "what its race saved is";
        assert_eq!(
            found(|record| record.saved = Some(100_001)),
            format!("{wrong} Some(100001), its price list says Some(100000)")
        );
        assert!(found(|record| record.saved = None).starts_with(wrong));
        assert!(found(|record| record.race = Some("standard".into())).starts_with(wrong), "the other tier answered");
        assert!(found(|record| record.race = None).starts_with(wrong), "there was no race");
    }

    #[test]
    fn where_the_vendor_served_the_standard_tier_all_the_same_nothing_is_saved() {
        let standard = |saved| {
            found(move |record| {
                record.tier = Some("standard".into());
                record.cost = Some(Cost { input: 100_000, output: 100_000 });
                (record.saved, record.saving_fee) = (saved, None);
            })
        };
        assert_eq!(standard(None), "all holds");
        assert_eq!(standard(Some(0)), "what its race saved is Some(0), its price list says None");
    }

    #[test]
    fn the_fee_on_what_was_saved_is_a_part_of_the_fee_and_of_what_was_saved() {
        let wrong = "its fee on what was saved is";
        assert!(found(|record| record.saving_fee = Some(30_001)).starts_with(wrong), "more than the fee");
        assert!(found(|record| (record.fee, record.saving_fee) = (Some(u64::MAX), Some(100_001))).starts_with(wrong));
        assert!(found(|record| record.fee = None).starts_with(wrong));
        assert!(
            found(|record| (record.endpoint, record.cost, record.saved) = (None, None, None)).starts_with(wrong),
            "nothing was saved"
        );
        assert_eq!(found(|record| record.saving_fee = None), "all holds");
    }
}
