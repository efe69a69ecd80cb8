//! The listener, which a script may shut for a while: new connections are refused then, and the port stays ours.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

/// Connections that wait to be accepted: a load tester opens hundreds at once, and a lost SYN costs it a second.
const BACKLOG: i32 = 4_096;

/// A listener for [`super::serve`].
///
/// # Errors
/// As the system refuses the address.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = bound(address)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A port that was just in use can be taken again at once, as with the standard library's listener.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// A listener that can be shut and opened again.
pub(crate) struct Door {
    address: SocketAddr,
    state: State,
}

enum State {
    Open(tokio::net::TcpListener),
    /// Bound and not listening, so that nobody else gets the port; `None`: it could not be bound, which is tried again.
    Shut(Option<Socket>),
}

impl Door {
    pub(crate) fn new(listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Ok(Self {
            address,
            state: State::Open(listener),
        })
    }

    /// A connection; never while it is shut.
    pub(crate) async fn accept(&self) -> io::Result<std::net::TcpStream> {
        match &self.state {
            State::Open(listener) => listener.accept().await?.0.into_std(),
            State::Shut(_) => std::future::pending().await,
        }
    }

    /// Shuts it, or opens it again; does nothing if it is so already.
    pub(crate) fn set(&mut self, open: bool) -> io::Result<()> {
        match (&mut self.state, open) {
            (State::Open(_), false) => {
                // The listener must be gone before its address can be bound again.
                self.state = State::Shut(None);
                self.state = State::Shut(Some(bound(self.address)?));
            }
            (State::Shut(socket), true) => {
                let socket = match socket.take() {
                    Some(socket) => socket,
                    None => bound(self.address)?,
                };
                socket.listen(BACKLOG)?;
                socket.set_nonblocking(true)?;
                self.state = State::Open(tokio::net::TcpListener::from_std(socket.into())?);
            }
            (State::Open(_), true) | (State::Shut(_), false) => {}
        }
        Ok(())
    }
}
