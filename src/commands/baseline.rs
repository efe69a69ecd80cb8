//! Reports of earlier runs as a side of a comparison: read, checked, compared.

use std::path::{Path, PathBuf};

use super::same_file;
use crate::error::{Error, Result};
use crate::gate::{
    BaselineRow, Compared, How, Named, NotComparable, Outcome, Placed, Setting, compare_reports,
    differences, replicates, same_run, uncompared, unfit,
};
use crate::plan::{Against, Plan};
use crate::report::{self, Machine, PlanSection, Report, TargetFacts, TargetSection, Tool};

/// The runs of one side, with their files.
pub(super) struct Side(Vec<(String, Report)>);

impl Side {
    /// Reads the reports of a list of files with commas between. A file whose own name has commas is one file.
    ///
    /// # Errors
    /// [`Error::Usage`] names the file and what is wrong with it.
    pub(super) fn read(list: &Path, flag: &str) -> Result<Self> {
        let read = |path: &Path| Ok((path.display().to_string(), read(path, flag)?));
        let paths = paths(list);
        if paths.iter().any(|path| path.as_os_str().is_empty()) {
            return Err(Error::Usage {
                message: format!("{flag}: `{}` has a file without a name", list.display()),
                hint: Some(
                    "name reports with one comma between two, such as A1.json,A2.json".to_owned(),
                ),
            });
        }
        paths
            .iter()
            .map(|path| read(path))
            .collect::<Result<_>>()
            .map(Self)
    }

    /// The files, with commas between.
    pub(super) fn sources(&self) -> String {
        let sources: Vec<&str> = self.0.iter().map(|(source, _)| source.as_str()).collect();
        sources.join(", ")
    }

    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.0.iter().map(|(source, _)| source.into()).collect()
    }

    pub(super) fn named(&self) -> Vec<Named<'_>> {
        let sides = self.0.iter();
        sides
            .map(|(source, report)| Named { source, report })
            .collect()
    }
}

fn paths(list: &Path) -> Vec<PathBuf> {
    match list.to_str() {
        Some(text) if !list.exists() => text.split(',').map(|path| path.trim().into()).collect(),
        _ => vec![list.to_owned()],
    }
}

/// A report, or an error that begins with the flag.
fn read(path: &Path, flag: &str) -> Result<Report> {
    report::read(path).map_err(|error| match error {
        Error::Usage { message, hint } => Error::Usage {
            message: format!("{flag}: {message}"),
            hint,
        },
        other => other,
    })
}

/// Compares two sides. A side that proves nothing makes the comparison void.
///
/// # Errors
/// [`Error::Usage`] if they cannot be compared.
pub(super) fn compared(baseline: &Side, run: &Side, how: &How) -> Result<Compared> {
    let (before, after) = (baseline.named(), run.named());
    compare_reports(&before, &after, how).or_else(|not| match not {
        NotComparable::Unfit(outcome, why) => {
            Ok(uncompared(BaselineRow::of(&before), outcome, why, how))
        }
        NotComparable::Same(why) => Err(same(&why)),
        NotComparable::Duet(why) => Err(Error::Usage {
            message: why,
            hint: Some("show that with krush report, or add --force to take the slices of each for a run at another time".to_owned()),
        }),
        NotComparable::NoBlocks(why) => Err(Error::usage(why)),
        NotComparable::Differ(lines) => Err(differ(&lines, "the runs")),
    })
}

fn same(why: &str) -> Error {
    Error::Usage {
        message: format!("{why}: what is counted twice is no surer for it"),
        hint: Some("name each run once; to compare with another run, make one".to_owned()),
    }
}

fn differ(lines: &[String], what: &str) -> Error {
    Error::Usage {
        message: format!("{what} cannot be compared: {}", lines.join("; ")),
        hint: Some(
            "compare runs of the same load, kind of target and machine, or add --force".to_owned(),
        ),
    }
}

