//! Raw HTTP/2 frames, for clients and servers that behave as no HTTP/2 library does.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Types of frames ([RFC 9113, section 6](https://www.rfc-editor.org/rfc/rfc9113#section-6)).
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;

/// Flags of frames.
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const END_STREAM: u8 = 1;
const ACK: u8 = 1;

/// Encodes a frame ([RFC 9113, section
/// 4.1](https://www.rfc-editor.org/rfc/rfc9113#section-4.1)).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Reads a frame, and returns its type.
pub(crate) async fn read_frame(stream: &mut TcpStream) -> u8 {
    receive(stream).await.unwrap().0
}

/// Responds to pings until the server closes the connection.
pub(crate) async fn answer_pings(stream: &mut TcpStream) {
    while let Ok((kind, flags, payload)) = receive(stream).await {
        if kind == PING && flags & ACK == 0 {
            // A write error is ignored, because the server can have closed the connection.
            let _ = stream.write_all(&frame(PING, ACK, 0, &payload)).await;
        }
    }
}

/// Reads a frame, and returns its type, its flags and its payload.
async fn receive(stream: &mut TcpStream) -> io::Result<(u8, u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    let [a, b, c, kind, flags, ..] = head;
    let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap()];
    stream.read_exact(&mut payload).await?;
    Ok((kind, flags, payload))
}

/// Encodes the length of a string as an HPACK integer with a prefix of 7 bits ([RFC 7541,
/// section 5.1](https://www.rfc-editor.org/rfc/rfc7541#section-5.1)).
fn length(mut number: usize) -> Vec<u8> {
    if number < 127 {
        return vec![u8::try_from(number).unwrap()];
    }
    number -= 127;
    let mut bytes = vec![127];
    while number >= 128 {
        bytes.push(u8::try_from(number % 128 + 128).unwrap());
        number /= 128;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

/// Encodes `headers` as an HPACK header block without compression.
pub(crate) fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let literal = |text: &str| [&length(text.len())[..], text.as_bytes()].concat();
    headers.iter().flat_map(|(name, value)| [vec![0], literal(name), literal(value)].concat()).collect()
}
