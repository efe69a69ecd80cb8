//! `krush completions` and `krush man`: text for the shell and for `man`, to standard output or into a folder.

use std::io::Write as _;
use std::path::Path;

use super::load::written;
use crate::cli::{CompletionsArgs, ManArgs, ManPage, man_pages};
use crate::error::{Error, Result, exit};

/// Prints the completion script of a shell.
///
/// # Errors
/// Standard output cannot be written to.
pub fn completions(args: &CompletionsArgs) -> Result<u8> {
    print(&crate::cli::completions(args.shell))
}

/// Prints a manual page, or writes them all into a folder and says which.
///
/// # Errors
/// A command that krush does not have, or a folder that cannot be written to.
pub fn man(args: &ManArgs) -> Result<u8> {
    let pages = man_pages();
    if let Some(folder) = &args.dir {
        return write_all(&pages, folder);
    }
    let wanted = args.command.as_deref().unwrap_or_default();
    let page = pages.iter().find(|page| page.command == wanted);
    let page = page.ok_or_else(|| {
        let commands = pages.iter().skip(1).map(|page| &*page.command);
        Error::Usage {
            message: format!("`{wanted}` is no command of krush, so that it has no manual page"),
            hint: Some(format!(
                "name one of {}",
                commands.collect::<Vec<_>>().join(", ")
            )),
        }
    })?;
    print(&page.text)
}

fn write_all(pages: &[ManPage], folder: &Path) -> Result<u8> {
    let failed = |path: &Path, error: std::io::Error| Error::Usage {
        message: format!("--dir: cannot write {}: {error}", path.display()),
        hint: Some("name a folder that can be written to".to_owned()),
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for page in pages {
        let path = folder.join(&page.file);
        std::fs::write(&path, &page.text).map_err(|error| failed(&path, error))?;
    }
    let files: Vec<&str> = pages.iter().map(|page| &*page.file).collect();
    let line = format!("{} in {}\n", files.join(" "), folder.display());
    print(line.as_bytes())
}

fn print(text: &[u8]) -> Result<u8> {
    let mut out = std::io::stdout().lock();
    written(out.write_all(text).and_then(|()| out.flush()))?;
    Ok(exit::PASS)
}
