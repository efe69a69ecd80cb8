//! `krush compare` and `--baseline`: runs held against each other, end to end.

use std::path::{Path, PathBuf};

use krush::standin::{Embedded, Settings};
use serde_json::Value;

use crate::krush;

/// Code, standard output, standard error.
type Said = (i32, String, String);

fn standin(fault: &str) -> Embedded {
    Embedded::start(Settings {
        faults: vec![fault.parse().unwrap()],
        ..Settings::default()
    })
    .unwrap()
}

fn said(folder: &Path, args: &[&str]) -> Said {
    let output = krush().current_dir(folder).args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

const LOAD: [&str; 10] = [
    "basic",
    "--duration",
    "1s",
    "-c",
    "4",
    "--batch-size",
    "10",
    "--quiet",
    "--history",
    "off",
];

fn load(folder: &Path, server: &Embedded, file: &str, more: &[&str]) -> Said {
    let url = ["--url", server.url(), "-o", file];
    said(folder, &[&LOAD[..], &url[..], more].concat())
}

fn json(path: PathBuf) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_target_half_as_fast_is_a_regression_and_the_same_one_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let (fast, slow) = (standin("delay=10ms"), standin("delay=20ms"));
    for (server, file) in [(&fast, "old.json"), (&fast, "same.json")] {
        assert_eq!(load(here, server, file, &[]).0, 0);
    }
    let known = ["--run-noise", "1%"];
    let before_load = |file: &str| {
        load(
            here,
            &slow,
            file,
            &[&["--baseline", "old.json"][..], &known].concat(),
        )
    };
    let (code, out, err) = before_load("slow.json");
    assert_eq!(code, 11, "{out}{err}");
    assert!(out.contains("REGRESSION  (exit 11)"), "{out}");
    let report = json(here.join("slow.json"));
    assert_eq!(report["verdict"]["outcome"], "regression");
    let throughput = &report["comparison"]["metrics"][0];
    assert_eq!(throughput["metric"], "throughput");
    let change = throughput["change"].as_f64().unwrap();
    assert!((-0.6..-0.3).contains(&change), "{throughput}");

    let compare = |files: [&str; 2], more: &[&str]| {
        said(here, &[&["compare", files[0], files[1]][..], more].concat())
    };
    let (code, out, _) = compare(
        ["old.json", "slow.json"],
        &[&known[..], &["-o", "c.md", "-o", "c.json"]].concat(),
    );
    assert_eq!(code, 11, "{out}");
    assert!(
        out.contains("throughput") && out.contains("99 % interval"),
        "{out}"
    );
    assert!(
        std::fs::read_to_string(here.join("c.md"))
            .unwrap()
            .contains("| regression |")
    );
    assert_eq!(json(here.join("c.json"))["outcome"], "regression");
    // The other way round it is faster, and what was not slower passes.
    assert_eq!(compare(["slow.json", "old.json"], &known).0, 0);
    let (code, out, _) = compare(
        ["old.json", "same.json"],
        &["--run-noise", "1%", "--margin", "80%"],
    );
    assert_eq!(code, 0, "{out}");
    // Two single runs on a machine that nobody knows: so small a margin cannot be told.
    let (code, out, _) = compare(["old.json", "same.json"], &[]);
    assert_eq!(code, 12, "{out}");
    let flat = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("five runs or more in all"), "{flat}");
    let several = compare(["old.json,same.json", "slow.json"], &known);
    assert_eq!(several.0, 11, "{}", several.1);
}

#[test]
fn what_cannot_be_compared_is_said_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let server = standin("delay=1ms");
    assert_eq!(load(here, &server, "old.json", &[]).0, 0);
    let stored = || server.memory().records("performance-test").len();
    let before = stored();
    let other = ["--baseline", "old.json", "-c", "8"];
    let flags: Vec<&str> = LOAD
        .iter()
        .copied()
        .filter(|flag| !["-c", "4"].contains(flag))
        .collect();
    let url = ["--url", server.url(), "-o", "x.json"];
    let (code, _, err) = said(here, &[&flags[..], &url, &other].concat());
    assert_eq!(code, 2, "{err}");
    assert!(
        err.contains("concurrency: 4 in the baseline, 8 here"),
        "{err}"
    );
    let (code, _, err) = load(here, &server, "x.json", &["--baseline", "none.json"]);
    assert_eq!(
        (
            code,
            err.contains("--baseline: cannot read report none.json")
        ),
        (2, true),
        "{err}"
    );
    let (code, _, err) = load(here, &server, "x.json", &["--fail-on", "e2e.p95 > 1s"]);
    assert_eq!(code, 2, "{err}");
    assert!(
        err.contains("`e2e.p95 > 1s`") && err.contains("krush e2e"),
        "{err}"
    );
    assert_eq!(stored(), before);

    let mut void = json(here.join("old.json"));
    void["validity"]["void"] = true.into();
    std::fs::write(here.join("void.json"), void.to_string()).unwrap();
    assert_eq!(
        load(here, &server, "x.json", &["--baseline", "void.json"]).0,
        2
    );
    let (code, out, _) = said(here, &["compare", "void.json", "old.json"]);
    assert_eq!(code, 13, "{out}");
    let mut early = json(here.join("old.json"));
    early["blocks"] = Value::Null;
    std::fs::write(here.join("early.json"), early.to_string()).unwrap();
    let (code, _, err) = said(here, &["compare", "early.json", "old.json"]);
    assert_eq!(code, 2);
    assert!(
        err.contains("early.json") && err.contains("kept no blocks"),
        "{err}"
    );
    let (code, _, err) = said(here, &["compare", "old.json", "old.json", "--margin", "0%"]);
    assert_eq!(code, 2, "{err}");
    let noise = ["compare", "old.json", "old.json", "--run-noise", "95%"];
    let (code, _, err) = said(here, &noise);
    assert_eq!((code, err.contains("--run-noise: 95%")), (2, true), "{err}");
}

