//! What a run is compared with, from the settings.

use std::time::Duration;

use url::Url;

use super::layers::{Origin, Origins};
use super::settings::Overrides;
use super::threshold::share;
use super::{Against, Baseline, Repeat, Share};
use crate::error::Result;

/// Change that matters, if nothing else is said.
const MARGIN: f64 = 0.05;
/// Longest that a duet goes on, if nothing else is said.
const MAX_TIME: Duration = Duration::from_mins(5);

/// What a margin may be.
pub const MARGIN_HINT: &str = "from 0.1% to 90%, such as 5%";

/// The margin as a share, 0 to 1; 5 % if none is given.
///
/// # Errors
/// It is out of range.
pub fn margin_of(given: Option<Share>) -> Result<f64, String> {
    let margin = given.map_or(MARGIN, |share| share.0);
    if (0.001..=0.9).contains(&margin) {
        Ok(margin)
    } else {
        Err(format!("{} is not a margin", share(margin)))
    }
}

/// What noise from run to run may be.
pub const RUN_NOISE_HINT: &str = "from 0% to 90%, such as 2%";

/// The noise from run to run as a share, 0 to 1.
///
/// # Errors
/// It is out of range.
pub fn run_noise_of(given: Option<Share>) -> Result<Option<f64>, String> {
    match given {
        Some(Share(noise)) if noise > 0.9 => Err(format!(
            "{} is more noise than anything could be told from",
            share(noise)
        )),
        given => Ok(given.map(|share| share.0)),
    }
}

/// The baseline, if one is named.
///
/// # Errors
/// A value out of range, or one that says how to compare where nothing is compared.
pub(super) fn resolve(settings: &Overrides, origins: &Origins) -> Result<Option<Baseline>> {
    let against = match (&settings.baseline, &settings.baseline_url) {
        (Some(path), _) => Against::Report(path.clone()),
        (None, Some(text)) => Against::Target(http_url(text, "comparison.baseline_url", origins)?),
        (None, None) => return unused(settings, origins),
    };
    if matches!(against, Against::Report(_)) {
        for key in ["comparison.repeat", "comparison.max_time"] {
            if said(settings, origins, key) {
                let message = "has no effect without a second target";
                return Err(origins.error(
                    key,
                    message,
                    "name one with --baseline-url, or leave it out",
                ));
            }
        }
    }
    let margin = margin_of(settings.margin)
        .map_err(|message| origins.error("comparison.margin", &message, MARGIN_HINT))?;
    let max_time = settings.max_time.unwrap_or(MAX_TIME);
    if max_time.is_zero() {
        let message = "0s is too short";
        return Err(origins.error("comparison.max_time", message, "such as 5m"));
    }
    let is_duet = matches!(against, Against::Target(_));
    let noise_key = "comparison.run_noise";
    let unused = is_duet && !said(settings, origins, noise_key);
    let run_noise = run_noise_of(settings.run_noise.filter(|_| !unused))
        .map_err(|message| origins.error(noise_key, &message, RUN_NOISE_HINT))?;
    if run_noise.is_some() && is_duet {
        let message = "has no effect on pairs of slices: what drifts is in both";
        return Err(origins.error(noise_key, message, "leave it out"));
    }
    Ok(Some(Baseline {
        run_noise,
        against,
        margin,
        force: settings.force.unwrap_or(false),
        repeat: settings.repeat.unwrap_or(Repeat::Auto),
        max_time,
    }))
}

/// Whether this run was told so. A variable is set for many runs, and has no effect on those that it does not suit.
fn said(settings: &Overrides, origins: &Origins, key: &str) -> bool {
    settings.has(key) && !matches!(origins.of(key), Origin::Environment(_))
}

/// Without a baseline, to say how to compare is a mistake.
fn unused(settings: &Overrides, origins: &Origins) -> Result<Option<Baseline>> {
    let named = ["margin", "run_noise", "force", "repeat", "max_time"]
        .map(|name| format!("comparison.{name}"));
    match named.iter().find(|key| said(settings, origins, key)) {
        None => Ok(None),
        Some(key) => {
            let hint = "name a baseline with --baseline or --baseline-url, or leave it out";
            Err(origins.error(key, "has no effect without a baseline", hint))
        }
    }
}

/// A URL with http or https.
///
/// # Errors
/// Says what is expected instead.
pub(super) fn http_url(text: &str, key: &str, origins: &Origins) -> Result<Url> {
    let url = Url::parse(text).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| {
            let message = format!("`{text}` is not a URL");
            origins.error(key, &message, "such as http://localhost:9091")
        })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::plan::Scenario;
    use crate::plan::layers::{Layers, merge};

    fn layer(text: &str) -> Scenario {
        Scenario::parse(Path::new("layer.toml"), text).expect(text)
    }

    fn baseline(environment: &str, flags: &str) -> Result<Option<super::Baseline>, String> {
        let layers = Layers {
            scenario: layer(""),
            environment: layer(environment).overrides,
            flags: layer(flags).overrides,
        };
        let (settings, origins) = merge(layers).map_err(|error| error.to_string())?;
        super::resolve(&settings, &origins).map_err(|error| error.to_string())
    }

    #[test]
    fn variables_have_no_effect_where_they_do_not_suit() {
        let told = "[comparison]\nmargin = \"7%\"\nforce = true\nrun_noise = \"2%\"\nrepeat = 9";
        assert_eq!(baseline(told, "").map(|none| none.is_none()), Ok(true));
        let refused = baseline("", told).expect_err("flags are of this run");
        assert!(
            refused.contains("has no effect without a baseline"),
            "{refused}"
        );
        for (against, noise) in [
            ("[comparison]\nbaseline = \"a.json\"", Some(0.02)),
            ("[comparison]\nbaseline_url = \"http://localhost:1\"", None),
        ] {
            let found = baseline(told, against).expect(against).expect(against);
            assert_eq!((found.run_noise, found.force), (noise, true), "{against}");
        }
    }
}
