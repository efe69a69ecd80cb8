//! `krush history`.

use crate::cli::HistoryArgs;
use crate::error::{Error, Result};

/// Runs it and returns the exit code.
///
/// # Errors
/// What kept it from coming to an end.
pub fn history(_args: &HistoryArgs) -> Result<u8> {
    Err(Error::Internal("not there yet".to_owned()))
}
