//! A client of raw bytes: HTTP/1.1 by hand, so that a test can drip, hang up and lie; HTTP/2 by `h2`.
//!
//! It checks nothing that a test did not ask for, and never waits longer than [`PATIENCE`].

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;

/// Longer than anything here takes, shorter than a person waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A status, headers and a body, or as much as came of it.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// Headers with lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, out of its chunks.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {} {}", self.status, self.text()))
    }

    /// The code of an error.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The data of each event of a stream.
    pub(crate) fn events(&self) -> Vec<String> {
        events(&self.text())
    }

    /// The chunks of a stream, without `[DONE]`.
    pub(crate) fn chunks(&self) -> Vec<Value> {
        let json = |e: &String| serde_json::from_str(e).unwrap_or_else(|why| panic!("{why} in {e}"));
        self.events().iter().filter(|e| *e != "[DONE]").map(json).collect()
    }

    /// What the model said, streamed or not.
    pub(crate) fn said(&self) -> String {
        if !self.header("content-type").unwrap_or_default().starts_with("text/event-stream") {
            return self.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned();
        }
        let content = |c: Value| c["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned();
        self.chunks().into_iter().map(content).collect()
    }
}

/// The data of each event in a text of server-sent events.
pub(crate) fn events(text: &str) -> Vec<String> {
    text.split("\n\n").filter_map(|e| e.lines().find_map(|l| l.strip_prefix("data: "))).map(str::to_owned).collect()
}

trait Duplex: Read + Write + Send {}
impl<T: Read + Write + Send> Duplex for T {}

/// A connection that speaks HTTP/1.1.
pub(crate) struct Connection {
    stream: Box<dyn Duplex>,
    tcp: TcpStream,
    read: Vec<u8>,
    framing: Framing,
}

/// How much of the current body is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Done,
    Length(usize),
    Chunked,
    UntilClose,
}

