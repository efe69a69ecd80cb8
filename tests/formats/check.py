"""Reads one of the formats of a run with a library made for it, and compares what it says with the report."""

import csv
import json
import math
import re
import sys
from pathlib import Path


def close(found, wanted, what, tolerance=1e-9):
    """Two numbers are the same but for rounding."""
    if not math.isclose(found, wanted, rel_tol=tolerance, abs_tol=1e-12):
        sys.exit(f"{what}: found {found}, wanted {wanted}")


def same(found, wanted, what):
    """Two values are the same."""
    if found != wanted:
        sys.exit(f"{what}: found {found!r}, wanted {wanted!r}")


def is_evidence(report):
    proving = ("pass", "threshold", "regression", "inconclusive")
    return (
        not report["validity"]["void"]
        and report["end"] == "finished"
        and report["verdict"]["outcome"] in proving
        and report["summary"]["records_per_sec"] > 0
    )


def prometheus(report, folder):
    from prometheus_client.parser import text_string_to_metric_families

    samples = {}
    types = {}
    for family in text_string_to_metric_families((folder / "run.prom").read_text()):
        types[family.name] = family.type
        for sample in family.samples:
            labels = dict(sample.labels)
            same(labels.pop("scenario"), report["plan"]["scenario"], "scenario")
            same(labels.pop("target_kind"), report["target"]["kind"], "target_kind")
            same(labels.pop("topic"), report["target"]["topic"], "topic")
            key = (sample.name, tuple(sorted(labels.items())))
            if key in samples:
                sys.exit(f"{key} is there twice")
            samples[key] = sample.value
    for fate in ("acked", "rejected", "unknown", "unsent"):
        key = ("krush_records_total", (("fate", fate),))
        same(samples[key], report["ledger"]["records"][fate], fate)
    same(types["krush_records"], "counter", "type of krush_records")
    for name in ("latency", "service_time", "send_delay"):
        same(types[f"krush_{name}_seconds"], "summary", f"type of {name}")
        for quantile, key in (("0.5", "p50"), ("0.95", "p95"), ("0.999", "p99_9")):
            found = samples[(f"krush_{name}_seconds", (("quantile", quantile),))]
            close(found, report["summary"][f"{name}_us"][key] / 1e6, f"{name} {key}")
    close(
        samples[("krush_latency_seconds_count", ())],
        report["summary"]["latency_samples"],
        "count",
    )
    same(samples[("krush_run_void", ())], float(not is_evidence(report)), "void")
    audited = any(name.startswith("krush_audit") for name, _ in samples)
    same(audited, report["audit"] is not None, "an audit where one was made")
    outcome = report["verdict"]["outcome"]
    same(samples[("krush_verdict", (("outcome", outcome),))], 1.0, "verdict")
    return f"{len(samples)} samples of {len(types)} families"


