//! How a login may be written.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::readings::Readings;

/// The beginning of a secret that is cut off counts from so many characters on. So does Base64 of
/// a secret that depends on what stands around it, from so many bytes on.
const TELLING: usize = 4;

/// One way to write a secret, without regard to case: its characters, folded.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Form(Box<[char]>);

/// All ways to write what a login consists of, escapes aside.
pub(super) fn of_login(username: &[u8], password: &[u8]) -> Vec<Form> {
    let both = [username, b":", password].concat();
    let mut forms = Vec::new();
    for secret in [username, password] {
        forms.push(Form::of(secret.trim_ascii()));
        forms.push(Form::of(hexadecimal(secret).as_bytes()));
        forms.extend(in_base64(secret));
        if secret.len() >= TELLING {
            forms.extend((0..3).flat_map(|before| inside_base64(secret, before)));
        }
    }
    if !username.is_empty() || !password.is_empty() {
        forms.extend(in_base64(&both));
    }
    let mut distinct = Vec::with_capacity(forms.len());
    for form in forms {
        if !form.0.is_empty() && !distinct.contains(&form) {
            distinct.push(form);
        }
    }
    distinct
}

fn hexadecimal(secret: &[u8]) -> String {
    secret.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn in_base64(secret: &[u8]) -> [Form; 2] {
    [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD].map(|base64| Form::of(base64.encode(secret).as_bytes()))
}

/// What is always the same in Base64 of something that holds `secret` behind `before` bytes, or any
/// number that leaves the same remainder by three: a byte on either side shares a digit with it.
fn inside_base64(secret: &[u8], before: usize) -> [Form; 2] {
    let mut padded = vec![0; before];
    padded.extend(secret);
    let (first, last) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
    [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD].map(|base64| {
        let digits = base64.encode(&padded);
        Form::of(digits.get(first..last).unwrap_or_default().as_bytes())
    })
}

impl Form {
    /// The characters of `text`. What is not UTF-8 is taken for Latin-1.
    fn of(text: &[u8]) -> Self {
        let mut folded = Vec::with_capacity(text.len());
        for chunk in text.utf8_chunks() {
            folded.extend(chunk.valid().chars().flat_map(fold));
            folded.extend(
                chunk
                    .invalid()
                    .iter()
                    .copied()
                    .map(char::from)
                    .flat_map(fold),
            );
        }
        Self(folded.into())
    }

    /// Whether one of `readings` spells this form from one of the first `starts` places on, or the
    /// beginning of it at the end of the text.
    pub(super) fn begins_in(&self, readings: &Readings, starts: usize) -> bool {
        // How many characters may have been spelled where, in order of that number.
        let mut spelled = vec![Vec::new(); readings.len() + 1];
        for place in 0..=readings.len() {
            let mut counts = spelled
                .get_mut(place)
                .map(std::mem::take)
                .unwrap_or_default();
            if place < starts {
                counts.push(0);
            }
            if counts.is_empty() {
                continue;
            }
            counts.sort_unstable();
            counts.dedup();
            if counts.last().is_some_and(|most| *most >= TELLING) && readings.is_cut(place) {
                return true;
            }
            for reading in readings.at(place) {
                for count in counts
                    .iter()
                    .filter_map(|count| self.spell(*count, reading.is))
                {
                    if count == self.0.len() {
                        return true;
                    }
                    if let Some(counts) = spelled.get_mut(reading.end) {
                        counts.push(count);
                    }
                }
            }
        }
        false
    }

    /// How many characters are spelled if `next` follows the first `count`; `None` if it must not.
    fn spell(&self, count: usize, next: char) -> Option<usize> {
        let mut rest = self.0.get(count..)?.iter();
        for folded in fold(next) {
            match rest.next() {
                Some(wanted) if *wanted == folded => {}
                Some(_) => return None,
                None => break,
            }
        }
        Some(self.0.len() - rest.len())
    }
}

/// What all cases of a character have in common; for one `ß`, that is `ss`.
fn fold(c: char) -> impl Iterator<Item = char> {
    c.to_uppercase().flat_map(char::to_lowercase)
}
