//! What this machine must allow before a run starts: open files.

use crate::error::{Error, Result};

/// Descriptors beside the connections: standard streams, event queues, result files, control plane.
const SPARE_DESCRIPTORS: u64 = 64;

/// Makes sure that `connections` sockets can be open at once; raises the soft limit to the hard limit if it must.
///
/// # Errors
/// [`Error::Machine`] with the `ulimit` line.
#[cfg(unix)]
pub(super) fn descriptors(connections: u32) -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if !must_raise(connections, limit.current, limit.maximum)? {
        return Ok(());
    }
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised)
        .map_err(|_| too_few(connections, limit.current.unwrap_or_default()))
}

/// Whether the soft limit is too low; `None` is no limit.
#[cfg(unix)]
fn must_raise(connections: u32, soft: Option<u64>, hard: Option<u64>) -> Result<bool> {
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed(connections));
    match (enough(soft), hard) {
        (true, _) => Ok(false),
        (false, hard) if enough(hard) => Ok(true),
        (false, hard) => Err(too_few(connections, hard.unwrap_or_default())),
    }
}

#[cfg(unix)]
fn needed(connections: u32) -> u64 {
    u64::from(connections) + SPARE_DESCRIPTORS
}

/// Other systems have no such limit that a program could ask for.
#[cfg(not(unix))]
pub(super) fn descriptors(_connections: u32) -> Result<()> {
    Ok(())
}

#[cfg(unix)]
fn too_few(connections: u32, allowed: u64) -> Error {
    let needed = needed(connections);
    Error::Machine {
        message: format!(
            "{connections} connections need {needed} open files, and this machine allows {allowed}"
        ),
        hint: Some(format!(
            "run `ulimit -n {needed}` first (as root, or with a higher hard limit), or use --concurrency {}",
            allowed.saturating_sub(SPARE_DESCRIPTORS).max(1)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn too_few_descriptors_name_the_command() {
        let error = must_raise(5_000, Some(1_024), Some(4_096)).expect_err("too few");
        insta::assert_snapshot!(
            format!("{error}\n{}", error.hint().unwrap_or_default()),
            @r"
            5000 connections need 5064 open files, and this machine allows 4096
            run `ulimit -n 5064` first (as root, or with a higher hard limit), or use --concurrency 4032
            "
        );
    }

    #[cfg(unix)]
    #[test]
    fn the_soft_limit_is_raised_only_if_it_must_be() {
        for (soft, hard, raise) in [
            (Some(564), Some(4_096), false),
            (Some(563), Some(4_096), true),
            (Some(563), None, true),
            (None, None, false),
        ] {
            let found = must_raise(500, soft, hard).expect("the hard limit is enough");
            assert_eq!(found, raise, "{soft:?} {hard:?}");
        }
    }
}
