//! Bodies in every `Content-Encoding`, right and wrong.

use std::io::Write;

/// What a backend does to a body before it sends it.
pub fn encode(how: &str, body: &[u8]) -> Vec<u8> {
    match how {
        "plain" => body.to_vec(),
        "gzip" => gzip(body),
        "br" => brotli(body),
        "zstd" => zstd::bulk::compress(body, 3).unwrap(),
        "zlib" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "raw deflate" => {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "gzip, then br" => brotli(&gzip(body)),
        "gzip of a megabyte of spaces more" => gzip(&[body, &vec![b' '; 1 << 20]].concat()),
        other => panic!("{other:?} is no coding; see tests/suite/coding.rs"),
    }
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn brotli(body: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    brotli::CompressorWriter::new(&mut coded, 4096, 5, 20).write_all(body).unwrap();
    coded
}
