//! What this machine must allow before a run starts: open files, and writable result paths.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::plan::Plan;

/// Descriptors beside the connections: standard streams, event queues, result files, control plane.
const SPARE_DESCRIPTORS: u64 = 64;

/// Folder of results if no `--output` is given.
pub(super) const RESULTS: &str = "results";

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

/// Makes sure that every result file of the plan can be written, and that results have a folder.
///
/// # Errors
/// [`Error::Output`] with the path.
pub(super) fn outputs(plan: &Plan) -> Result<()> {
    let default = [PathBuf::from(RESULTS).join("result.json")];
    let files = match plan.output.files.as_slice() {
        [] => {
            std::fs::create_dir_all(RESULTS).map_err(|source| Error::Output {
                path: PathBuf::from(RESULTS),
                source,
            })?;
            &default[..]
        }
        files => files,
    };
    files.iter().try_for_each(|file| {
        writable(file).map_err(|source| Error::Output {
            path: file.clone(),
            source,
        })
    })
}

/// Tries what writing a report does: a new file beside the target. The target itself is not touched.
fn writable(file: &Path) -> std::io::Result<()> {
    if file.is_dir() {
        return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory));
    }
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let trial = folder.join(format!(".krush-{}.tmp", std::process::id()));
    std::fs::write(&trial, b"")?;
    std::fs::remove_file(&trial)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_path_is_tried_without_touching_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("old.json");
        std::fs::write(&file, "old").expect("written");
        writable(&file).expect("writable");
        assert_eq!(std::fs::read_to_string(&file).expect("read"), "old");
        let names: Vec<_> = std::fs::read_dir(folder.path())
            .expect("listed")
            .map(|entry| entry.expect("entry").file_name())
            .collect();
        assert_eq!(names, ["old.json"]);
        assert!(writable(&folder.path().join("missing/new.json")).is_err());
        assert!(writable(folder.path()).is_err());
    }

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