#[test]
fn the_baseline_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let server = standin("delay=1ms");
    assert_eq!(load(here, &server, "old.json", &[]).0, 0);
    let stored = || server.memory().records("performance-test").len();
    let before = stored();
    let kept = std::fs::read(here.join("old.json")).unwrap();
    for (file, more) in [
        ("./old.json", &[][..]),
        ("x.md,old.json", &[][..]),
        ("x.json", &["--history", "old.json"]),
    ] {
        let flags = LOAD
            .iter()
            .filter(|flag| more.is_empty() || !["--history", "off"].contains(flag));
        let url = ["--url", server.url(), "-o", file];
        let all: Vec<&str> = flags
            .copied()
            .chain(url)
            .chain(["--baseline", "old.json"])
            .chain(more.iter().copied())
            .collect();
        let (code, _, err) = said(here, &all);
        assert_eq!(
            (code, err.contains("would be overwritten")),
            (2, true),
            "{err}"
        );
        assert!(err.contains("is the baseline"), "{err}");
    }
    assert_eq!(std::fs::read(here.join("old.json")).unwrap(), kept);
    assert_eq!(stored(), before);
}

#[test]
fn the_file_that_differs_is_named_and_another_build_of_krush_said() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let server = standin("delay=1ms");
    assert_eq!(load(here, &server, "old.json", &[]).0, 0);
    let mut other = json(here.join("old.json"));
    other["target"]["partitions"] = 7.into();
    other["started_at"] = "2026-01-01T00:00:00Z".into();
    other["claims"]["run"] = "of-its-own".into();
    std::fs::write(here.join("other.json"), other.to_string()).unwrap();
    let mut built = json(here.join("old.json"));
    built["tool"]["version"] = "0.0.1".into();
    built["claims"]["run"] = "another".into();
    std::fs::write(here.join("built.json"), built.to_string()).unwrap();
    let (code, _, err) = said(here, &["compare", "old.json,other.json", "built.json"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("in old.json, 7 in other.json"), "{err}");
    assert!(!err.contains("built.json"), "{err}");
    let (code, out, err) = said(here, &["compare", "old.json", "built.json"]);
    assert!([0, 12].contains(&code), "{out}{err}");
    let flat = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("note: what measured: krush") && flat.contains("krush 0.0.1"),
        "{flat}"
    );
}

#[test]
fn what_proves_nothing_is_no_pass_and_no_input_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let server = standin("delay=1ms");
    for file in ["a.json", "b.json"] {
        assert_eq!(load(here, &server, file, &[]).0, 0);
    }
    let compare = |args: &[&str]| said(here, &[&["compare", "--margin", "90%"][..], args].concat());
    let refused = |args: &[&str], words: &str| {
        let (code, out, err) = compare(args);
        assert_eq!(
            (code, err.contains(words)),
            (2, true),
            "{args:?} {out}{err}"
        );
    };
    // Each counts once.
    refused(&["a.json,a.json", "b.json"], "a.json is named twice");
    std::fs::copy(here.join("a.json"), here.join("copy.json")).unwrap();
    refused(
        &["a.json", "copy.json"],
        "a.json and copy.json are of the same run",
    );
    refused(&["a.json, ", "b.json"], "has a file without a name");
    // An input is kept as it is.
    let before = std::fs::read(here.join("a.json")).unwrap();
    refused(
        &["a.json", "b.json", "-o", "./a.json"],
        "is one of the reports",
    );
    assert_eq!(std::fs::read(here.join("a.json")).unwrap(), before);
    // A result that cannot be kept is shown.
    std::fs::create_dir(here.join("folder.json")).unwrap();
    let (code, out, err) = compare(&["a.json", "b.json", "-o", "folder.json"]);
    assert_eq!(code, 2, "{out}{err}");
    assert!(
        out.contains("at most") && err.contains("cannot write"),
        "{out}{err}"
    );

    // Records that were lost are lost, however fast the rest was.
    let mut lost = json(here.join("b.json"));
    lost["verdict"]["outcome"] = "integrity".into();
    std::fs::write(here.join("lost.json"), lost.to_string()).unwrap();
    let (code, out, _) = compare(&["a.json", "lost.json"]);
    assert_eq!(
        (code, out.contains("its audit found records lost")),
        (14, true),
        "{out}"
    );
    assert_eq!(compare(&["lost.json", "a.json"]).0, 13);

    // The two sides of a duet have been compared already.
    let (before, mut duet) = (json(here.join("a.json")), json(here.join("b.json")));
    let (code, out, _) = compare(&["a.json", "b.json", "--json"]);
    assert!([0, 11, 12].contains(&code), "{out}");
    let mut pairs: Value = serde_json::from_str(&out).unwrap();
    pairs["method"] = "pairs".into();
    pairs["baseline"]["started_at"] = before["started_at"].clone();
    pairs["baseline"]["source"] = before["target"]["urls"][0].clone();
    duet["comparison"] = pairs;
    std::fs::write(here.join("duet.json"), duet.to_string()).unwrap();
    refused(&["a.json", "duet.json"], "are the two sides of a duet");
    let (code, out, _) = compare(&["a.json", "duet.json", "--force"]);
    assert!(
        [0, 11, 12].contains(&code) && out.contains("two sides of a duet"),
        "{out}"
    );
}
