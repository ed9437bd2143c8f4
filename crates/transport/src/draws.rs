//! What a request uses of the budgets of an exchange.

use std::ops::Deref;
use std::sync::Arc;

use http::Extensions;

use crate::window::Window;

/// What a request uses of one budget: the weight of a REST request, a dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The budget.
    pub window: Window,
    /// How many units of it.
    pub units: u32,
}

/// What a request uses of the budgets of its exchange. It has the value in its
/// [extensions](http::Request::extensions), or in [`WsRequest::draws`](crate::WsRequest::draws).
///
/// Who chooses the way of a request sends it when its budgets have room there. Whoever knows no
/// budgets ignores the value.
///
/// ```
/// use std::time::Duration;
///
/// use transport::{Draw, Draws, Window};
///
/// let window = Window::new("weight", 6000, Duration::from_secs(60));
/// let mut request = http::Request::new(());
/// assert!(Draws::of(request.extensions()).is_empty());
/// let draws = Draws::from(Draw { window, units: 50 });
/// request.extensions_mut().insert(draws);
/// assert_eq!(Draws::of(request.extensions())[0].units, 50);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draws(Option<Arc<[Draw]>>);

impl Draws {
    /// What a request with these extensions uses: nothing, if nothing is said.
    #[must_use]
    pub fn of(extensions: &Extensions) -> &Self {
        static NOTHING: Draws = Draws(None);
        extensions.get().unwrap_or(&NOTHING)
    }
}

impl Deref for Draws {
    type Target = [Draw];

    fn deref(&self) -> &[Draw] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<Draw> for Draws {
    fn from(draw: Draw) -> Self {
        Self(Some(Arc::new([draw])))
    }
}

/// Several draws on the same budget are added up.
impl FromIterator<Draw> for Draws {
    fn from_iter<I: IntoIterator<Item = Draw>>(draws: I) -> Self {
        let mut sums: Vec<Draw> = Vec::new();
        for draw in draws {
            let same = |sum: &&mut Draw| sum.window.name == draw.window.name;
            match sums.iter_mut().find(same) {
                Some(sum) => sum.units = sum.units.saturating_add(draw.units),
                None => sums.push(draw),
            }
        }
        Self((!sums.is_empty()).then(|| sums.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_budget_is_in_the_list_once_and_nothing_is_no_list() {
        let draw = |name, units| Draw {
            window: Window::new(name, 10, Duration::from_secs(1)),
            units,
        };
        let draws: Draws = [draw("a", 1), draw("b", 2), draw("a", u32::MAX)]
            .into_iter()
            .collect();
        assert_eq!(*draws, [draw("a", u32::MAX), draw("b", 2)]);
        assert_eq!(Draws::from_iter([]), Draws::default());
        assert!(Draws::default().is_empty());
    }
}
