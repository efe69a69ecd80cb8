//! The text format of Prometheus, version 0.0.4: families with their help and type, and samples with labels.
//!
//! Source: "Exposition formats" in the documentation of Prometheus.

use std::fmt::Write as _;

/// What a family of samples is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Goes up only.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Quantiles, a sum and a count.
    Summary,
}

/// A text in the making. Every sample has the labels that all have in common.
#[derive(Debug)]
pub struct Exposition {
    common: Vec<(&'static str, String)>,
    text: String,
}

impl Exposition {
    /// Nothing yet; `common` are labels of every sample.
    pub fn new(common: Vec<(&'static str, String)>) -> Self {
        Self {
            common,
            text: String::new(),
        }
    }

    /// Begins a family.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Summary => "summary",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Adds a sample of the family begun last; `name` has its suffix, if it has one.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let common = self.common.iter().map(|(name, value)| (*name, &**value));
        let all: Vec<String> = common
            .chain(labels.iter().copied())
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let labels = if all.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", all.join(","))
        };
        let _ = writeln!(self.text, "{name}{labels} {}", shown(value));
    }

    /// A family of one sample without labels of its own.
    pub fn single(&mut self, name: &str, kind: Kind, help: &str, value: f64) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }
}

/// A label's value may hold anything, but for these three.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Go's spelling of what is no number.
fn shown(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_help_of_others_cannot_break_a_line() {
        let mut out = Exposition::new(vec![("scenario", "a \"b\"\\\nc".to_owned())]);
        out.single("krush_x", Kind::Gauge, "two\nlines \\", f64::INFINITY);
        out.sample("krush_x", &[("q", "")], f64::NAN);
        insta::assert_snapshot!(out.finish(), @r#"
        # HELP krush_x two\nlines \\
        # TYPE krush_x gauge
        krush_x{scenario="a \"b\"\\\nc"} +Inf
        krush_x{scenario="a \"b\"\\\nc",q=""} NaN
        "#);
        let mut bare = Exposition::new(Vec::new());
        bare.sample("krush_y_total", &[], 18_446_744_073_709_551_615.0);
        assert_eq!(bare.finish(), "krush_y_total 18446744073709552000\n");
    }
}
