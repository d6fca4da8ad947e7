//! The baseline: the work that any shipper must do, with the fastest crate for each step. Base64,
//! inflate, one pass over the JSON that finds every message, and deflate of the bytes that the
//! shipper sends, or of the messages alone.
//!
//! `baseline EVENT LEVEL [BODY...]` reads everything, then does the work once for every line on
//! standard input and writes a line with the numbers of bytes of the messages and of what would be
//! sent, until the input ends. Without a body it deflates the messages.

#![allow(clippy::print_stdout, reason = "this program talks to the one that measures it")]

use std::io::{BufRead, Write, stdin};

use anyhow::Context;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use libdeflater::{Crc, Decompressor};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [event, level, bodies @ ..] = &arguments[..] else {
        anyhow::bail!("baseline EVENT LEVEL [BODY...]");
    };
    let event = std::fs::read(event).with_context(|| event.clone())?;
    let level = Compression::new(level.parse().context("reading the level")?);
    let bodies: Vec<Vec<u8>> = bodies
        .iter()
        .map(|body| std::fs::read(body).with_context(|| body.clone()))
        .collect::<Result<_, _>>()?;
    println!("ready");
    for line in stdin().lock().lines() {
        line?;
        let json = inflate(data(&event)?)?;
        let mut text = Vec::new();
        let mut bytes = 0;
        each_message(&json, |message| {
            bytes += message.len();
            if bodies.is_empty() {
                text.extend_from_slice(message);
                text.push(b'\n');
            }
        });
        let sent: usize = match &bodies[..] {
            [] => deflate(&text, level)?,
            bodies => bodies.iter().map(|body| deflate(body, level)).sum::<Result<_, _>>()?,
        };
        println!("{bytes} {sent}");
    }
    Ok(())
}

/// The base64 between the quotes of `{"awslogs":{"data":"…"}}`.
fn data(event: &[u8]) -> anyhow::Result<&[u8]> {
    let end = memchr::memrchr(b'"', event).context("the event has no data")?;
    let start = memchr::memrchr(b'"', &event[..end]).context("the event has no data")?;
    Ok(&event[start + 1..end])
}

fn inflate(data: &[u8]) -> anyhow::Result<Vec<u8>> {
    let gzip = base64_simd::STANDARD.decode_to_vec(data)?;
    let size = gzip.last_chunk::<4>().context("the data is too short")?;
    let mut json = vec![0; u32::from_le_bytes(*size) as usize];
    Decompressor::new().gzip_decompress(&gzip, &mut json)?;
    Ok(json)
}

/// Finds the beginning and end of every message, which has its escapes.
fn each_message(json: &[u8], mut visit: impl FnMut(&[u8])) {
    const NAME: &[u8] = b"\"message\":\"";

    let mut at = 0;
    while let Some(found) = memchr::memmem::find(&json[at..], NAME) {
        let start = at + found + NAME.len();
        at = start;
        while let Some(found) = memchr::memchr2(b'"', b'\\', &json[at..]) {
            let quote = json[at + found] == b'"';
            at += found + if quote { 1 } else { 2 };
            if quote {
                break;
            }
        }
        visit(&json[start..at.saturating_sub(1)]);
    }
}

/// Gzip without its header of 10 bytes.
fn deflate(body: &[u8], level: Compression) -> std::io::Result<usize> {
    let mut checksum = Crc::new();
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(body.len() / 5), level);
    for piece in body.chunks(64 * 1024) {
        checksum.update(piece);
        encoder.write_all(piece)?;
    }
    let mut sent = encoder.finish()?;
    sent.extend_from_slice(&checksum.sum().to_le_bytes());
    sent.extend_from_slice(&(body.len() as u32).to_le_bytes());
    Ok(sent.len())
}
