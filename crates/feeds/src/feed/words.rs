//! What an exchange says to people.

use transport::Secrets;

/// The most bytes that are kept.
const MOST: usize = 1024;

/// How far behind them a secret is looked for that begins within them.
const LONGEST_SECRET: usize = 1024;

/// The exchange's words without the secrets of their way. Of long ones, the beginning.
pub(super) fn words(mut text: String, secrets: &Secrets) -> String {
    if text.len() <= MOST {
        return secrets.seal_text(text);
    }
    cut(&mut text, MOST + LONGEST_SECRET);
    let mut text = secrets.seal_text(text);
    cut(&mut text, MOST);
    text.push('…');
    text.shrink_to_fit();
    text
}

fn cut(text: &mut String, most: usize) {
    let mut ends = (0..=most.min(text.len())).rev();
    text.truncate(
        ends.find(|end| text.is_char_boundary(*end))
            .unwrap_or_default(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_long_words_the_beginning_is_kept() {
        let none = Secrets::default();
        assert_eq!(words("no such symbol".to_owned(), &none), "no such symbol");
        let long = words("é".repeat(1 << 20), &none);
        assert_eq!(long, format!("{}…", "é".repeat(MOST / 2)));
        assert!(long.capacity() < 2 * MOST);
    }

    #[test]
    fn a_secret_across_the_cut_is_found() {
        let secrets = Secrets::of_login(b"alice", b"correct horse battery");
        let text = format!(
            "{}correct horse battery{}",
            "x".repeat(MOST - 8),
            "y".repeat(MOST)
        );
        assert_eq!(words(text, &secrets), "***…");
    }
}
