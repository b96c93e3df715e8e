//! A stream that holds a request's head back until its body comes, so that both leave in one write.
//!
//! Pingora writes the head of a request and flushes it; the body follows at once. That costs a
//! system call, a segment and a wake-up of the peer for nothing. It holds back nothing but that.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest,
    UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The stream with its cork.
#[derive(Debug)]
struct Corked {
    below: Stream,
    /// What waits for the body.
    head: Vec<u8>,
    /// In: what is written waits, and one flush is let pass unheeded.
    is_in: bool,
}

/// Puts the cork in. A stream that comes back from the pool is corked again, not wrapped twice.
pub(crate) fn cork(stream: Stream) -> Stream {
    if (*stream).as_any().is::<Corked>() {
        let mut corked: Box<Corked> = stream.into_any().downcast().expect("its type was just asked");
        corked.is_in = true;
        return corked;
    }
    Box::new(Corked { below: stream, head: Vec::new(), is_in: true })
}

impl Corked {
    /// Writes what waits and this after it. Returns how much of `buf` was taken.
    fn poll_write_after_head(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        while !self.head.is_empty() {
            let both = [IoSlice::new(&self.head), IoSlice::new(buf)];
            let written = ready!(Pin::new(&mut self.below).poll_write_vectored(cx, &both))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            if written > self.head.len() {
                let taken = written - self.head.len();
                self.head.clear();
                return Poll::Ready(Ok(taken));
            }
            self.head.drain(..written);
        }
        match buf.is_empty() {
            true => Poll::Ready(Ok(0)),
            false => Pin::new(&mut self.below).poll_write(cx, buf),
        }
    }
}

impl AsyncRead for Corked {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.below).poll_read(cx, buf)
    }
}

impl AsyncWrite for Corked {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_in {
            self.head.extend_from_slice(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        self.poll_write_after_head(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.is_in) {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_write_after_head(cx, &[]))?;
        Pin::new(&mut self.below).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.below).poll_shutdown(cx)
    }
}

#[async_trait]
impl Shutdown for Corked {
    async fn shutdown(&mut self) {
        self.below.shutdown().await;
    }
}

impl UniqueID for Corked {
    fn id(&self) -> UniqueIDType {
        self.below.id()
    }
}

impl Ssl for Corked {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.below.get_ssl()
    }
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.below.get_ssl_digest()
    }
    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.below.selected_alpn_proto()
    }
}

impl GetTimingDigest for Corked {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.below.get_timing_digest()
    }
}

impl GetProxyDigest for Corked {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.below.get_proxy_digest()
    }
}

impl GetSocketDigest for Corked {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.below.get_socket_digest()
    }
}

#[async_trait]
impl Peek for Corked {}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// A corked connection and its other end.
    async fn pair() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
        let below: Stream = Box::new(pingora::protocols::l4::stream::Stream::from(ours.expect("connected")));
        (cork(below), theirs.expect("accepted").0)
    }

    #[tokio::test]
    async fn head_and_body_arrive_together_and_in_order_whatever_their_size() {
        for size in [0, 1, 1_459, 1_460, 70_000, 3_000_000] {
            let (mut stream, mut peer) = pair().await;
            let body = vec![b'b'; size];
            let read = tokio::spawn(async move {
                let mut all = Vec::new();
                peer.read_to_end(&mut all).await.map(|_| all)
            });
            stream.write_all(b"head").await.expect("taken");
            stream.flush().await.expect("let pass");
            stream.write_all(&body).await.expect("written");
            stream.flush().await.expect("flushed");
            stream.shutdown().await.expect("closed");
            let all = read.await.expect("no panic").expect("readable");
            assert_eq!((&all[..4], all.len()), (&b"head"[..], 4 + size));
        }
    }

    #[tokio::test]
    async fn the_head_waits_for_the_body() {
        let (mut stream, peer) = pair().await;
        stream.write_all(b"head").await.expect("taken");
        stream.flush().await.expect("let pass");
        assert_eq!(peer.try_read(&mut [0; 8]).map_err(|e| e.kind()), Err(io::ErrorKind::WouldBlock));
        stream.flush().await.expect("flushed");
        peer.readable().await.expect("now it comes");
    }

    #[test]
    fn a_stream_from_the_pool_is_not_wrapped_again() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (stream, _peer) = runtime.block_on(pair());
        let again: Box<Corked> = cork(stream).into_any().downcast().expect("corked");
        assert!(!(*again.below).as_any().is::<Corked>() && again.is_in);
    }
}
