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
    let needed = u64::from(connections) + SPARE_DESCRIPTORS;
    let limit = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    if enough(limit.current) {
        return Ok(());
    }
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if enough(limit.maximum) && setrlimit(Resource::Nofile, raised).is_ok() {
        return Ok(());
    }
    let allowed = limit.maximum.or(limit.current).unwrap_or(needed);
    Err(too_few(connections, needed, allowed))
}

/// Other systems have no such limit that a program could ask for.
#[cfg(not(unix))]
pub(super) fn descriptors(_connections: u32) -> Result<()> {
    Ok(())
}

#[cfg(unix)]
fn too_few(connections: u32, needed: u64, allowed: u64) -> Error {
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
        let error = too_few(5_000, 5_064, 4_096);
        insta::assert_snapshot!(
            format!("{error}\n{}", error.hint().unwrap_or_default()),
            @""
        );
        descriptors(1).expect("64 descriptors are always there");
        assert!(descriptors(u32::MAX).is_err());
    }
}
