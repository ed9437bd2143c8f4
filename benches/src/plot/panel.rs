//! One group of figures.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::{BLACK, Color, RGBColor, TextStyle};

use crate::error::Result;
use crate::report::{Measurement, Summary, number, titled};

pub(super) const WIDTH: u32 = 980;
const LABELS: i32 = 390;
const BARS: i32 = 490;
const TITLE: i32 = 40;
const ROW: i32 = 22;
const MARGIN: i32 = 14;

const OURS: RGBColor = RGBColor(31, 119, 180);
const OTHERS: RGBColor = RGBColor(174, 182, 191);
/// What the crates of the workspace are called in the tables.
const OUR_NAMES: [&str; 6] = [
    "ours",
    "transport-",
    "feeds",
    "proxy-",
    "workspace",
    "command",
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// One group of figures: a title and a bar for each contender.
pub(super) struct Panel<'a> {
    title: String,
    rows: Vec<(&'a str, Summary)>,
    most: f64,
}

impl<'a> Panel<'a> {
    /// `None` if nothing of the group was measured.
    pub(super) fn of(group: &'a [Measurement]) -> Option<Self> {
        let first = group.first()?;
        let row = |row: &'a Measurement| Some((row.contender.as_str(), row.summary?));
        let rows: Vec<_> = group.iter().filter_map(row).collect();
        let most = rows
            .iter()
            .map(|(_, summary)| summary.max)
            .fold(0.0, f64::max);
        (most > 0.0).then(|| Self {
            title: format!("{}: {}", first.group, titled(&first.what, &first.unit)),
            rows,
            most,
        })
    }

    pub(super) fn height(&self) -> i32 {
        let rows = i32::try_from(self.rows.len()).unwrap_or(i32::MAX / (2 * ROW));
        TITLE + rows * ROW + MARGIN
    }

    pub(super) fn draw(&self, area: &Area<'_>, top: i32) -> Result<()> {
        let title = TextStyle::from(("sans-serif", 16));
        area.draw(&Text::new(
            self.title.clone(),
            (MARGIN, top + MARGIN),
            title,
        ))?;
        let mut y = top + TITLE;
        for (name, summary) in &self.rows {
            self.draw_row(area, y, name, summary)?;
            y += ROW;
        }
        Ok(())
    }

    fn draw_row(&self, area: &Area<'_>, y: i32, name: &str, summary: &Summary) -> Result<()> {
        let text = TextStyle::from(("sans-serif", 13));
        let is_ours = OUR_NAMES.iter().any(|ours| name.starts_with(ours));
        let color = if is_ours { OURS } else { OTHERS };
        let middle = y + ROW / 2;
        let bar = [(LABELS, y + 3), (self.x(summary.median), y + ROW - 3)];
        let spread = [(self.x(summary.min), middle), (self.x(summary.max), middle)];
        let after = (self.x(summary.max) + 6, y + 4);
        area.draw(&Text::new(name.to_owned(), (MARGIN, y + 4), text.clone()))?;
        area.draw(&Rectangle::new(bar, color.filled()))?;
        area.draw(&PathElement::new(spread, BLACK))?;
        area.draw(&Text::new(number(summary.median), after, text))?;
        Ok(())
    }

    #[expect(clippy::cast_possible_truncation, reason = "pixels of a small drawing")]
    fn x(&self, value: f64) -> i32 {
        LABELS + (value / self.most * f64::from(BARS)) as i32
    }
}
