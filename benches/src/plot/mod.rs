//! Drawings of the figures: bars for the medians, lines from the least to the most.

mod panel;

use std::fs;
use std::path::Path;

use plotters::backend::SVGBackend;
use plotters::drawing::IntoDrawingArea;
use plotters::style::WHITE;

use self::panel::Panel;
use crate::error::Result;
use crate::report::{Measurement, Report};

/// Draws every section into a file of its own in `directory`.
pub(crate) fn draw(report: &Report, directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)?;
    for (section, measurements) in report.sections() {
        let panels: Vec<_> = measurements
            .chunk_by(|a, b| a.group == b.group && a.what == b.what)
            .filter(|group| is_shown(section, group))
            .filter_map(Panel::of)
            .collect();
        if !panels.is_empty() {
            draw_panels(&panels, &directory.join(format!("{section}.svg")))?;
        }
    }
    Ok(())
}

/// The tables have everything; a drawing has what the targets are about.
fn is_shown(section: &str, group: &[Measurement]) -> bool {
    let name = group.first().map_or("", |first| first.group.as_str());
    match section {
        "receive" => name.contains("TLS, bursts"),
        "dial" => {
            name.starts_with("WebSocket") && name.contains("each way") || name.contains("messages")
        }
        "build" => false,
        _ => true,
    }
}

fn draw_panels(panels: &[Panel<'_>], file: &Path) -> Result<()> {
    let height: i32 = panels.iter().map(Panel::height).sum();
    let size = (panel::WIDTH, u32::try_from(height)?);
    let area = SVGBackend::new(file, size).into_drawing_area();
    area.fill(&WHITE)?;
    let mut top = 0;
    for panel in panels {
        panel.draw(&area, top)?;
        top += panel.height();
    }
    area.present()?;
    Ok(())
}
