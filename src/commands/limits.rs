//! What this machine must allow before a run starts: open files.

#[cfg(unix)]
use crate::error::Error;
use crate::error::Result;

/// Descriptors beside the connections: standard streams, event queues, result files, control plane.
#[cfg(unix)]
const SPARE_DESCRIPTORS: u64 = 64;

/// Which ends of a connection are in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// Ours only.
    One,
    /// The built-in stand-in's too.
    Both,
}

#[cfg(unix)]
impl Ends {
    fn count(self) -> u64 {
        match self {
            Self::One => 1,
            Self::Both => 2,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::One => "",
            Self::Both => " to the stand-in inside this process",
        }
    }
}

/// Makes sure that `connections` sockets can be open at once; raises the soft limit to the hard limit if it must.
///
/// # Errors
/// [`Error::Machine`] with the `ulimit` line.
#[cfg(unix)]
pub(super) fn descriptors(connections: u32, ends: Ends) -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if !must_raise(connections, ends, limit.current, limit.maximum)? {
        return Ok(());
    }
    let raised = Rlimit {
        // macOS refuses "no limit" as the soft one even where the hard one says so.
        current: limit.maximum.or_else(|| Some(needed(connections, ends))),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised)
        .map_err(|_| too_few(connections, ends, limit.current.unwrap_or_default()))
}

/// Whether the soft limit is too low; `None` is no limit.
#[cfg(unix)]
fn must_raise(connections: u32, ends: Ends, soft: Option<u64>, hard: Option<u64>) -> Result<bool> {
    let needed = needed(connections, ends);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    match (enough(soft), hard) {
        (true, _) => Ok(false),
        (false, hard) if enough(hard) => Ok(true),
        (false, hard) => Err(too_few(connections, ends, hard.unwrap_or_default())),
    }
}

#[cfg(unix)]
fn needed(connections: u32, ends: Ends) -> u64 {
    u64::from(connections) * ends.count() + SPARE_DESCRIPTORS
}

/// Other systems have no such limit that a program could ask for.
#[cfg(not(unix))]
pub(super) fn descriptors(_connections: u32, _ends: Ends) -> Result<()> {
    Ok(())
}

#[cfg(unix)]
fn too_few(connections: u32, ends: Ends, allowed: u64) -> Error {
    let needed = needed(connections, ends);
    let fewer = match allowed.saturating_sub(SPARE_DESCRIPTORS) / ends.count() {
        0 => String::new(),
        fit => format!(", or use --concurrency {fit}"),
    };
    let (connections, verb) = match connections {
        1 => ("1 connection".to_owned(), "needs"),
        many => (format!("{many} connections"), "need"),
    };
    Error::Machine {
        message: format!(
            "{connections}{} {verb} {needed} open files, and this machine allows {allowed}",
            ends.words()
        ),
        hint: Some(format!(
            "run `ulimit -n {needed}` first (as root, or with a higher hard limit){fewer}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn too_few_descriptors_name_the_command() {
        let told = |connections, ends, hard| {
            let error = must_raise(connections, ends, Some(32), Some(hard)).expect_err("too few");
            format!("{error}\n{}\n", error.hint().unwrap_or_default())
        };
        insta::assert_snapshot!(
            [
                told(5_000, Ends::One, 4_096),
                told(5_000, Ends::Both, 4_096),
                told(1, Ends::One, 64),
                told(1, Ends::Both, 65),
            ]
            .concat(),
            @r"
        5000 connections need 5064 open files, and this machine allows 4096
        run `ulimit -n 5064` first (as root, or with a higher hard limit), or use --concurrency 4032
        5000 connections to the stand-in inside this process need 10064 open files, and this machine allows 4096
        run `ulimit -n 10064` first (as root, or with a higher hard limit), or use --concurrency 2016
        1 connection needs 65 open files, and this machine allows 64
        run `ulimit -n 65` first (as root, or with a higher hard limit)
        1 connection to the stand-in inside this process needs 66 open files, and this machine allows 65
        run `ulimit -n 66` first (as root, or with a higher hard limit)
        "
        );
    }

    #[cfg(unix)]
    #[test]
    fn the_soft_limit_is_raised_only_if_it_must_be() {
        for (soft, hard, ends, raise) in [
            (Some(564), Some(4_096), Ends::One, false),
            (Some(563), Some(4_096), Ends::One, true),
            (Some(563), None, Ends::One, true),
            (None, None, Ends::One, false),
            (Some(1_064), Some(4_096), Ends::Both, false),
            (Some(1_063), Some(4_096), Ends::Both, true),
        ] {
            let found = must_raise(500, ends, soft, hard).expect("the hard limit is enough");
            assert_eq!(found, raise, "{soft:?} {hard:?} {ends:?}");
        }
    }
}
