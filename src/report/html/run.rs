//! The page of one run, the verdict first.

use maud::{Markup, html};

use super::page::{page, section};
use super::{cap, compared, facts, figures, flow, over_time, parts, percentiles, points, verdict};
use crate::report::Report;

/// One document about one run.
pub(super) fn run(report: &Report) -> String {
    let title = format!(
        "krush: {}: {}",
        cap::name(&report.plan.scenario),
        report.verdict.headline
    );
    page(
        &title,
        &verdict::head(report),
        &content(report),
        &foot(report),
    )
}

fn content(report: &Report) -> Markup {
    let (group, runs) = points::runs(vec![("this run".to_owned(), report)]);
    let comparison = report
        .comparison
        .as_ref()
        .map_or_else(|| html! {}, compared::section);
    html! {
        (section("figures", "Key figures", &figures::cards(report)))
        (section("reference", "Beside reference and goal", &figures::reference(report)))
        (section("time", "Over time", &over_time::section(group, &runs)))
        (section("latency", "Latency", &html! { (figures::latencies(report)) (percentiles::section(&percentiles::of_run(report))) }))
        (section("ledger", "Ledger", &html! { (flow::flow(&report.ledger.records)) (parts::accounts(report)) }))
        (section("targets", "By target", &parts::targets(report)))
        (section("failures", "Failures", &parts::failures(report, cap::rows(1))))
        (section("audit", "Audit", &parts::audited(report)))
        (section("arrivals", "To the consumer", &parts::arrivals(report)))
        (section("comparison", "Against the baseline", &comparison))
        (section("blocks", "Blocks", &parts::blocks(report)))
        (section("thresholds", "Thresholds", &parts::thresholds(report, cap::rows(1))))
        (section("validity", "Validity", &parts::checks(report)))
        (section("configuration", "Configuration", &facts::configuration(report)))
    }
}

fn foot(report: &Report) -> String {
    format!(
        "Made by krush {} from a report of schema version {}. Everything shown is in this file.",
        env!("CARGO_PKG_VERSION"),
        report.schema_version
    )
}
