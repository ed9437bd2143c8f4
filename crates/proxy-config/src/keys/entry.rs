//! A key, and the field that it fills.

use std::ops::RangeInclusive;

use super::{Content, Key, Replaces, Said, Words};

/// A key, and the field of a `T` that it fills.
pub(crate) struct Entry<T: 'static> {
    pub(crate) key: Key,
    pub(crate) field: Field<T>,
}

/// A field of a `T`. `get` returns its value, and `None` if it can be left out of a configuration.
// Function pointers and not closures, so that the tables can be statics.
pub(crate) enum Field<T: 'static> {
    Boolean {
        get: fn(&T) -> Option<bool>,
        set: fn(T, bool) -> T,
    },
    Integer {
        range: RangeInclusive<u64>,
        get: fn(&T) -> Option<u64>,
        set: fn(T, u64) -> Option<T>,
    },
    Word {
        words: fn() -> Words,
        get: fn(&T) -> Option<&'static str>,
        set: fn(T, &str) -> Option<T>,
    },
    /// A field that is read together with others, or that has its own reader.
    // Without `set`: a URL and a login make one field, and a file may fail to load.
    Joint { get: fn(&T) -> Option<Said<'_>> },
}

impl<T> Entry<T> {
    const fn new(
        name: &'static str,
        content: Content,
        about: &'static str,
        field: Field<T>,
    ) -> Self {
        let key = Key {
            name,
            alias: None,
            content,
            about,
            absent: "",
            wrong: "",
            replaces: Replaces::Keys(&[]),
            is_of_socket: false,
        };
        Self { key, field }
    }

    pub(super) const fn boolean(
        name: &'static str,
        default: bool,
        about: &'static str,
        get: fn(&T) -> Option<bool>,
        set: fn(T, bool) -> T,
    ) -> Self {
        let field = Field::Boolean { get, set };
        Self::new(name, Content::Boolean { default }, about, field)
    }

    pub(super) const fn integer(
        name: &'static str,
        range: RangeInclusive<u64>,
        default: u64,
        about: &'static str,
        get: fn(&T) -> Option<u64>,
        set: fn(T, u64) -> Option<T>,
    ) -> Self {
        let field = Field::Integer {
            range: RangeInclusive::new(*range.start(), *range.end()),
            get,
            set,
        };
        Self::new(name, Content::Integer { range, default }, about, field)
    }

    pub(super) const fn word(
        name: &'static str,
        words: fn() -> Words,
        about: &'static str,
        get: fn(&T) -> Option<&'static str>,
        set: fn(T, &str) -> Option<T>,
    ) -> Self {
        let field = Field::Word { words, get, set };
        Self::new(name, Content::Word(words), about, field)
    }

    pub(super) const fn joint(
        name: &'static str,
        content: Content,
        about: &'static str,
        get: fn(&T) -> Option<Said<'_>>,
    ) -> Self {
        Self::new(name, content, about, Field::Joint { get })
    }

    pub(super) const fn alias(mut self, alias: &'static str) -> Self {
        self.key.alias = Some(alias);
        self
    }

    pub(super) const fn absent(mut self, absent: &'static str) -> Self {
        self.key.absent = absent;
        self
    }

    pub(super) const fn wrong(mut self, wrong: &'static str) -> Self {
        self.key.wrong = wrong;
        self
    }

    pub(super) const fn replaces(mut self, replaces: Replaces) -> Self {
        self.key.replaces = replaces;
        self
    }

    pub(super) const fn of_socket(mut self) -> Self {
        self.key.is_of_socket = true;
        self
    }
}
