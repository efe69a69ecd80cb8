//! `krush tune`, `krush capacity` and the capacity model under them: the built program, with the stand-in inside it. The models are
//! slow, so that neither the build of the tests nor a busy machine is the limit.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use super::served::Served;

/// About 260 requests and, in batches of 100, 2,000 records a second.
const MODEL: &str = "workers=2,request=2ms,record=800us,latency=5ms,slow=20000";

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    folder: tempfile::TempDir,
}

impl Ran {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn json(&self, name: &str) -> Value {
        let text = std::fs::read_to_string(self.file(name));
        let text = text.unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr));
        serde_json::from_str(&text).unwrap()
    }

    #[track_caller]
    fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
    }
}

fn run(args: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::krush();
    let output = command
        .args(args)
        .current_dir(folder.path())
        .output()
        .unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        folder,
    }
}

#[test]
fn tune_finds_the_best_shape_of_a_model_and_writes_what_to_run() {
    let ran = run(&[
        "tune",
        "--model",
        MODEL,
        "--max-p95",
        "600ms",
        "--batch-sizes",
        "1,10,100",
        "--connections",
        "1,4,32",
        "--budget",
        "10",
        "--no-color",
        "-o",
        "tune.json,tuned.toml",
    ]);
    ran.assert_code(0);
    let json = ran.json("tune.json");
    let winner = &json["shapes"][json["winner"].as_u64().unwrap() as usize];
    // 2 workers, 2 ms a request and 0.8 ms a record: 100 a request over 4 connections do all that it can.
    assert_eq!(winner["batch_size"], 100, "{}", ran.stdout);
    assert_eq!(winner["connections"], 4, "{}", ran.stdout);
    let last = winner["looks"].as_array().unwrap().last().unwrap();
    assert_eq!(last[0], "confirmation");
    let rate = last[1]["records_per_sec"].as_f64().unwrap();
    let best = 2.0 * 100.0 / (0.002 + 100.0 * 0.0008);
    assert!((0.75..=1.01).contains(&(rate / best)), "{rate} of {best}");
    assert_eq!(json["target"]["model"], MODEL);
    assert!(
        json["words"][0]
            .as_str()
            .unwrap()
            .starts_with("100 x 32 reached ")
    );
    let words: Vec<_> = ran.stdout.split_whitespace().collect();
    let unwrapped = words.join(" ");
    for wanted in [
        &format!("stand-in, capacity model {MODEL}"),
        "figures are those of its capacity model, not of a REST Proxy",
        "use: --batch-size 100 --concurrency 4",
        "PASS best: 100 x 4, ",
    ] {
        assert!(unwrapped.contains(wanted), "{wanted}: {}", ran.stdout);
    }
    let scenario = ran.file("tuned.toml");
    let again = run(&["run", scenario.to_str().unwrap(), "--dry-run"]);
    again.assert_code(0);
    assert!(
        again.stdout.contains("\nconcurrency = 4 "),
        "{}",
        again.stdout
    );
    assert!(
        again.stdout.contains("\nbatch_size = 100 "),
        "{}",
        again.stdout
    );
    assert!(!ran.file("results").exists(), "trials are no runs");
}

/// What a dry run says of where the load goes and what it is, without where each value comes from.
fn plan_of(words: &[&str]) -> Vec<String> {
    let ran = run(&[words, &["--dry-run", "--history", "off"]].concat());
    ran.assert_code(0);
    let mut table = "";
    let mut lines = Vec::new();
    for line in ran.stdout.lines() {
        if line.starts_with('[') {
            table = line;
        }
        let value = line.split(" # ").next().unwrap_or_default().trim();
        let of_load = ["[target]", "[topic]", "[load]", "[payload]"].contains(&table);
        if of_load && value.contains(" = ") && !value.starts_with('#') {
            lines.push(format!("{table} {value}"));
        }
    }
    assert!(lines.len() > 10, "{}", ran.stdout);
    lines
}

