//! One shard, as one collector sees it.

use std::time::Instant;

use crate::collector::CollectorId;
use crate::reliance::Relied;
use crate::terms::Terms;

/// The revision with which a collector got a shard. Whoever gets it later has a higher one, so what comes
/// with a lower one is from a collector that the shard has been taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub u64);

/// What a collector does with a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Nothing.
    Off,
    /// It streams the symbols and publishes nothing: another collector has the shard, or had.
    Warm,
    /// It has the shard, and publishes.
    Own(Fence),
    /// Another collector has the shard. This one goes on for a while beside it, so that nothing is missing
    /// in between.
    Linger(Fence),
}

/// A question to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Make this collector the owner, if the entry has this revision, or if there is none for 0.
    Take {
        /// The revision.
        expected: u64,
    },
    /// Make the collector that it belongs to the owner.
    HandOver {
        /// The revision.
        expected: u64,
    },
    /// Remove the entry.
    Release {
        /// The revision.
        expected: u64,
    },
    /// Who is the owner?
    Look,
}

/// What came of an [`Ask`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is done, with this revision.
    Done(u64),
    /// The entry has another revision. Nothing is changed.
    Conflict,
    /// The entry of a shard, if there is one.
    Found(Option<Holder>),
    /// There was no answer in time. It may be done, or may yet be.
    Unreachable,
}

/// Who has a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The collector.
    pub owner: CollectorId,
    /// The revision of the entry.
    pub revision: u64,
}

/// To whom a shard belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It belongs to this collector.
    Here,
    /// It belongs to another, which is not ready for it.
    Elsewhere,
    /// It belongs to another, which is ready for it.
    Awaited,
}

//     belongs here:  Off --no entry--> Own
//                    Off --entry of another--> Warm --handed over, or no entry--> Own
//     elsewhere:     Own --the other is ready--> Linger --after a while--> Off
//                    Warm --> Off
//     late:          Own --the entry is another's--> Linger
//                    Own --no entry--> Own, with a higher fence
//
// Only the owner writes an entry, and anybody only where there is none. So the server alone says when a
// lease is over, and no clock of a collector takes a shard from another.
/// One shard, as one collector sees it.
#[derive(Debug)]
pub(super) struct Tenure {
    hold: Hold,
    asked: Option<(Ask, Instant)>,
    /// When to ask next.
    due: Option<Instant>,
    /// What the entry is known to be.
    known: Known,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Somebody should look.
    Unknown,
    Absent,
    Own(u64),
    /// Of another.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Off,
    Warm {
        is_ready: bool,
    },
    Own {
        fence: Fence,
        /// When it was asked for with success.
        since: Instant,
        confirmed_at: Option<Instant>,
    },
    Linger {
        fence: Fence,
        until: Instant,
    },
}

impl Tenure {
    pub(super) fn new() -> Self {
        Self {
            hold: Hold::Off,
            asked: None,
            due: None,
            known: Known::Unknown,
        }
    }

    pub(super) fn role(&self) -> Role {
        match self.hold {
            Hold::Off => Role::Off,
            Hold::Warm { .. } => Role::Warm,
            Hold::Own { fence, .. } => Role::Own(fence),
            Hold::Linger { fence, .. } => Role::Linger(fence),
        }
    }

    /// When to look at it again, unless something changes.
    pub(super) fn due(&self) -> Option<Instant> {
        match (self.hold, self.asked) {
            (Hold::Linger { until, .. }, _) => Some(until),
            (_, Some(_)) => None,
            _ => self.due,
        }
    }

    /// Whether it is this collector's, and no other can have it now.
    pub(super) fn is_confirmed(&self, terms: Terms, now: Instant) -> bool {
        self.relied(terms).is_some_and(|it| now < it.until)
    }

    /// How it relies on having it, if nobody else can get it by what it asks for.
    pub(super) fn relied(&self, terms: Terms) -> Option<Relied> {
        let Hold::Own {
            fence,
            since,
            confirmed_at,
        } = self.hold
        else {
            return None;
        };
        let is_given = matches!(
            self.asked,
            Some((Ask::HandOver { .. } | Ask::Release { .. }, _))
        );
        let confirmed_at = confirmed_at.filter(|_| !is_given)?;
        Some(Relied {
            fence,
            from: since + terms.lease(),
            until: confirmed_at + terms.relied_on(),
        })
    }

