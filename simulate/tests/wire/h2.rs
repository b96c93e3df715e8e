//! As much of an HTTP/2 client as it takes to ask and to hang up, frame by frame.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tollgate_simulate::Vendor;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// A connection with one stream.
pub(crate) struct Stream(TcpStream);

impl Stream {
    /// Posts a body that belongs to a trace.
    pub(crate) fn post(vendor: &Vendor, path: &str, traceparent: &str, body: &str) -> Self {
        let stream = TcpStream::connect(vendor.address()).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a deadline");
        let mut it = Self(stream);
        it.0.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("it reads");
        it.send(SETTINGS, 0, 0, &[]);
        // From the static table: POST, http; literals for the rest.
        let mut block = vec![0x83, 0x86];
        for (name, value) in [(&[0x04_u8][..], path), (&[0x01], "x"), (b"\x00\x0btraceparent", traceparent)] {
            block.extend(name);
            block.push(u8::try_from(value.len()).ok().filter(|len| *len < 127).expect("a short value"));
            block.extend(value.as_bytes());
        }
        it.send(HEADERS, END_HEADERS, 1, &block);
        it.send(DATA, END_STREAM, 1, body.as_bytes());
        it
    }

    /// Takes the stream back; the connection stays.
    pub(crate) fn reset(&mut self) {
        self.send(RST_STREAM, 0, 1, &CANCEL);
    }

    /// Reads on until a frame of this kind has come.
    pub(crate) fn read_until(&mut self, kind: u8) {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).expect("a frame");
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            self.0.read_exact(&mut payload).expect("its payload");
            if head[3] == kind {
                return;
            }
        }
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).expect("a small frame").to_be_bytes();
        let frame = [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat();
        self.0.write_all(&frame).expect("it reads");
    }
}
