//! The table: medians, and ratios to the bare pass-through.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::contender;
use crate::rounds::{Figures, KINDS, Measured};
use crate::soak::Soaked;

const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// The whole result as Markdown.
pub(crate) fn text(measured: &Measured, soaked: Option<&Soaked>) -> String {
    let rounds = measured.figures.first().and_then(|f| f.first()).map_or(0, Vec::len);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut text = format!(
        "{cores} cores, shared by load, proxy and vendor; medians of {rounds} rounds; each proxy has one worker thread.\n"
    );
    for (kind, figures) in KINDS.iter().zip(&measured.figures) {
        let streamed = kind.title.starts_with("streams");
        let _ = write!(
            text,
            "\n### {}\n\n| | throughput /s | to bare | p50 added | p99 added | CPU s per 10,000 | to bare |",
            title(kind.title)
        );
        text.push_str(if streamed { " TTFT p99 added | events /s |\n" } else { "\n" });
        text.push_str(if streamed {
            "| --- | --: | --: | --: | --: | --: | --: | --: | --: |\n"
        } else {
            "| --- | --: | --: | --: | --: | --: | --: |\n"
        });
        let direct = &figures[0];
        let bare = &figures[1];
        for (name, own) in measured.names.iter().zip(figures) {
            text.push_str(&row(name, own, direct, bare, streamed));
        }
    }
    text.push_str("\n### Memory\n\n| | peak |\n| --- | --: |\n");
    for (name, peak) in measured.names.iter().zip(&measured.peak_kb) {
        let _ = writeln!(text, "| {name} | {:.1} MiB |", *peak as f64 / 1024.0);
    }
    if let Some(Soaked { requests, before_kb, after_kb }) = soaked {
        let _ = writeln!(
            text,
            "\nResident before and after {requests} requests: {:.1} and {:.1} MiB.",
            *before_kb as f64 / 1024.0,
            *after_kb as f64 / 1024.0
        );
    }
    text
}

fn title(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn row(name: &str, own: &[Figures], direct: &[Figures], bare: &[Figures], streamed: bool) -> String {
    let of = |rounds: &[Figures], what: fn(&Figures) -> f64| median(rounds.iter().map(what).collect());
    let ratio =
        |what: fn(&Figures) -> f64| median(own.iter().zip(bare).map(|(o, b)| what(o) / what(b).max(1e-9)).collect());
    let added =
        |what: fn(&Figures) -> f64| median(own.iter().zip(direct).map(|(o, d)| (what(o) - what(d)) / 1000.0).collect());
    let mut row = format!(
        "| {name} | {:.0} | {:.2} | {:.2} ms | {:.2} ms | {:.2} | {:.2} |",
        of(own, |f| f.per_second),
        ratio(|f| f.per_second),
        added(|f| f.p50),
        added(|f| f.p99),
        of(own, |f| f.cpu) / 100.0,
        ratio(|f| f.cpu),
    );
    if streamed {
        let _ = write!(row, " {:.2} ms | {:.0} |", added(|f| f.first_p99), of(own, |f| f.events_per_second));
    }
    row.push('\n');
    row
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Puts the text between the markers of a file.
pub(crate) fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let old = fs::read_to_string(file)?;
    let (before, rest) = old.split_once(BEGIN).ok_or_else(|| anyhow::anyhow!("{}: no `{BEGIN}`", file.display()))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| anyhow::anyhow!("{}: no `{END}`", file.display()))?;
    fs::write(file, format!("{before}{BEGIN}\n\n{text}\n{END}{after}"))?;
    let _ = fs::remove_dir_all(contender::folder());
    Ok(())
}
