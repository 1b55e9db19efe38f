use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;

const FIRST: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(300);

#[tokio::test(start_paused = true)]
async fn slow_preface_times_out() {
    let (mut client, server) = duplex(64);
    let (mut server, begin) = (TimeoutStream::new(server, FIRST, IDLE), Instant::now());
    client.write_all(b"PRI * HTTP/2.0").await.unwrap();
    let mut read = [0; 64];
    assert_eq!(server.read(&mut read).await.unwrap(), 14);
    assert_eq!(server.read(&mut read).await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(begin.elapsed().as_secs(), FIRST.as_secs());
}

#[tokio::test(start_paused = true)]
async fn idle_time_begins_after_the_first_bytes() {
    let (mut client, server) = duplex(64);
    let mut server = TimeoutStream::new(server, FIRST, IDLE);
    client.write_all(&[b'x'; PREFACE_LEN]).await.unwrap();
    server.read_exact(&mut [0; PREFACE_LEN]).await.unwrap();
    for _ in 0..5 {
        let read = tokio::time::timeout(IDLE / 2, server.read(&mut [0; 1])).await;
        assert!(read.is_err(), "the read is pending");
        server.write_all(b"y").await.unwrap();
    }
    let begin = Instant::now();
    assert_eq!(server.read(&mut [0; 1]).await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(begin.elapsed().as_secs(), IDLE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn client_that_reads_nothing_times_out() {
    let (mut client, server) = duplex(64);
    let mut server = TimeoutStream::new(server, FIRST, IDLE);
    client.write_all(&[b'x'; PREFACE_LEN]).await.unwrap();
    server.read_exact(&mut [0; PREFACE_LEN]).await.unwrap();
    let written = server.write_all(&[b'y'; 1000]).await;
    assert_eq!(written.unwrap_err().kind(), ErrorKind::TimedOut);
}
