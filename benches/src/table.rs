//! The result as Markdown: goals first, then a table for each load.

use std::fmt::Write as _;

use crate::audit::Audited;
use crate::contender::Contender;
use crate::figures::{Figures, Pick, Spread};
use crate::rounds::{ALONE, BUSY, KINDS, Kind, Measured, PACED, SPARSE};
use crate::shape::Shape;
use crate::soak::Soaked;

/// Where and how it was measured, in a few lines.
pub(crate) struct Setting {
    pub(crate) date: Option<String>,
    pub(crate) rounds: usize,
    pub(crate) seconds: u64,
    pub(crate) threads: usize,
    /// How much of the machine others had in use before it began, in percent.
    pub(crate) busy_before: Option<f64>,
}

/// The whole result.
pub(crate) fn text(
    setting: &Setting,
    measured: &Measured,
    soaked: Option<&Soaked>,
    audited: Option<&Audited>,
) -> String {
    let mut text = setting.text();
    goals(&mut text, measured, soaked);
    for (at, kind) in KINDS.iter().enumerate() {
        table(&mut text, at, kind, measured);
    }
    memory(&mut text, measured, soaked);
    if let Some(audited) = audited {
        audited.table(&mut text);
    }
    text
}

impl Setting {
    fn text(&self) -> String {
        let Self { date, rounds, seconds, threads, busy_before } = self;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let profile = if cfg!(debug_assertions) { "dev: NOT TO BE QUOTED" } else { "release" };
        let busy =
            busy_before.map_or_else(String::new, |busy| format!("; {busy:.0} % in use by others before it began"));
        let date = date.as_ref().map_or_else(String::new, |date| format!("{date}. "));
        format!(
            "{date}{cores} cores{}, shared by load, proxy and vendor{busy}; profile {profile}; each proxy has {threads} worker \
             thread(s). Command: `bench --rounds {rounds} --seconds {seconds} --threads {threads}`. In brackets: the least \
             and the most of {rounds} rounds.\n",
            processor().map_or_else(String::new, |name| format!(" ({name})")),
        )
    }
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    Some(text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "))?.1.to_owned())
}

/// What was to be reached, and what was.
fn goals(text: &mut String, measured: &Measured, soaked: Option<&Soaked>) {
    let both = |kind| Some((measured.of(kind, Contender::Tollgate)?, measured.of(kind, Contender::Bare)?));
    let cpu = both(BUSY).and_then(|(own, bare)| Spread::ratio(own, bare, |f| f.cpu));
    let alone = both(ALONE).and_then(|(own, bare)| Spread::added(own, bare, |f| f.p50));
    let first = both(PACED).and_then(|(own, bare)| Spread::added(own, bare, |f| f.first_p99));
    let (Some(cpu), Some(alone), Some(first)) = (cpu, alone, first) else { return };
    let _ = write!(
        text,
        "\n| Tollgate beside the bare pass-through | measured | goal |\n| --- | --: | --: |\n\
         | CPU per request, 32 connections | {cpu:.2} | at most 1.6 |\n\
         | added latency, median, 1 connection | {alone:.0} µs | |\n\
         | added time to first content, p99, paced streams | {first:.0} µs | at most 300 µs |\n"
    );
    audit_goals(text, measured);
    if let Some((requests, [first, .., last])) = soaked.map(|s| (s.requests, s.resident_kb.as_slice())) {
        let grown = mebibytes(*last) - mebibytes(*first);
        let _ = writeln!(text, "| growth of resident memory over {requests} requests | {grown:+.1} MiB | none |");
    }
}

/// What the audit log adds to the gateway without it.
fn audit_goals(text: &mut String, measured: &Measured) {
    for (contender, goal) in [(Contender::Relaxed, ""), (Contender::Strict, "at most 1 ms beyond the disk's own")] {
        let both = measured.of(SPARSE, contender).zip(measured.of(SPARSE, Contender::Tollgate));
        let Some((own, without)) = both else { continue };
        let added = |pick| Spread::added(own, without, pick).map_or_else(String::new, |s| format!("{s:.0} µs"));
        let title = contender.title();
        let _ = writeln!(
            text,
            "| {title}: added time to first content, p99, streams over 200 connections | {} | {goal} |",
            added(|f| f.first_p99)
        );
        let _ = writeln!(
            text,
            "| {title}: added time to the end, p99, streams over 200 connections | {} | |",
            added(|f| f.p99)
        );
    }
}

/// A contender's rounds, with those it is compared with.
struct Row<'a> {
    own: &'a [Figures],
    direct: Option<&'a [Figures]>,
    bare: Option<&'a [Figures]>,
}

/// A column of a table: its title and what stands in it.
type Column = (&'static str, fn(&Row<'_>) -> Option<String>);

const COLUMNS: [Column; 7] = [
    ("requests /s", |row| row.each(|f| f.per_second)),
    ("to direct", |row| ratio(row.own, row.direct, |f| f.per_second)),
    ("to bare", |row| ratio(row.own, row.bare, |f| f.per_second)),
    ("CPU s per 10,000", |row| row.cpu()),
    ("to bare", |row| row.cpu().and(ratio(row.own, row.bare, |f| f.cpu))),
    ("p50 added to direct", |row| added(row.own, row.direct, |f| f.p50)),
    ("p99 added to direct", |row| added(row.own, row.direct, |f| f.p99)),
];

const COLUMNS_OF_STREAMS: [Column; 3] = [
    ("TTFT p99 added to direct", |row| added(row.own, row.direct, |f| f.first_p99)),
    ("TTFT p99 added to bare", |row| added(row.own, row.bare, |f| f.first_p99)),
    ("events /s", |row| row.each(|f| f.events_per_second)),
];

