//! The bytes of a body in a file in memory, from which the kernel sends what never varies without copying it.
//!
//! A payload of 64 KiB has some 50 bytes that differ from request to request. Writing the rest from a buffer copies it into the
//! socket again each time; sending it from a file hands over the pages (sendfile(2)). That is safe only because nothing ever
//! writes to the file again: the pages may still wait in a socket when the next request is on its way.

use std::io;
use std::os::fd::AsFd;

/// The body as it was rendered, only ever read.
#[derive(Debug)]
pub struct FixedFile {
    #[cfg(target_os = "linux")]
    file: std::fs::File,
}

impl FixedFile {
    /// A file with these bytes; `None` where the system has none that lives in memory.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{MemfdFlags, memfd_create};
            use std::io::Write as _;
            let file = memfd_create("krush-body", MemfdFlags::CLOEXEC).ok()?;
            let mut file = std::fs::File::from(file);
            file.write_all(body).ok()?;
            Some(Self { file })
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = body;
            None
        }
    }

    /// Sends up to `length` bytes from `offset` on to a socket; returns how many it took.
    ///
    /// # Errors
    /// As for a write; [`Unsupported`](io::ErrorKind::Unsupported) if the kernel cannot do it between these two.
    pub(crate) fn send(
        &self,
        socket: impl AsFd,
        offset: usize,
        length: usize,
    ) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        {
            use rustix::io::Errno;
            let mut offset = offset as u64;
            rustix::fs::sendfile(socket, &self.file, Some(&mut offset), length).map_err(|error| {
                match error {
                    Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP => {
                        io::ErrorKind::Unsupported.into()
                    }
                    other => other.into(),
                }
            })
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (socket.as_fd(), offset, length);
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}