def csv_summary(report, folder):
    with open(folder / "run.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    same(None in row, False, "cells beyond the head")
    same(int(row["records_acked"]), report["ledger"]["records"]["acked"], "acked")
    close(float(row["records_per_sec"]), report["summary"]["records_per_sec"], "rate")
    same(int(row["latency_p95_us"]), report["summary"]["latency_us"]["p95"], "p95")
    same(row["outcome"], report["verdict"]["outcome"], "outcome")
    return f"{len(row)} columns"


def timeline(report, folder):
    with open(folder / "run.timeline.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    same(len(rows), len(report["timeline"]), "rows")
    for row, second in zip(rows, report["timeline"]):
        same(int(row["records_acked"]), second["records_acked"], "acked")
        p95 = second["latency_us"]["p95"]
        same(row["latency_p95_us"], "" if p95 is None else str(p95), "p95")
    return f"{len(rows)} rows"


def intervals(path):
    from hdrh.histogram import HdrHistogram
    from hdrh.log import HistogramLogReader

    found = []
    reader = HistogramLogReader(str(path), HdrHistogram(1, 3_600_000_000, 3))
    while True:
        histogram = reader.get_next_interval_histogram()
        if histogram is None:
            return found
        found.append(histogram)


def hlog(report, folder):
    found = intervals(folder / "run.hlog")
    by_tag = {}
    for histogram in found:
        by_tag.setdefault(histogram.get_tag(), []).append(histogram)
    for tag in ("latency", "service_time", "send_delay"):
        (histogram,) = by_tag[tag]
        figures = report["summary"][f"{tag}_us"]
        for percentile, key in ((50, "p50"), (95, "p95"), (99, "p99")):
            value = histogram.get_value_at_percentile(percentile)
            # A bucket of 3 digits has many values; libraries differ in the one they name.
            close(value, figures[key], f"{tag} {key}", 1e-3)
        close(histogram.get_max_value(), figures["max"], f"{tag} max", 1e-3)
    same(by_tag["latency"][0].get_total_count(), report["summary"]["latency_samples"], "count")
    blocks = report["blocks"]["rows"]
    same(len(by_tag["latency_block"]), len(blocks), "blocks")
    counts = sum(block.get_total_count() for block in by_tag["latency_block"])
    same(counts <= report["summary"]["latency_samples"] and counts > 0, True, "count of blocks")
    starts = [block.get_start_time_stamp() for block in by_tag["latency_block"]]
    same(starts, sorted(starts), "starts of blocks")
    return f"{len(found)} intervals"


def distribution(path):
    """The rows of a percentile distribution, as the plotter of HdrHistogram reads them."""
    rows = []
    for line in Path(path).read_text().splitlines():
        cells = line.split()
        if not line.startswith("#") and len(cells) in (3, 4) and re.match(r"[\d.]+$", cells[0]):
            rows.append(tuple(float(cell) for cell in cells[:3]))
    return rows


def hgrm(report, folder):
    rows = distribution(folder / "run.hgrm")
    same(rows[-1][2], report["summary"]["latency_samples"], "count")
    (latency,) = [h for h in intervals(folder / "run.hlog") if h.get_tag() == "latency"]
    counts = {}
    for item in latency.get_recorded_iterator():
        us = latency.get_highest_equivalent_value(item.value_iterated_to)
        counts[f"{us / 1e3:.3f}"] = item.total_count_to_this_value
    for value, quantile, count in rows:
        same(counts.get(f"{value:.3f}"), int(count), f"count at percentile {quantile}")
    return f"{len(rows)} rows"


def same_distribution(one, other):
    """Java's distribution is ours."""
    java, ours = distribution(one), distribution(other)
    same(len(java) > 10, True, "rows")
    same(ours, java, "rows")
    return f"{len(java)} rows, all equal"


def junit(report, folder):
    from xml.etree import ElementTree

    import xmlschema
    from junitparser import JUnitXml

    path = folder / "run.xml"
    schema = xmlschema.XMLSchema(str(folder.parent / "junit-10.xsd"))
    # The root's `skipped` and `timestamp` are of later dialects than this schema: each suite in it is held against it.
    for suite in ElementTree.parse(path).getroot():
        schema.validate(suite)
    (suite,) = JUnitXml.fromfile(str(path))
    names = [case.name for case in suite]
    same(names[0], "verdict", "first case")
    same(bool(suite.errors or suite.failures), report["verdict"]["exit_code"] != 0, "red")
    for threshold in report["thresholds"]:
        same(threshold["expression"] in names, True, threshold["expression"])
    for check in report["validity"]["checks"]:
        same(check["name"] in names, True, check["name"])
    return f"{len(names)} cases, valid by Jenkins' schema"


BMF = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
            "type": "object",
            "properties": {
                "value": {"type": "number"},
                "lower_value": {"type": "number"},
                "upper_value": {"type": "number"},
            },
            "required": ["value"],
            "additionalProperties": False,
        },
    },
}


def bencher(report, folder):
    import jsonschema

    read = json.loads((folder / "run.bencher.json").read_text())
    jsonschema.validate(read, BMF)
    if not is_evidence(report):
        same(read, {}, "a void run")
        return "void: nothing, as it must be"
    ((name, measures),) = read.items()
    same(len(name) <= 1024 and all(len(slug) <= 64 for slug in measures), True, "lengths")
    same(all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) for slug in measures), True, "slugs")
    close(measures["throughput"]["value"], report["summary"]["records_per_sec"], "throughput")
    close(measures["p95-latency-ns"]["value"], report["summary"]["latency_us"]["p95"] * 1e3, "p95")
    return f"{len(measures)} measures"