impl Row<'_> {
    fn each(&self, pick: Pick) -> Option<String> {
        Spread::each(self.own, pick).map(|s| format!("{:.0}", s.median))
    }

    /// The CPU time of a direct request is the vendor's, which says nothing.
    fn cpu(&self) -> Option<String> {
        let is_direct = self.direct.is_some_and(|direct| std::ptr::eq(direct, self.own));
        let micros = Spread::each(self.own, |f| f.cpu).filter(|_| !is_direct)?;
        Some(format!("{:.3}", micros.median / 100.0))
    }
}

/// Nothing stands where a contender would be compared with itself.
fn beside<'a>(own: &[Figures], other: Option<&'a [Figures]>) -> Option<&'a [Figures]> {
    other.filter(|other| !std::ptr::eq(*other, own))
}

fn ratio(own: &[Figures], other: Option<&[Figures]>, pick: Pick) -> Option<String> {
    Spread::ratio(own, beside(own, other)?, pick).map(|s| format!("{s:.2}"))
}

fn added(own: &[Figures], other: Option<&[Figures]>, pick: Pick) -> Option<String> {
    Spread::added(own, beside(own, other)?, pick).map(|s| format!("{s:.0} µs"))
}

fn table(text: &mut String, at: usize, kind: &Kind, measured: &Measured) {
    let streams = if kind.shape == Shape::Whole { &[][..] } else { &COLUMNS_OF_STREAMS[..] };
    let columns: Vec<Column> = COLUMNS.iter().chain(streams).copied().collect();
    let titles: String = columns.iter().map(|(title, _)| format!(" {title} |")).collect();
    let _ = writeln!(text, "\n### {}\n\n| |{titles}\n| --- |{}", kind.title, " --: |".repeat(columns.len()));
    let (direct, bare) = (measured.of(at, Contender::Direct), measured.of(at, Contender::Bare));
    for contender in &measured.contenders {
        let Some(own) = measured.of(at, *contender) else { continue };
        let row = Row { own, direct, bare };
        let cell = |(_, cell): &Column| format!(" {} |", cell(&row).unwrap_or_else(|| "–".into()));
        let _ = writeln!(text, "| {} |{}", contender.title(), columns.iter().map(cell).collect::<String>());
    }
}

fn memory(text: &mut String, measured: &Measured, soaked: Option<&Soaked>) {
    text.push_str("\n### Memory\n\n| | peak over all of the above | to bare |\n| --- | --: | --: |\n");
    let bare = measured.peaks.iter().find(|(name, _)| *name == "bare").map(|(_, peak)| mebibytes(*peak));
    for (name, peak) in &measured.peaks {
        let peak = mebibytes(*peak);
        let ratio = bare.map_or_else(|| "–".into(), |bare| format!("{:.2}", peak / bare));
        let _ = writeln!(text, "| {name} | {peak:.1} MiB | {ratio} |");
    }
    if let Some(Soaked { requests, resident_kb }) = soaked {
        let readings: Vec<String> = resident_kb.iter().map(|kb| format!("{:.1}", mebibytes(*kb))).collect();
        let _ = writeln!(
            text,
            "\nResident in a fresh gateway over {requests} requests, one in eight streamed, read at the start and after \
             each quarter: {} MiB.",
            readings.join(", ")
        );
    }
}

fn mebibytes(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(cpu: f64) -> Vec<Figures> {
        vec![Figures { per_second: 1e6 / cpu, cpu, p50: cpu, p99: cpu, first_p99: cpu, events_per_second: 1.0 }; 3]
    }

    fn measured(contenders: &[(Contender, f64)]) -> Measured {
        Measured {
            contenders: contenders.iter().map(|(c, _)| *c).collect(),
            figures: vec![contenders.iter().map(|(_, cpu)| rounds(*cpu)).collect(); KINDS.len()],
            peaks: vec![("bare", 2048), ("tollgate", 4096)],
        }
    }

    const SETTING: Setting = Setting { date: None, rounds: 3, seconds: 1, threads: 1, busy_before: Some(3.2) };

    #[test]
    fn goals_compare_tollgate_with_the_bare_pass_through() {
        let all = measured(&[(Contender::Direct, 10.0), (Contender::Bare, 20.0), (Contender::Tollgate, 30.0)]);
        let soaked = Soaked { requests: 8, resident_kb: vec![1024, 4096, 2048] };
        let text = text(&SETTING, &all, Some(&soaked), None);
        assert!(text.contains("| CPU per request, 32 connections | 1.50 (1.50 to 1.50) | at most 1.6 |"), "{text}");
        assert!(text.contains("p99, paced streams | 10 (10 to 10) µs | at most 300 µs |"), "{text}");
        assert!(text.contains("over 8 requests | +1.0 MiB | none |"), "{text}");
        assert!(text.contains("| tollgate | 4.0 MiB | 2.00 |"), "{text}");
    }

    #[test]
    fn nothing_is_compared_with_who_did_not_take_part() {
        let text = text(&SETTING, &measured(&[(Contender::Direct, 10.0)]), None, None);
        assert!(text.contains("| direct to the vendor | 100000 | – | – | – | – | – | – |\n"), "{text}");
        assert!(!text.contains("at most"), "{text}");
    }

    #[test]
    fn every_row_has_as_many_cells_as_its_table_has_columns() {
        let all = measured(&[(Contender::Direct, 1.0), (Contender::Bare, 2.0), (Contender::Auto, 3.0)]);
        let text = text(&SETTING, &all, None, None);
        for table in text.split("\n\n").filter(|part| part.starts_with('|')) {
            let mut counts = table.lines().map(|line| line.matches('|').count());
            let first = counts.next();
            assert!(counts.all(|count| Some(count) == first), "{table}");
        }
    }
}
