//! Whether a text spells a form.

use std::ops::Range;

use super::forms::{Form, fold};
use super::readings::Readings;

/// The beginning of a form that is cut off counts from so many characters on.
const TELLING: usize = 4;

/// A form, by its number, of which so many characters may have been spelled.
type Begun = (usize, usize);

/// Whether one of `readings` spells one of `forms` from one of the first `starts` places on, or the
/// beginning of it at the end of the text. The forms are in order.
pub(super) fn is_spelled(forms: &[Form], readings: &Readings, starts: usize) -> bool {
    // An automaton over the net of readings, one place after the other. `begun[place]` holds what
    // has been spelled when `place` is reached:
    //
    //     form "alice", text "x%61LI..."
    //
    //     place   0    1          4        5        6
    //     read    x    %61 = a    L        I
    //     begun                   (0, 1)   (0, 2)   (0, 3)
    //
    // Readings end further on than they begin, so no place is visited twice.
    let mut begun: Vec<Vec<Begun>> = vec![Vec::new(); readings.len() + 1];
    for place in 0..=readings.len() {
        let mut here = begun.get_mut(place).map(std::mem::take).unwrap_or_default();
        // Several ways may lead here with the same spelled; without this, their number could double
        // with each escape that can be read in two ways.
        here.sort_unstable();
        here.dedup();
        if here.iter().any(|(_, count)| *count >= TELLING) && readings.is_cut(place) {
            return true;
        }
        for reading in readings.at(place) {
            let new = match fold(reading.is).next() {
                Some(first) if place < starts => beginning_with(first, forms),
                _ => 0..0,
            };
            for (number, count) in here.iter().copied().chain(new.map(|number| (number, 0))) {
                let Some(form) = forms.get(number) else {
                    continue;
                };
                match form.spell(count, reading.is) {
                    Some(count) if count == form.len() => return true,
                    Some(count) => {
                        if let Some(then) = begun.get_mut(reading.end) {
                            then.push((number, count));
                        }
                    }
                    None => {}
                }
            }
        }
    }
    false
}

fn beginning_with(first: char, forms: &[Form]) -> Range<usize> {
    // Two searches in a sorted list instead of a look at each form: a long password has hundreds of
    // runs, and this is asked for each reading of each place.
    let from = forms.partition_point(|form| form.first() < Some(first));
    let to = forms.partition_point(|form| form.first() <= Some(first));
    from..to
}
