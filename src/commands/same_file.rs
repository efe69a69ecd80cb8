//! Outputs that would overwrite what is still needed.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Refuses an output of this flag that is one of these files, by whatever name; `what` says what that file is.
///
/// # Errors
/// Names the output.
pub(super) fn refuse(flag: &str, outputs: &[PathBuf], files: &[PathBuf], what: &str) -> Result<()> {
    let files: Vec<PathBuf> = files.iter().map(|file| place(file)).collect();
    match outputs.iter().find(|output| files.contains(&place(output))) {
        None => Ok(()),
        Some(output) => Err(Error::Usage {
            message: format!("{flag}: `{}` {what}", output.display()),
            hint: Some("name another file: it would be overwritten".to_owned()),
        }),
    }
}

/// Refuses result files of which two are one; `what` says how that came.
///
/// # Errors
/// Names the second one.
pub(super) fn refuse_twice(outputs: &[PathBuf], what: &str) -> Result<()> {
    (0..outputs.len()).try_for_each(|index| {
        let (before, rest) = outputs.split_at(index);
        refuse("--output", &rest[..1], before, what)
    })
}

/// Where a file lies or would lie, links followed.
fn place(path: &Path) -> PathBuf {
    let of_folder = || {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    };
    let place = path.canonicalize().ok().or_else(of_folder);
    place.unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_by_whatever_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("sub")).unwrap();
        std::fs::write(at("there.json"), "").unwrap();
        let refused =
            |one: &str, other: &str| refuse("-o", &[at(one)], &[at(other)], "is read").is_err();
        for (one, other, same) in [
            ("there.json", "there.json", true),
            ("sub/../there.json", "there.json", true),
            ("new.json", "sub/../new.json", true),
            ("new.json", "there.json", false),
            ("sub/there.json", "there.json", false),
            ("none/new.json", "new.json", false),
        ] {
            assert_eq!(refused(one, other), same, "{one} {other}");
        }
        assert!(refuse_twice(&[at("a"), at("b"), at("sub/../a")], "twice").is_err());
        assert!(refuse_twice(&[at("a"), at("b")], "twice").is_ok());
    }
}