#[test]
fn what_tune_prints_to_run_loads_what_was_tuned() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own file.toml");
    let text = "[topic]\npartitions = 3\n[load]\nmessages = 500\nwarmup = \"1s\"\ntimeout = \"9s\"\n\
                [payload]\nmessage_size = \"2kB\"\nkey = \"random\"\nkeys = 7\n";
    std::fs::write(&file, text).unwrap();
    let tuned = folder.path().join("tuned.toml");
    let (file, tuned) = (file.to_str().unwrap(), tuned.to_str().unwrap());
    for (scenario, more) in [
        (&["64kb"][..], &[][..]),
        (&[file], &["--warmup", "0s", "--seed", "4"]),
        (
            &[],
            &["--key", "hot", "-H", "X-A: it's", "--formats", "binary"],
        ),
    ] {
        let search = [
            &["tune"],
            scenario,
            &["--embedded", "--max-p95", "10s", "--budget", "10"],
            &["--batch-sizes", "5", "--connections", "2"],
            more,
        ]
        .concat();
        let printed = run(&search);
        printed.assert_code(0);
        let line = printed
            .stdout
            .lines()
            .find(|line| line.starts_with("  krush "));
        let line = line.unwrap_or_else(|| panic!("{}", printed.stdout));
        let words = shell_words(line);
        let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        run(&[&search, &["-o", tuned][..]].concat()).assert_code(0);
        assert_eq!(plan_of(&words), plan_of(&["run", tuned]), "{line}");
    }
}

/// The words of a line as a shell takes them: quotes are single ones, and a backslash stands outside of them.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = line.trim().chars();
    while let Some(letter) = letters.next() {
        match (letter, quoted) {
            ('\'', _) => quoted = !quoted,
            ('\\', false) => word.extend(letters.next()),
            (' ', false) => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    words.push(word);
    words
}

#[test]
fn tune_says_when_no_shape_holds_the_limit() {
    let ran = run(&[
        "tune",
        "--model",
        MODEL,
        "--max-p95",
        "2ms",
        "--batch-sizes",
        "1,10",
        "--connections",
        "1,4",
        "--budget",
        "10",
        "--json",
    ]);
    ran.assert_code(10);
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["winner"], Value::Null);
    assert_eq!(json["verdict"]["outcome"], "threshold");
    let reason = json["verdict"]["reasons"][0].as_str().unwrap();
    assert!(
        reason.starts_with(
            "no shape held the limit (P95 up to 2.00 ms): the lowest P95 was that of 1 x 1"
        ),
        "{reason}"
    );
}

