//! A way to a server that a test can watch, cut and turn to another server.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Forwards connections until the test process ends.
pub(crate) struct Forward {
    /// Where it listens.
    pub(crate) url: String,
    to: Arc<Mutex<String>>,
    answered: Arc<AtomicU64>,
}

impl Forward {
    /// To the server at this URL.
    pub(crate) fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let forward = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            to: Arc::new(Mutex::new(address(url))),
            answered: Arc::default(),
        };
        let (to, answered) = (Arc::clone(&forward.to), Arc::clone(&forward.answered));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(&*to.lock().unwrap());
                // Nobody there: the connection is closed, as by a proxy whose server is away.
                if let Ok(server) = server {
                    pass(&client, &server, None);
                    pass(&server, &client, Some(Arc::clone(&answered)));
                }
            }
        });
        forward
    }

    /// New connections go to the server at this URL.
    pub(crate) fn turn_to(&self, url: &str) {
        *self.to.lock().unwrap() = address(url);
    }

    /// Waits until so many bytes of answers have passed.
    pub(crate) fn wait_for_answers(&self, bytes: u64) {
        let began = Instant::now();
        while self.answered.load(Ordering::SeqCst) < bytes {
            assert!(began.elapsed() < Duration::from_mins(1), "too few answers");
            std::thread::yield_now();
        }
    }
}

fn address(url: &str) -> String {
    url.strip_prefix("http://").unwrap().to_owned()
}

/// Passes on what comes from one side, on a thread of its own.
fn pass(from: &TcpStream, to: &TcpStream, count: Option<Arc<AtomicU64>>) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
            if let Some(count) = &count {
                count.fetch_add(length as u64, Ordering::SeqCst);
            }
        }
        // Either side may be closed already.
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}
