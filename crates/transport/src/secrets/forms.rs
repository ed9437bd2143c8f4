//! How a login may be written.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A secret of fewer bytes is not looked for in Base64 of something longer: too little of it does not
/// depend on what stands around it.
const TELLING: usize = 4;

/// So many characters of a secret in a row count by themselves: what stands around them may be cut off,
/// or written in a way that nobody has thought of.
const RUN: usize = 6;

/// A longer form is told by so many of its first characters,
const LONGEST_FORM: usize = 256;
/// which these bytes of a secret are enough for, however they are written.
const LONGEST_SECRET: usize = 4 * LONGEST_FORM;

/// One way to write a secret, without regard to case: its characters, folded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Form(Box<[char]>);

/// All ways to write what a login consists of, escapes aside. None is empty.
pub(super) fn of_login(username: &[u8], password: &[u8]) -> BTreeSet<Form> {
    let mut forms = of_text(username);
    forms.extend(of_text(password));
    if !username.is_empty() || !password.is_empty() {
        // As Basic (RFC 7617) sends them. The Base64 of one of them alone is no part of that.
        let both = [cut(username), b":", cut(password)].concat();
        forms.extend(in_base64(&both));
    }
    forms
}

/// All ways to write one secret, escapes aside. None is empty.
pub(super) fn of_text(secret: &[u8]) -> BTreeSet<Form> {
    let secret = cut(secret);
    let plain = Form::of(secret.trim_ascii());
    let mut forms: Vec<_> = plain.runs().collect();
    forms.push(plain);
    forms.push(Form::of(hexadecimal(secret).as_bytes()));
    forms.extend(in_base64(secret));
    if secret.len() >= TELLING {
        forms.extend((0..3).flat_map(|before| inside_base64(secret, before)));
    }
    forms.into_iter().filter(|form| form.len() > 0).collect()
}

/// As much of a secret as tells it.
fn cut(secret: &[u8]) -> &[u8] {
    secret.get(..LONGEST_SECRET).unwrap_or(secret)
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
    // Three bytes make four digits. "alice" behind 0, 1 and 2 bytes, and what of it never changes:
    //
    //     YWxpY2U=          YWxpY2
    //     AGFsaWNl            FsaWNl
    //     AABhbGljZQ==           hbGljZ
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
        let characters = text.utf8_chunks().flat_map(|chunk| {
            let latin_1 = chunk.invalid().iter().copied().map(char::from);
            chunk.valid().chars().chain(latin_1)
        });
        Self(characters.flat_map(fold).take(LONGEST_FORM).collect())
    }

    /// Its parts that count by themselves.
    fn runs(&self) -> impl Iterator<Item = Self> {
        self.0.windows(RUN).map(|run| Self(run.into()))
    }

    /// How many characters it has.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The first of them.
    pub(super) fn first(&self) -> Option<char> {
        self.0.first().copied()
    }

    /// How many characters are spelled if `next` follows the first `count`; `None` if it must not.
    pub(super) fn spell(&self, count: usize, next: char) -> Option<usize> {
        // One character of a text may fold to several, `ß` to `ss`, of which the form may end
        // within.
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

/// What all cases of a character have in common; of `ß`, that is `ss`.
pub(super) fn fold(c: char) -> impl Iterator<Item = char> {
    // Lower case alone does not do: `ς` and `σ` are both that, but have the upper case `Σ` in
    // common. Nor does upper case without lower case before: `ẞ` is that, and `ß` becomes `SS`. The
    // short way is for nearly all of every text.
    let ascii = c.is_ascii().then(|| c.to_ascii_lowercase());
    let cases = || c.to_lowercase().flat_map(char::to_uppercase);
    let other = (!c.is_ascii()).then(|| cases().flat_map(char::to_lowercase));
    ascii.into_iter().chain(other.into_iter().flatten())
}