impl Connection {
    /// Connects in clear text.
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::try_open(address).expect("the gateway listens")
    }

    /// Connects in clear text, if anybody listens.
    pub(crate) fn try_open(address: SocketAddr) -> io::Result<Self> {
        let tcp = TcpStream::connect(address)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: Box::new(tcp.try_clone()?), tcp, read: Vec::new(), framing: Framing::Done })
    }

    /// Connects with TLS, offering these protocols, and says which one was taken.
    pub(crate) fn open_tls(address: SocketAddr, ca_pem: &str, alpn: &[&str]) -> (Self, Option<Vec<u8>>) {
        let mut connection = Self::open(address);
        let name = ServerName::try_from("localhost").expect("a name");
        let mut session = rustls::ClientConnection::new(tls_config(ca_pem, alpn), name).expect("a client");
        while session.is_handshaking() {
            session.complete_io(&mut connection.tcp).expect("a handshake");
        }
        let taken = session.alpn_protocol().map(<[u8]>::to_vec);
        let tcp = connection.tcp.try_clone().expect("a second handle");
        connection.stream = Box::new(rustls::StreamOwned::new(session, tcp));
        (connection, taken)
    }

    /// Another limit on waiting.
    pub(crate) fn patience(&self, patience: Duration) {
        self.tcp.set_read_timeout(Some(patience)).expect("an open socket");
    }

    /// Sends bytes. That the other side has gone shows when reading.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.stream.write_all(bytes.as_ref()).and_then(|()| self.stream.flush());
        self
    }

    /// Sends from a thread of its own, for bodies that may be refused while they are on their way.
    pub(crate) fn send_beside(&self, bytes: Vec<u8>) -> std::thread::JoinHandle<io::Result<()>> {
        let mut tcp = self.tcp.try_clone().expect("a second handle");
        std::thread::spawn(move || tcp.write_all(&bytes))
    }

    /// The socket, to write to while something else reads.
    pub(crate) fn writer(&self) -> TcpStream {
        self.tcp.try_clone().expect("a second handle")
    }

    /// Sends a request with its length.
    pub(crate) fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> &mut Self {
        let mut bytes = head(method, path, headers, Some(body.len())).into_bytes();
        bytes.extend_from_slice(body);
        self.send(bytes)
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 64 << 10];
        let count = self.stream.read(&mut buffer)?;
        self.read.extend_from_slice(&buffer[..count]);
        Ok(count)
    }

    /// Waits for more, or says that the other side has ended or broken the connection.
    fn more(&mut self) -> io::Result<()> {
        match self.fill()? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Reads a head, 1xx included; the body is still to be read.
    pub(crate) fn head(&mut self) -> io::Result<Answer> {
        let end = loop {
            match self.read.windows(4).position(|w| w == b"\r\n\r\n") {
                Some(at) => break at,
                None => self.more()?,
            }
        };
        let text = String::from_utf8_lossy(&self.read[..end]).into_owned();
        self.read.drain(..end + 4);
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|l| l.split(' ').nth(1)?.parse().ok()).unwrap_or_default();
        let headers =
            lines.filter_map(|l| l.split_once(':')).map(|(n, v)| (n.to_lowercase(), v.trim().to_owned())).collect();
        let answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").and_then(|v| v.parse().ok());
        self.framing = match length {
            _ if status < 200 || status == 204 => Framing::Done,
            Some(length) => Framing::Length(length),
            None if answer.header("transfer-encoding") == Some("chunked") => Framing::Chunked,
            None => Framing::UntilClose,
        };
        Ok(answer)
    }

    /// The next piece of the body, as it comes; `None` at its proper end.
    pub(crate) fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.framing {
            Framing::Done | Framing::Length(0) => Ok(None),
            Framing::Length(left) => {
                if self.read.is_empty() {
                    self.more()?;
                }
                let piece: Vec<u8> = self.read.drain(..left.min(self.read.len())).collect();
                self.framing = Framing::Length(left - piece.len());
                Ok(Some(piece))
            }
            Framing::UntilClose => {
                if self.read.is_empty() && self.fill()? == 0 {
                    return Ok(None);
                }
                Ok(Some(std::mem::take(&mut self.read)))
            }
            Framing::Chunked => self.chunk(),
        }
    }

    fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let line = loop {
            match self.read.windows(2).position(|w| w == b"\r\n") {
                Some(at) => break at,
                None => self.more()?,
            }
        };
        let size = usize::from_str_radix(&String::from_utf8_lossy(&self.read[..line]), 16);
        let size = size.map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
        while self.read.len() < line + 2 + size + 2 {
            self.more()?;
        }
        let piece = self.read[line + 2..line + 2 + size].to_vec();
        self.read.drain(..line + 2 + size + 2);
        if size == 0 {
            self.framing = Framing::Done;
            return Ok(None);
        }
        Ok(Some(piece))
    }

    /// A whole answer, over any 1xx. A body that breaks off is an error.
    pub(crate) fn try_answer(&mut self) -> io::Result<Answer> {
        let mut answer = self.head()?;
        while answer.status < 200 {
            answer = self.head()?;
        }
        while let Some(piece) = self.piece()? {
            answer.body.extend(piece);
        }
        Ok(answer)
    }

    /// A whole answer.
    pub(crate) fn answer(&mut self) -> Answer {
        self.try_answer().expect("an answer to its end")
    }

    /// Reads on until the body so far holds `text`, and returns it all.
    pub(crate) fn read_until(&mut self, text: &str) -> String {
        let mut body = String::new();
        while !body.contains(text) {
            let piece = self.piece().expect("the body goes on").unwrap_or_else(|| panic!("no `{text}` in {body}"));
            body.push_str(&String::from_utf8_lossy(&piece));
        }
        body
    }

    /// What has come and was not read yet, or comes within this time.
    pub(crate) fn peek(&self, patience: Duration) -> String {
        let mut bytes = [0; 4096];
        self.tcp.set_read_timeout(Some(patience)).expect("an open socket");
        let found = self.tcp.peek(&mut bytes).unwrap_or(0);
        self.tcp.set_read_timeout(Some(PATIENCE)).expect("an open socket");
        String::from_utf8_lossy(&[&self.read[..], &bytes[..found]].concat()).into_owned()
    }

    /// Whether the other side closes within its patience, after whatever it still sends.
    pub(crate) fn is_closed(&mut self) -> bool {
        loop {
            match self.fill() {
                Ok(0) => return true,
                Ok(_) => {}
                Err(e) => return !matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
            }
        }
    }

    /// Hangs up.
    pub(crate) fn hang_up(self) {
        let _ = self.tcp.shutdown(Shutdown::Both);
    }
}

