//! Contenders take turns.

use crate::error::{Result, chain};

/// What one contender made of all rounds, or why it could not be measured.
pub(crate) type Outcome<T> = std::result::Result<Vec<T>, String>;

/// Runs every contender once per round, each round beginning with another one, so that what else
/// the machine does hits all of them. One that fails takes no part in the rounds that follow.
pub(crate) fn interleave<C, T>(
    rounds: usize,
    contenders: &[C],
    mut run: impl FnMut(&C) -> Result<T>,
) -> Vec<Outcome<T>> {
    let mut outcomes: Vec<Outcome<T>> = contenders.iter().map(|_| Ok(Vec::new())).collect();
    for round in 0..rounds {
        let turns = contenders.iter().zip(0..).cycle();
        for (contender, index) in turns.skip(round).take(contenders.len()) {
            let Some(outcome) = outcomes.get_mut::<usize>(index) else {
                continue;
            };
            if let Ok(samples) = outcome {
                match run(contender) {
                    Ok(sample) => samples.push(sample),
                    Err(error) => *outcome = Err(chain(&error)),
                }
            }
        }
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_begins_with_the_next_contender() {
        let mut order = String::new();
        let outcomes = interleave(3, &['a', 'b', 'c'], |name| {
            order.push(*name);
            Ok(order.len())
        });
        assert_eq!(order, "abcbcacab");
        assert_eq!(outcomes[0].as_deref(), Ok(&[1, 6, 8][..]));
    }

    #[test]
    fn who_fails_is_told_why_and_does_not_stop_the_others() {
        let mut runs = 0;
        let outcomes = interleave(3, &[true, false], |fails| {
            runs += 1;
            if *fails { Err("no".into()) } else { Ok(1) }
        });
        assert_eq!(outcomes, [Err("no".to_owned()), Ok(vec![1, 1, 1])]);
        assert_eq!(runs, 4);
    }
}
