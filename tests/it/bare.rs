//! A vendor of raw bytes, for what no well-behaved server can be told to do.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// A listener whose connections a test plays by hand.
pub(crate) struct BareVendor {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl BareVendor {
    /// Plays each connection, numbered from 0, on a thread of its own.
    pub(crate) fn spawn(play: impl Fn(usize, Bare) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, play) = (Arc::clone(&connections), Arc::new(play));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (number, play) = (count.fetch_add(1, SeqCst), Arc::clone(&play));
                let _ = stream.set_nodelay(true);
                std::thread::spawn(move || play(number, Bare { stream, read: Vec::new() }));
            }
        });
        Self { address, connections }
    }

    /// Its base URL, in OpenAI's dialect.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

/// One connection to the vendor. Dropping it closes the connection.
pub(crate) struct Bare {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Bare {
    /// Reads one request with its length; `None` when the other side has closed.
    pub(crate) fn request(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.read[..end]).to_lowercase();
                let length = head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok());
                let whole = end + 4 + length.unwrap_or(0);
                if self.read.len() >= whole {
                    return Some(String::from_utf8_lossy(&self.read.drain(..whole).collect::<Vec<u8>>()).into_owned());
                }
            }
            self.read_once()?;
        }
    }

    /// Reads once, as much as there is; `None` when the other side has closed.
    pub(crate) fn read_once(&mut self) -> Option<usize> {
        let mut buffer = [0; 64 << 10];
        let count = self.stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        self.read.extend_from_slice(&buffer[..count]);
        Some(count)
    }

    /// Writes bytes; `false` when the other side has gone.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).and_then(|()| self.stream.flush()).is_ok()
    }

    /// Answers with JSON and its length.
    pub(crate) fn answer(&mut self, body: &str) -> bool {
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        self.write(head + body)
    }

    /// Opens a stream whose events end with the connection.
    pub(crate) fn open_stream(&mut self) -> bool {
        self.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
    }

    /// One event of content.
    pub(crate) fn say(&mut self, text: &str) -> bool {
        self.write(format!("data: {}\n\n", chunk(text)))
    }
}

/// A chunk of a stream with this content.
pub(crate) fn chunk(text: &str) -> serde_json::Value {
    serde_json::json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}],
    })
}

/// A whole answer of 3 input and 5 output tokens.
pub(crate) const WHOLE: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"bare"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}"#;
