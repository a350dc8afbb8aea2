//! Backends behind TLS. The certificate in `tests/tls` is for `localhost`, from an authority of the tests.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The authority that signed it.
pub const AUTHORITY: &[u8] = include_bytes!("../tls/ca.pem");

pub type TlsStream = StreamOwned<ServerConnection, TcpStream>;

/// Serves each connection that believes the certificate, one after the other until the test's process ends.
pub fn serve_tls(serve: impl Fn(&mut TlsStream) + Send + 'static) -> SocketAddr {
    let chain = CertificateDer::pem_slice_iter(include_bytes!("../tls/localhost.pem"));
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../tls/localhost.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain.map(Result::unwrap).collect(), key);
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client that does not believe the certificate goes away.
            if connection.complete_io(&mut stream).is_ok() && !connection.is_handshaking() {
                serve(&mut StreamOwned::new(connection, stream));
            }
        }
    });
    address
}