/// The head of a request, `host` and, where it is known, the length included.
pub(crate) fn head(method: &str, path: &str, headers: &[(&str, &str)], length: Option<usize>) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: gate.test\r\n");
    if let Some(length) = length.filter(|l| *l > 0 || method == "POST") {
        text.push_str(&format!("content-length: {length}\r\n"));
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n"
}

/// A body in chunks of this size, its end included.
pub(crate) fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + body.len() / size * 12 + 16);
    for chunk in body.chunks(size) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

fn tls_config(ca_pem: &str, alpn: &[&str]) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.expect("PEM")).expect("a certificate");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().expect("TLS 1.2 and 1.3");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// One exchange over HTTP/2, to its end.
pub(crate) fn over_h2(address: SocketAddr, ca_pem: Option<&str>, headers: &[(&str, &str)], body: Bytes) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let waited = runtime.block_on(async {
        let exchange = exchange_over_h2(address, ca_pem, headers, body);
        tokio::time::timeout(PATIENCE, exchange).await
    });
    waited.expect("an answer in time").expect("HTTP/2 to its end")
}

/// One exchange over HTTP/2: in clear text by prior knowledge, or over TLS where a CA is given.
/// Dropped, it resets its stream and leaves the connection open.
pub(crate) async fn exchange_over_h2(
    address: SocketAddr,
    ca_pem: Option<&str>,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Result<Answer, h2::Error> {
    let tcp = tokio::net::TcpStream::connect(address).await.expect("the gateway listens");
    let Some(ca_pem) = ca_pem else { return exchange(tcp, "http", headers, body).await };
    let name = ServerName::try_from("localhost").expect("a name");
    let connector = tokio_rustls::TlsConnector::from(tls_config(ca_pem, &["h2", "http/1.1"]));
    let tls = connector.connect(name, tcp).await.expect("a handshake");
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "HTTP/2 is chosen by ALPN");
    exchange(tls, "https", headers, body).await
}

async fn exchange<S>(stream: S, scheme: &str, headers: &[(&str, &str)], body: Bytes) -> Result<Answer, h2::Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (client, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(connection);
    let mut client = client.ready().await?;
    let uri = format!("{scheme}://gate.test/v1/chat/completions");
    let mut request = http::Request::post(uri).version(http::Version::HTTP_2);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (response, stream) = client.send_request(request.body(()).expect("a request"), body.is_empty())?;
    let upload = tokio::spawn(upload(stream, body));
    let response = response.await?;
    let (head, mut incoming) = response.into_parts();
    let text = |v: &http::HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(n, v)| (n.to_string(), text(v))).collect();
    let mut answer = Answer { status: head.status.as_u16(), headers, body: Vec::new() };
    while let Some(piece) = incoming.data().await {
        let piece = piece?;
        let _ = incoming.flow_control().release_capacity(piece.len());
        answer.body.extend_from_slice(&piece);
    }
    upload.abort();
    Ok(answer)
}

/// Sends a body as fast as the window allows. A server that refuses it resets the stream.
async fn upload(mut stream: h2::SendStream<Bytes>, mut body: Bytes) {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let Some(Ok(capacity)) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await else { return };
        let piece = body.split_to(capacity.min(body.len()));
        if stream.send_data(piece, body.is_empty()).is_err() {
            return;
        }
    }
}