    /// Whether it streams and waits for the owner to hand it over.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.hold, Hold::Warm { is_ready: true })
    }

    /// Its symbols are streaming.
    pub(super) fn ready(&mut self) {
        if let Hold::Warm { is_ready } = &mut self.hold {
            *is_ready = true;
        }
    }

    /// The question to ask now, if there is one.
    pub(super) fn poll(&mut self, place: Place, terms: Terms, now: Instant) -> Option<Ask> {
        if let Hold::Linger { until, .. } = self.hold
            && until <= now
        {
            (self.hold, self.known, self.due) = (Hold::Off, Known::Unknown, None);
        }
        if matches!(self.hold, Hold::Warm { .. }) && place != Place::Here {
            (self.hold, self.known, self.due) = (Hold::Off, Known::Unknown, None);
        }
        if self.asked.is_some() {
            return None;
        }
        let is_due = self.due.is_none_or(|due| due <= now);
        let ask = match (self.hold, place, self.known) {
            (Hold::Linger { .. }, ..) => None,
            (Hold::Off, Place::Elsewhere | Place::Awaited, _) => {
                self.due = None;
                None
            }
            (Hold::Own { .. }, Place::Awaited, Known::Own(expected)) => {
                Some(Ask::HandOver { expected })
            }
            _ if !is_due => None,
            (_, _, Known::Own(expected)) => Some(Ask::Take { expected }),
            // It was lost with its entry. Whoever it belongs to has nothing to wait for.
            (Hold::Own { fence, .. }, Place::Awaited, Known::Absent) => {
                self.linger(fence, terms, now);
                None
            }
            (Hold::Off, _, Known::Unknown) | (_, _, Known::Absent) => {
                Some(Ask::Take { expected: 0 })
            }
            (_, _, Known::Unknown | Known::Other) => Some(Ask::Look),
        };
        if let Some(ask) = ask {
            self.asked = Some((ask, now));
        }
        ask
    }

    /// The question to ask so that others can have the shard at once.
    pub(super) fn release(&mut self, now: Instant) -> Option<Ask> {
        let (Hold::Own { .. }, Known::Own(expected), None) = (self.hold, self.known, self.asked)
        else {
            return None;
        };
        let ask = Ask::Release { expected };
        self.asked = Some((ask, now));
        Some(ask)
    }

    /// Takes the answer to the question that was asked.
    pub(super) fn answer(&mut self, own: &CollectorId, answer: Answer, terms: Terms, now: Instant) {
        let Some((ask, asked_at)) = self.asked.take() else {
            return;
        };
        let retry = now + terms.retry();
        match (ask, answer) {
            (Ask::Take { .. }, Answer::Done(revision)) => {
                self.known = Known::Own(revision);
                self.due = Some(asked_at + terms.renewal());
                self.confirm(ask, revision, asked_at);
            }
            (Ask::HandOver { .. } | Ask::Release { .. }, Answer::Done(_)) => self.lose(terms, now),
            (_, Answer::Conflict) => {
                self.known = match self.hold {
                    Hold::Off => Known::Other,
                    _ => Known::Unknown,
                };
                self.due = None;
            }
            (_, Answer::Found(Some(holder))) if holder.owner == *own => {
                self.known = Known::Own(holder.revision);
                self.due = None;
            }
            (_, Answer::Found(Some(_))) => {
                self.lose(terms, now);
                self.known = Known::Other;
                self.due = Some(retry);
                if self.hold == Hold::Off {
                    self.hold = Hold::Warm { is_ready: false };
                }
            }
            (_, Answer::Found(None)) => {
                self.known = Known::Absent;
                self.due = None;
            }
            (_, Answer::Unreachable) => self.due = Some(retry),
            // No answer to a look.
            (Ask::Look, Answer::Done(_)) => {}
        }
        if ask_may_have_given_it_away(ask)
            && let Hold::Own { confirmed_at, .. } = &mut self.hold
        {
            // The question may yet arrive. Only a renewal makes it void.
            *confirmed_at = None;
            self.known = Known::Unknown;
        }
    }

    fn confirm(&mut self, ask: Ask, revision: u64, asked_at: Instant) {
        let new = Fence(revision);
        let (fence, since) = match (self.hold, ask) {
            (Hold::Linger { .. }, _) => return,
            // In between, another may have had it.
            (Hold::Own { .. }, Ask::Take { expected: 0 }) => (new, asked_at),
            (Hold::Own { fence, since, .. }, _) => (fence, since),
            (Hold::Off | Hold::Warm { .. }, _) => (new, asked_at),
        };
        let confirmed_at = Some(asked_at);
        self.hold = Hold::Own {
            fence,
            since,
            confirmed_at,
        };
    }

    fn lose(&mut self, terms: Terms, now: Instant) {
        if let Hold::Own { fence, .. } = self.hold {
            self.linger(fence, terms, now);
        }
    }

    fn linger(&mut self, fence: Fence, terms: Terms, now: Instant) {
        let until = now + terms.overlap();
        self.hold = Hold::Linger { fence, until };
        self.known = Known::Unknown;
        self.due = None;
    }
}

fn ask_may_have_given_it_away(ask: Ask) -> bool {
    matches!(ask, Ask::HandOver { .. } | Ask::Release { .. })
}