def benchmark_action(report, folder):
    """What `extractCustomBenchmarkResult` and the comparison of github-action-benchmark need of each entry."""
    count = 0
    for ending in ("bigger", "smaller"):
        entries = json.loads((folder / f"run.{ending}.json").read_text())
        same(bool(entries), is_evidence(report), f"entries of {ending}")
        names = [entry["name"] for entry in entries]
        same(len(set(names)), len(names), "names")
        for entry in entries:
            same(set(entry) <= {"name", "unit", "value", "range", "extra"}, True, entry)
            same([type(entry[key]) for key in ("name", "unit")], [str, str], entry)
            same(isinstance(entry["value"], (int, float)), True, entry)
            count += 1
        if entries and ending == "bigger":
            close(entries[0]["value"], report["summary"]["records_per_sec"], "throughput")
    return f"{count} entries"


def end_to_end(report, folder):
    """What consumers saw, in every format that has figures."""
    from junitparser import JUnitXml
    from prometheus_client.parser import text_string_to_metric_families

    section = report["end_to_end"]
    figures, count = section["latency_us"], section["latency_samples"]
    same(count > 0, True, "records that arrived")
    name = "krush_end_to_end_latency_seconds"
    families = text_string_to_metric_families((folder / "run.prom").read_text())
    (family,) = [family for family in families if family.name == name]
    same(family.type, "summary", "type")
    samples = {(s.name, s.labels.get("quantile")): s.value for s in family.samples}
    for quantile, key in (("0.5", "p50"), ("0.95", "p95"), ("0.999", "p99_9")):
        close(samples[(name, quantile)], figures[key] / 1e6, f"prometheus {key}")
    close(samples[(name + "_count", None)], count, "prometheus count")
    with open(folder / "run.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    for key in ("p50", "p90", "p95", "p99", "p99_9", "max"):
        same(int(row[f"end_to_end_{key}_us"]), figures[key], f"csv {key}")
    same(int(row["end_to_end_records"]), count, "csv count")
    (histogram,) = [h for h in intervals(folder / "run.hlog") if h.get_tag() == "end_to_end"]
    same(histogram.get_total_count(), count, "hlog count")
    close(histogram.get_value_at_percentile(95), figures["p95"], "hlog p95", 1e-3)
    (suite,) = JUnitXml.fromfile(str(folder / "run.xml"))
    properties = {one.name: one.value for one in suite.properties()}
    same({"end_to_end_p50", "end_to_end_p95", "end_to_end_p99"} <= set(properties), True, "JUnit")
    measures = json.loads((folder / "run.bencher.json").read_text())
    smaller = json.loads((folder / "run.smaller.json").read_text())
    if not is_evidence(report):
        same((measures, smaller), ({}, []), "a void run")
        return f"{count} records; void: nothing for trackers, as it must be"
    ((_, measures),) = measures.items()
    p95 = measures["p95-end-to-end-latency-ns"]["value"]
    close(p95, figures["p95"] * 1e3, "bencher p95")
    (p95,) = [e["value"] for e in smaller if e["name"].endswith(": P95 end-to-end latency")]
    close(p95, figures["p95"] / 1e3, "smaller p95")
    return f"{count} records, P95 {figures['p95'] / 1e3:.1f} ms"


def prometheus_samples(folder):
    """Every sample by its name and the labels that not all have."""
    from prometheus_client.parser import text_string_to_metric_families

    common = ("scenario", "target_kind", "topic")
    samples = {}
    for family in text_string_to_metric_families((folder / "run.prom").read_text()):
        for sample in family.samples:
            labels = [(key, value) for key, value in sample.labels.items() if key not in common]
            samples[(sample.name, *sorted(labels))] = sample.value
    return samples


def csv_row(folder):
    with open(folder / "run.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    return row


def audit(report, folder):
    """What the audit of a run that lost records found; such a run is no point of any tracker."""
    from junitparser import JUnitXml

    found = report["audit"]["findings"]
    same(report["verdict"]["exit_code"], 14, "exit code")
    samples, row = prometheus_samples(folder), csv_row(folder)
    (suite,) = JUnitXml.fromfile(str(folder / "run.xml"))
    properties = {one.name: one.value for one in suite.properties()}
    names = ("lost", "duplicated", "reordered", "corrupted", "rejected_but_stored", "not_seen")
    for name in names:
        wanted = found[name] if name == "not_seen" else found[name]["records"]
        key = ("krush_audit_records_total", ("finding", name))
        same(samples[key], wanted, f"prometheus {name}")
        same(int(row[f"audit_{name}_records"]), wanted, f"csv {name}")
        same(int(properties[f"audit_{name}_records"]), wanted, f"JUnit {name}")
    same(found["lost"]["records"] > 0, True, "records lost")
    for state in ("appended", "read", "dropped"):
        key = ("krush_audit_offsets_total", ("state", state))
        same(samples[key], found[state], f"prometheus {state}")
        same(int(row[f"audit_{state}_offsets"]), found[state], f"csv {state}")
    same(samples[("krush_audit_outcome", ("outcome", "violated"))], 1.0, "outcome")
    same(samples[("krush_run_void",)], 1.0, "proves nothing")
    for ending, nothing in (("bencher", {}), ("bigger", []), ("smaller", [])):
        same(json.loads((folder / f"run.{ending}.json").read_text()), nothing, ending)
    return f"{found['lost']['records']} records lost, and in no tracker"


def comparison(report, folder):
    """By how much a run differs from its baseline, how sure that is, and what it comes to."""
    compared = report["comparison"]
    samples, row = prometheus_samples(folder), csv_row(folder)
    outcome = ("krush_comparison_outcome", ("outcome", compared["outcome"]))
    same(samples[outcome], 1.0, "outcome")
    same(row["comparison_outcome"], compared["outcome"], "csv outcome")
    close(samples[("krush_comparison_margin_ratio",)], compared["margin"], "margin")
    close(float(row["comparison_margin_ratio"]), compared["margin"], "csv margin")
    keys = {
        "change_ratio": "change",
        "change_low_ratio": "low",
        "change_high_ratio": "high",
        "confidence_ratio": "confidence",
        "minimum_detectable_ratio": "minimum_detectable",
    }
    units = {"records/s": "records_per_sec", "us": "us", "ratio": "ratio"}
    quantiles = {"p50": "0.5", "p95": "0.95", "p99": "0.99"}
    families = {
        "records/s": ("krush_comparison_throughput_records_per_second", 1),
        "us": ("krush_comparison_latency_seconds", 1e6),
        "ratio": ("krush_comparison_success_ratio", 1),
    }
    for metric in compared["metrics"]:
        name = metric["metric"]
        for ending, key in keys.items():
            found = samples[(f"krush_comparison_{ending}", ("metric", name))]
            close(found, metric[key], f"{name} {ending}")
            close(float(row[f"comparison_{name}_{ending}"]), metric[key], f"csv {name} {ending}")
        worst = samples.get(("krush_comparison_worst_ratio", ("metric", name)))
        wanted = None if metric["lower_bound"] else metric["worst"]
        same(worst is None, wanted is None, f"worst of {name}")
        if wanted is not None:
            close(worst, wanted, f"worst of {name}")
            close(float(row[f"comparison_{name}_worst_ratio"]), wanted, f"csv worst of {name}")
        decision = metric["verdict"] if metric["judged"] else "not_judged"
        labels = (("decision", decision), ("metric", name))
        same(samples[("krush_comparison_decision", *labels)], 1.0, f"decision of {name}")
        same(row[f"comparison_{name}_decision"], decision, f"csv decision of {name}")
        family, divisor = families[metric["unit"]]
        for side, key in (("baseline", "baseline"), ("run", "saw")):
            labels = [("side", side)]
            if name in quantiles:
                labels.insert(0, ("quantile", quantiles[name]))
            close(samples[(family, *labels)], metric[key] / divisor, f"{side} of {name}")
            cell = row[f"comparison_{name}_{side}_{units[metric['unit']]}"]
            close(float(cell), metric[key], f"csv {side} of {name}")
    same(len(compared["metrics"]) > 2, True, "metrics")
    return f"{len(compared['metrics'])} metrics, {compared['outcome']}"


CHECKS = {
    "prometheus": prometheus,
    "csv": csv_summary,
    "timeline": timeline,
    "hlog": hlog,
    "hgrm": hgrm,
    "junit": junit,
    "bencher": bencher,
    "benchmark-action": benchmark_action,
    "end-to-end": end_to_end,
    "audit": audit,
    "comparison": comparison,
}


def main(what, one, other):
    if what == "same-distribution":
        print(same_distribution(one, other))
        return
    report = json.loads(Path(one).read_text())
    print(CHECKS[what](report, Path(other)))


if __name__ == "__main__":
    main(*sys.argv[1:])
