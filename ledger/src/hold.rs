//! Money that an open request holds, in every account that has to pay for it: all of them or none.
//!
//! A hold ends exactly once. One that is dropped without a word after its request may have cost
//! something is booked in full; before that, it is given back.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::Drawer;

/// Which part of a request's price an account pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pays {
    /// A budget: cost and fee, whoever's credential was used.
    Spend,
    /// The balance for requests with the operator's credentials: cost and fee of those.
    Managed,
    /// The balance for requests with the tenant's own credentials: the fee of those.
    Byok,
}

/// What a request costs each kind of account, or may cost it at most. Nano-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// What budgets pay.
    pub spend: i64,
    /// What the managed balance pays.
    pub managed: i64,
    /// What the balance for the tenant's own credentials pays.
    pub byok: i64,
}

impl Amounts {
    /// The part of one kind of account.
    #[must_use]
    pub fn of(&self, pays: Pays) -> i64 {
        match pays {
            Pays::Spend => self.spend,
            Pays::Managed => self.managed,
            Pays::Byok => self.byok,
        }
    }
}

/// The accounts that have to pay for a request.
pub type Purse = SmallVec<[(Pays, Arc<Drawer>); 4]>;

/// What a request wants to hold.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// From whom.
    pub purse: &'a Purse,
    /// How much of each.
    pub amounts: Amounts,
}

/// More was spent than was held: an upstream reported more than its cap allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breach {
    /// By how much, in the account where it is most. Nano-dollars.
    pub by: i64,
}

/// Held money. It is settled once.
#[must_use = "held money must be settled"]
#[derive(Debug)]
pub struct Hold {
    parts: SmallVec<[(Pays, Arc<Drawer>, i64); 4]>,
    begun: bool,
}

impl Wish<'_> {
    /// Takes it from every account, or from none. The number says which account was short.
    ///
    /// # Errors
    /// The place in the purse of the first account that has not enough free at this node.
    pub fn hold(self) -> Result<Hold, usize> {
        let mut hold = Hold { parts: SmallVec::new(), begun: false };
        for (place, (pays, drawer)) in self.purse.iter().enumerate() {
            let amount = self.amounts.of(*pays).max(0);
            if !drawer.take(amount) {
                // What was taken before goes back as the hold drops.
                return Err(place);
            }
            hold.parts.push((*pays, Arc::clone(drawer), amount));
        }
        Ok(hold)
    }
}

impl Hold {
    /// From here on the request may cost something: dropped without a word, it is booked in full.
    pub fn begin(&mut self) {
        self.begun = true;
    }

    /// The accounts that pay.
    pub fn accounts(&self) -> impl Iterator<Item = (Pays, &Arc<Drawer>)> {
        self.parts.iter().map(|(pays, drawer, _)| (*pays, drawer))
    }

    /// Ends it: this much was spent.
    ///
    /// # Errors
    /// [`Breach`] where it was more than was held. It is booked in full all the same.
    pub fn settle(mut self, spent: Amounts) -> Result<(), Breach> {
        let mut by = 0;
        for (pays, drawer, held) in std::mem::take(&mut self.parts) {
            let spent = spent.of(pays).max(0);
            by = by.max(spent - held);
            drawer.put_back(held, spent);
        }
        if by > 0 { Err(Breach { by }) } else { Ok(()) }
    }

    /// Ends it: nothing was spent.
    pub fn release(self) {
        // Nothing is never more than was held.
        let _ = self.settle(Amounts::default());
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        for (_, drawer, held) in &self.parts {
            drawer.put_back(*held, if self.begun { *held } else { 0 });
        }
    }
}
