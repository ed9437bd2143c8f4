//! Which of two lines.

/// One of two connections that carry the same streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// The one.
    A,
    /// The other.
    B,
}

impl Line {
    /// The other one.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// Something of each line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pair<T> {
    a: T,
    b: T,
}

impl<T> Pair<T> {
    pub(super) fn of(&self, line: Line) -> &T {
        match line {
            Line::A => &self.a,
            Line::B => &self.b,
        }
    }

    pub(super) fn of_mut(&mut self, line: Line) -> &mut T {
        match line {
            Line::A => &mut self.a,
            Line::B => &mut self.b,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.a, &self.b].into_iter()
    }
}