#[test]
#[cfg(unix)]
fn ctrl_c_tells_what_was_found_so_far() {
    use std::io::{BufRead as _, BufReader, Read as _};
    let mut child = crate::krush()
        .args([
            "tune",
            "--model",
            MODEL,
            "--max-p95",
            "1s",
            "--budget",
            "60s",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    stdout.read_line(&mut text).unwrap();
    assert!(text.contains("tune"), "{text}");
    crate::load::interrupt(&child);
    stdout.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{text}");
    assert!(
        text.contains("INTERRUPTED  interrupted before any shape held the limit"),
        "{text}"
    );
}

#[test]
fn capacity_finds_what_a_model_can_do_and_overloads_it() {
    let ran = run(&[
        "capacity",
        "--model",
        "workers=2,request=2ms,record=800us,latency=5ms,slow=none",
        "--slo",
        "p95 < 300ms",
        "--batch-size",
        "10",
        "--concurrency",
        "40",
        "--start",
        "1000/s",
        "--step",
        "700ms",
        "--warmup",
        "300ms",
        "--precision",
        "20%",
        "--overload",
        "2s",
        "-o",
        "c.json",
    ]);
    ran.assert_code(0);
    let json = ran.json("c.json");
    // 2 workers, 10 ms a request of 10 records.
    let found = json["capacity_records_per_sec"].as_f64().unwrap();
    assert!(
        (1_300.0..=2_100.0).contains(&found),
        "{found}: {}",
        ran.stdout
    );
    let steps = json["steps"].as_array().unwrap();
    let confirmed = steps
        .iter()
        .filter(|step| step["purpose"] == "confirm" && step["result"] == "yes");
    assert!(confirmed.count() >= 2, "{}", ran.stdout);
    assert!(
        steps.iter().any(|step| step["result"] == "no"),
        "{}",
        ran.stdout
    );
    let overload = &json["overload"];
    assert_eq!(overload["collapsed"], false, "{}", ran.stdout);
    assert!(
        overload["worst_p95_us"].as_u64().unwrap() > 300_000,
        "{}",
        ran.stdout
    );
    assert!(
        json["target"]["model"]
            .as_str()
            .unwrap()
            .starts_with("workers=2,request=2ms")
    );
    assert!(
        ran.stdout.contains("goodput did not collapse"),
        "{}",
        ran.stdout
    );
    assert!(!ran.file("results").exists(), "steps are no runs");
}

#[test]
fn capacity_says_when_even_the_lowest_rate_misses() {
    let ran = run(&[
        "capacity",
        "--model",
        "request=50ms,latency=5ms",
        "--max-p95",
        "10ms",
        "--batch-size",
        "1",
        "--start",
        "64/s",
        "--step",
        "200ms",
        "--warmup",
        "0s",
        "--slo",
        "p50 < 10ms",
    ]);
    ran.assert_code(2);
    assert!(
        ran.stderr.contains("--slo and --max-p95 both say"),
        "{}",
        ran.stderr
    );
    let ran = run(&[
        "capacity",
        "--model",
        "request=50ms,latency=5ms",
        "--slo",
        "p50 < 10ms",
        "--batch-size",
        "1",
        "--start",
        "320/s",
        "--step",
        "200ms",
        "--warmup",
        "0s",
    ]);
    ran.assert_code(10);
    // An idle model takes 55 ms: where a step shows that nothing waited, no lower rate is tried.
    let wanted = ["no rate can hold", "even the lowest rate missed"];
    assert!(
        wanted.iter().any(|words| ran
            .stdout
            .contains(&format!("FAIL  {words} (P50 up to 10.0 ms"))),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_has_no_place_in_a_search_is_refused() {
    for (line, wanted) in [
        ("tune", "krush tune needs a limit for P95"),
        (
            "tune --max-p95 1s --rate 5/s",
            "--rate has no place in krush tune",
        ),
        (
            "tune --max-p95 1s -c 5",
            "--concurrency has no place in krush tune: it tries several; name them with --connections",
        ),
        (
            "tune --max-p95 1s -o x.html",
            "`x.html` has no ending that krush tune writes",
        ),
        ("tune --max-p95 1s -o no/such/x.json", "no/such/x.json"),
        ("tune --max-p95 1s --batch-sizes 0", "--batch-sizes"),
        (
            "tune --max-p95 1s --budget soon",
            "such as 100, or a time such as 2s",
        ),
        (
            "tune --max-p95 -5ms",
            "invalid value '-5ms' for '--max-p95 <TIME>'",
        ),
        (
            "tune --max-p95 1s --model fast",
            "`fast` is no part of a model",
        ),
        ("capacity", "krush capacity needs a limit"),
        ("capacity --slo p95>1s", "says what must not hold"),
        (
            "capacity --max-p95 1s --duration 5s",
            "--duration has no place in krush capacity",
        ),
        (
            "capacity --slo ",
            "write what must hold, such as `p95 < 500ms`",
        ),
        (
            "capacity --slo p99.9<1s",
            "the longest step (1m) has 600 requests, and P99.9 needs 2,000",
        ),
        (
            "capacity --max-p95 1s --overload 2500ms",
            "--overload: whole seconds",
        ),
        (
            "tune --max-p95 1s --run-noise 5%",
            "--run-noise has no place in krush tune",
        ),
        (
            "tune --max-p95 1s --message-size 1MiB --batch-sizes 100000",
            "--batch-sizes",
        ),
        (
            "capacity --max-p95 1s --step 0s",
            "--step: a step takes 100ms to 1m",
        ),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let ran = run(&words);
        assert_eq!(ran.code, Some(2), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(wanted), "{line}: {}", ran.stderr);
    }
}

#[test]
fn a_stall_costs_one_look_and_not_those_after_it() {
    let ran = run(&[
        "tune",
        "--embedded",
        "--max-p95",
        "100ms",
        "--batch-sizes",
        "10,100",
        "--connections",
        "1,8",
        "--fault",
        "stall=2s@150req",
        "--timeout",
        "1s",
        "-o",
        "t.json",
    ]);
    let json = ran.json("t.json");
    assert!(!ran.stdout.contains("something was sent"), "{}", ran.stdout);
    let looks = |shape: &Value| shape["looks"].as_array().unwrap().len();
    let shapes = json["shapes"].as_array().unwrap();
    assert!(
        shapes.iter().all(|shape| looks(shape) > 0),
        "{}",
        ran.stdout
    );
    ran.assert_code(0);
}

#[test]
fn a_target_that_dies_is_noticed_soon_and_nothing_is_recommended() {
    let began = std::time::Instant::now();
    let ran = run(&[
        "tune",
        "--embedded",
        "--max-p95",
        "1s",
        "--batch-sizes",
        "10",
        "--connections",
        "1,8",
        "--fault",
        "die@150req",
        "-o",
        "t.toml",
    ]);
    ran.assert_code(15);
    assert!(began.elapsed() < std::time::Duration::from_secs(30));
    for absent in ["=>", "use:"] {
        assert!(!ran.stdout.contains(absent), "{absent}: {}", ran.stdout);
    }
    assert!(!ran.file("t.toml").exists());
}

#[test]
fn a_search_overwrites_nothing_and_says_what_it_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.toml");
    let text = "[target]\nurl = \"http://127.0.0.1:1\"\n[load]\nrate = \"5k/s\"\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    for verb in ["tune", "capacity"] {
        let search = |more: &[&str]| run(&[&[verb, "--max-p95", "1s", "--dry-run"], more].concat());
        let ran = search(&["-o", "a.json", "-o", "./a.json"]);
        ran.assert_code(2);
        assert!(ran.stderr.contains("is named twice"), "{}", ran.stderr);
        let ran = search(&[file]);
        ran.assert_code(0);
        let note: Vec<_> = ran.stderr.split_whitespace().collect();
        assert!(note.ends_with(&["are", "load.rate"]), "{}", ran.stderr);
        let ran = search(&["basic", "--json"]);
        ran.assert_code(0);
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(json["target"]["message_size_bytes"], 122);
    }
    let ran = run(&["tune", file, "--max-p95", "1s", "-o", file]);
    ran.assert_code(2);
    assert!(
        ran.stderr.contains("is the scenario that is read"),
        "{}",
        ran.stderr
    );
    assert_eq!(std::fs::read_to_string(file).unwrap(), text);
}

#[test]
fn a_dry_run_of_a_search_sends_nothing() {
    let ran = run(&[
        "tune",
        "--max-p95",
        "1s",
        "--url",
        "http://127.0.0.1:1",
        "--dry-run",
    ]);
    ran.assert_code(0);
    assert!(ran.stdout.starts_with("20 shapes "), "{}", ran.stdout);
    let ran = run(&[
        "capacity",
        "--max-p95",
        "1s",
        "--url",
        "http://127.0.0.1:1",
        "--dry-run",
    ]);
    ran.assert_code(0);
    assert!(ran.stdout.contains("P95 up to 1.00 s"), "{}", ran.stdout);
}

#[test]
fn a_served_model_takes_the_time_it_says_and_is_named_everywhere() {
    let server = Served::start(&[
        "--model",
        "workers=1,request=20ms,record=0us,latency=0s,slow=none",
    ]);
    let ran = run(&[
        "basic",
        "--url",
        &server.url,
        "--topic",
        "t",
        "--duration",
        "1s",
        "-c",
        "4",
        "--batch-size",
        "10",
        "--history",
        "off",
        "-o",
        "r.json",
    ]);
    ran.assert_code(0);
    let report = ran.json("r.json");
    let model = report["target"]["model"].as_str().unwrap();
    assert_eq!(
        model,
        "workers=1,request=20ms,record=0us,latency=0us,slow=none"
    );
    // One worker, 20 ms a request: 50 a second, and with 4 in flight each takes 80 ms (Little's law).
    let rate = report["summary"]["requests_per_sec"].as_f64().unwrap();
    assert!((40.0..=52.0).contains(&rate), "{rate}");
    let p50 = report["summary"]["latency_us"]["p50"].as_f64().unwrap();
    assert!((70_000.0..=110_000.0).contains(&p50), "{p50}");
    assert!(
        ran.stdout.contains("figures are those of its capacity"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_full_queue_refuses_and_stores_nothing() {
    let server = Served::start(&["--model", "workers=1,request=50ms,latency=0s,queue=1"]);
    let ran = run(&[
        "basic",
        "--url",
        &server.url,
        "--topic",
        "t",
        "--messages",
        "40",
        "-c",
        "8",
        "--batch-size",
        "1",
        "--history",
        "off",
        "-o",
        "r.json",
    ]);
    ran.assert_code(10);
    let report = ran.json("r.json");
    let failures = report["failures"].as_array().unwrap();
    assert!(
        failures.iter().all(|row| row["http_status"] == 429),
        "{failures:?}"
    );
    let records = &report["ledger"]["records"];
    assert!(
        records["rejected"].as_u64().unwrap() > 0 && records["acked"].as_u64().unwrap() > 0,
        "{records}"
    );
}