/// What makes two targets different things for a load, a line each.
pub(super) fn unlike(baseline: (&Plan, &TargetFacts), run: (&Plan, &TargetFacts)) -> Vec<String> {
    let (machine, tool) = (Machine::here(), Tool::here());
    let [was, is] = [baseline, run].map(|(plan, facts)| {
        let target = TargetSection::of(plan, facts, Vec::new());
        (PlanSection::of(plan), target)
    });
    let [was, is] = [&was, &is].map(|(plan, target)| Setting {
        plan,
        target,
        machine: &machine,
        tool: &tool,
    });
    differences(&[("the baseline", was)], &[("the run", is)])
}

/// Refuses a result that would take the baseline's place.
fn keep(plan: &Plan, side: &Side) -> Result<()> {
    let what = "is the baseline that the run is compared with";
    let baseline = side.paths();
    same_file::refuse("--output", &plan.output.files, &baseline, what)?;
    let history: Vec<PathBuf> = plan.output.history.iter().cloned().collect();
    same_file::refuse("--history", &history, &baseline, what)
}

/// The baseline of a load command.
pub(super) struct Earlier {
    side: Side,
    how: How,
}

impl Earlier {
    /// Reads it, if the plan names one, and finds out whether it can be one at all, and stays.
    ///
    /// # Errors
    /// [`Error::Usage`] says what is wrong with it.
    pub(super) fn of(plan: &Plan) -> Result<Option<Self>> {
        let Some(baseline) = &plan.baseline else {
            return Ok(None);
        };
        let Against::Report(path) = &baseline.against else {
            return Ok(None);
        };
        let side = Side::read(path, "--baseline")?;
        for named in side.named() {
            if let Some(why) = unfit(named.report) {
                return Err(Error::Usage {
                    message: format!("--baseline: {} proves nothing: {why}", named.source),
                    hint: Some("name the report of a run that was valid".to_owned()),
                });
            }
            if let Err(NotComparable::NoBlocks(why)) = replicates(&named) {
                return Err(Error::usage(format!("--baseline: {why}")));
            }
        }
        if let Some(why) = same_run(&side.named()) {
            return Err(same(&format!("--baseline: {why}")));
        }
        let how = How {
            margin: baseline.margin,
            force: baseline.force,
            run_noise: baseline.run_noise,
        };
        keep(plan, &side)?;
        Ok(Some(Self { side, how }))
    }

    /// Whether a run of this plan on this target can be held against it.
    ///
    /// # Errors
    /// [`Error::Usage`] names every difference.
    pub(super) fn check(&self, plan: &Plan, facts: &TargetFacts) -> Result<()> {
        let target = TargetSection::of(plan, facts, Vec::new());
        let plan = PlanSection::of(plan);
        let (machine, tool) = (Machine::here(), Tool::here());
        let here = Setting {
            plan: &plan,
            target: &target,
            machine: &machine,
            tool: &tool,
        };
        let all = self.side.named();
        let all: Vec<Placed> = all
            .iter()
            .map(|named| (named.source, Setting::of(named.report)))
            .collect();
        let lines = differences(&all, &[("this run", here)]);
        if lines.is_empty() || self.how.force {
            return Ok(());
        }
        Err(differ(&lines, "this run and the baseline"))
    }

    /// Holds the finished run against it. A run that has too few replicates is inconclusive: it has been made, and says the rest.
    pub(super) fn compare(&self, report: &mut Report) {
        let before = self.side.named();
        let run = [Named {
            source: "this run",
            report,
        }];
        let row = || BaselineRow::of(&before);
        let compared = compare_reports(&before, &run, &self.how).unwrap_or_else(|not| match not {
            NotComparable::Unfit(outcome, why) => uncompared(row(), outcome, why, &self.how),
            NotComparable::NoBlocks(why) | NotComparable::Same(why) | NotComparable::Duet(why) => {
                uncompared(row(), Outcome::Inconclusive, why, &self.how)
            }
            NotComparable::Differ(lines) => {
                uncompared(row(), Outcome::Inconclusive, lines.join("; "), &self.how)
            }
        });
        report.add_comparison(compared);
    }
}
