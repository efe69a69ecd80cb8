//! A server for tests: answers each call as its script says, byte for byte, and remembers what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use url::Url;

/// One scripted answer: bytes of a whole HTTP answer, after a delay.
#[derive(Clone)]
pub(crate) struct Answer {
    delay: Duration,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct State {
    script: BTreeMap<String, VecDeque<Answer>>,
    asked: Vec<String>,
}

/// Listens on a port of its own until the test process ends.
#[derive(Clone)]
pub(crate) struct Scripted {
    url: Url,
    state: Arc<Mutex<State>>,
}

/// An answer with a JSON body.
pub(crate) fn json(status: u16, body: &str) -> Answer {
    with_head(status, "Content-Type: application/json\r\n", body)
}

/// An answer with header lines of its own.
pub(crate) fn with_head(status: u16, head: &str, body: &str) -> Answer {
    let length = body.len();
    let text = format!("HTTP/1.1 {status} Said\r\n{head}Content-Length: {length}\r\n\r\n{body}");
    Answer {
        delay: Duration::ZERO,
        bytes: text.into_bytes(),
    }
}

/// The recorded answer of `case` in `tests/wire/{server}.jsonl`.
pub(crate) fn recorded(server: &str, case: &str) -> Answer {
    let path = format!("{}/tests/wire/{server}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("recorded exchanges");
    let exchange = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("an exchange"))
        .find(|exchange| exchange["case"] == case)
        .unwrap_or_else(|| panic!("{server} has no case {case}"));
    let reads = exchange["reads"].as_array().expect("reads");
    let texts = reads
        .iter()
        .map(|read| read["data"].as_str().expect("text"));
    Answer {
        delay: Duration::ZERO,
        bytes: texts.collect::<String>().into_bytes(),
    }
}

impl Answer {
    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

impl Scripted {
    /// Starts with `calls`, each `METHOD /path` and its answer. The same call several times is answered in that order, its
    /// last answer again and again. Other calls get a 404 as Confluent gives it.
    pub(crate) fn start(calls: &[(&str, Answer)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("port 0 is free");
        let address = listener.local_addr().expect("bound");
        let mut state = State::default();
        for (call, answer) in calls {
            let answers = state.script.entry((*call).to_owned()).or_default();
            answers.push_back(answer.clone());
        }
        let server = Self {
            url: Url::parse(&format!("http://{address}")).expect("a URL"),
            state: Arc::new(Mutex::new(state)),
        };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                std::thread::spawn(move || serving.connection(stream));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> Url {
        self.url.clone()
    }

    /// What was asked, in order: method, path, and the body if there was one.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().expect("no panic").asked.clone()
    }

    fn connection(&self, stream: TcpStream) -> Option<()> {
        let mut writer = stream.try_clone().ok()?;
        let mut reader = BufReader::new(stream);
        loop {
            let (call, asked) = request(&mut reader)?;
            let answer = self.answer(&call, asked);
            std::thread::sleep(answer.delay);
            writer.write_all(&answer.bytes).ok()?;
        }
    }

    fn answer(&self, call: &str, asked: String) -> Answer {
        let mut state = self.state.lock().expect("no panic");
        state.asked.push(asked);
        let Some(answers) = state.script.get_mut(call) else {
            return json(404, r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#);
        };
        match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().expect("several are left"),
        }
    }
}

/// Reads one request: its call, and the call with headers worth a look and body.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let call = line.rsplit_once(' ')?.0.to_owned();
    let mut asked = call.clone();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader
            .read_line(&mut header)
            .ok()
            .filter(|read| *read > 0)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" | "x-run" | "content-type" => {
                asked.push_str(" | ");
                asked.push_str(value);
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    if length > 0 {
        asked.push_str(" | ");
        asked.push_str(&String::from_utf8_lossy(&body));
    }
    Some((call, asked))
}
