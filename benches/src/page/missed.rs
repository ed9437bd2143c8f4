//! The targets that are missed, each with its reason.

use comfy_table::Cell;

use crate::error::Result;
use crate::report::{Judged, Report, Style, number, right};

/// Why a target is missed.
struct Reason {
    section: &'static str,
    /// What the name of the group contains.
    group: &'static str,
    /// What the goal begins with.
    goal: &'static str,
    text: &'static str,
}

/// The first that fits is shown. The text has no figures: those are in the tables.
const REASONS: [Reason; 6] = [
    Reason {
        section: "receive",
        group: "",
        goal: "ours / tokio-tungstenite as shipped",
        text: "The limit was set on a machine with slower AES and slower copies. Here decryption and \
               the kernel take most of the time of every library: compare \"the bytes alone\".",
    },
    Reason {
        section: "receive",
        group: "one at a time",
        goal: "ours / fastest other library",
        text: "Waking up for each message takes far longer than any library does. Which cells miss \
               the limit differs between runs.",
    },
    Reason {
        section: "receive",
        group: "",
        goal: "ours / fastest other library",
        text: "Decryption and the kernel take most of the time. Which cells miss the limit differs \
               between runs.",
    },
    Reason {
        section: "pipeline",
        group: "",
        goal: "ours / cryptofeed 2.4.1",
        text: "Events are copied from the socket over the queue to the writer, and the kernel writes; the \
               rest is spread over decryption, decimals and the book.",
    },
    Reason {
        section: "pipeline",
        group: "",
        goal: "ms at p99, ours",
        text: "Exchange, proxy and reader share one core. If other programs run, a line waits for its turn.",
    },
    Reason {
        section: "receive",
        group: "",
        goal: "through SOCKS5",
        text: "The rounds spread by more than the limit allows. Which cells miss it differs between \
               runs.",
    },
];

/// Every target that is missed.
///
/// # Errors
///
/// If no reason is known for one of them: somebody should look for it before it is published.
pub(super) fn table(report: &Report) -> Result<String> {
    let mut table = Style::Markdown.table();
    table.set_header(["missed", "target", "measured", "why"]);
    let mut is_any = false;
    for missed in report.targets().filter(|one| !one.target.is_met) {
        is_any = true;
        table.add_row([
            Cell::new(format!("{}: {}", missed.section, missed.group)),
            Cell::new(&missed.target.goal),
            right(number(missed.target.value)),
            Cell::new(reason(missed)?),
        ]);
    }
    Ok(if is_any {
        table.to_string()
    } else {
        "None.".to_owned()
    })
}

fn reason(missed: Judged<'_>) -> Result<&'static str> {
    let fits = |reason: &&Reason| {
        reason.section == missed.section
            && missed.group.contains(reason.group)
            && missed.target.goal.starts_with(reason.goal)
    };
    let known = REASONS.iter().find(fits);
    known.map(|reason| reason.text).ok_or_else(|| {
        let (section, group, goal) = (missed.section, missed.group, &missed.target.goal);
        format!(
            "{section}: {group}: {goal} is missed, and {} has no reason",
            file!()
        )
        .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Target;

    fn judged<'a>(section: &'a str, group: &'a str, target: &'a Target) -> Judged<'a> {
        Judged {
            section,
            group,
            target,
        }
    }

    #[test]
    fn the_more_specific_reason_comes_first() {
        let target = Target::at_least("ours / fastest other library (yawc)", 0.9, 0.95);
        let paced = reason(judged("receive", "trade, TLS, one at a time", &target));
        let bursts = reason(judged("receive", "trade, TLS, bursts", &target));
        assert!(paced.unwrap().starts_with("Waking up"));
        assert!(bursts.unwrap().starts_with("Decryption"));
    }

    #[test]
    fn a_target_without_a_reason_is_not_published() {
        let target = Target::at_most("KiB per connection", 20.0, 16.0);
        let error = reason(judged("scale", "100 idle", &target)).unwrap_err();
        assert!(
            error.to_string().contains("scale: 100 idle: KiB"),
            "{error}"
        );
    }
}
