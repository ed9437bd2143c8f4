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
    let mut begun: Vec<Vec<Begun>> = vec![Vec::new(); readings.len() + 1];
    for place in 0..=readings.len() {
        let mut here = begun.get_mut(place).map(std::mem::take).unwrap_or_default();
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
    let from = forms.partition_point(|form| form.first() < Some(first));
    let to = forms.partition_point(|form| form.first() <= Some(first));
    from..to
}
