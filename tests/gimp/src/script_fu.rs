//! GIMP's Script-Fu server: an expression goes there, its value or an error comes back.
//!
//! A request is `G`, the text's length in two bytes, and the text; an answer is `G`, 1 after an error and else 0, the
//! length, and the text.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// A port that nobody uses at the moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on the loopback interface");
    listener.local_addr().expect("the number of the port").port()
}

/// Waits for the server at `port`.
///
/// # Errors
/// When it does not answer in time.
pub fn wait_for(port: u16, limit: Duration) -> io::Result<()> {
    let begin = Instant::now();
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if begin.elapsed() > limit => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
            Ok(_) => return Ok(()),
        }
    }
}

/// The value of an expression, or the text of the error that it ended with.
///
/// # Errors
/// When the server is gone or takes longer than `limit`.
pub fn evaluate(port: u16, expression: &str, limit: Duration) -> io::Result<Result<String, String>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(limit))?;
    let length =
        u16::try_from(expression.len()).map_err(|_| io::Error::other("the expression is too long"))?;
    let mut request = vec![b'G'];
    request.extend(length.to_be_bytes());
    request.extend(expression.as_bytes());
    stream.write_all(&request)?;

    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let mut text = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]]))];
    stream.read_exact(&mut text)?;
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    Ok(if head[1] == 0 { Ok(text) } else { Err(text) })
}

/// A text as Scheme writes it.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
