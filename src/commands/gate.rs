//! `krush gate`.

use crate::cli::GateArgs;
use crate::error::{Error, Result};

/// Runs it and returns the exit code.
///
/// # Errors
/// What kept it from coming to an end.
pub fn gate(_args: &GateArgs) -> Result<u8> {
    Err(Error::Internal("not there yet".to_owned()))
}
