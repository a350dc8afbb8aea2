//! What a layer around a connection hands through to the connection.

/// Implements what pingora asks of a connection, besides reading and writing, for a struct with a field
/// `stream`.
macro_rules! layer {
    ($layer:ty) => {
        #[async_trait::async_trait]
        impl pingora::protocols::Shutdown for $layer {
            async fn shutdown(&mut self) {
                self.stream.shutdown().await;
            }
        }

        impl pingora::protocols::UniqueID for $layer {
            fn id(&self) -> pingora::protocols::UniqueIDType {
                self.stream.id()
            }
        }

        impl pingora::protocols::Ssl for $layer {
            fn get_ssl(&self) -> Option<&pingora::protocols::tls::TlsRef> {
                self.stream.get_ssl()
            }

            fn get_ssl_digest(&self) -> Option<Arc<pingora::protocols::tls::SslDigest>> {
                self.stream.get_ssl_digest()
            }

            fn selected_alpn_proto(&self) -> Option<pingora::protocols::ALPN> {
                self.stream.selected_alpn_proto()
            }
        }

        #[async_trait::async_trait]
        impl pingora::protocols::Peek for $layer {
            async fn try_peek(&mut self, buffer: &mut [u8]) -> std::io::Result<bool> {
                self.stream.try_peek(buffer).await
            }
        }

        impl pingora::protocols::GetTimingDigest for $layer {
            fn get_timing_digest(&self) -> Vec<Option<pingora::protocols::TimingDigest>> {
                self.stream.get_timing_digest()
            }

            fn get_read_pending_time(&self) -> std::time::Duration {
                self.stream.get_read_pending_time()
            }

            fn get_write_pending_time(&self) -> std::time::Duration {
                self.stream.get_write_pending_time()
            }
        }

        impl pingora::protocols::GetSocketDigest for $layer {
            fn get_socket_digest(&self) -> Option<Arc<pingora::protocols::SocketDigest>> {
                self.stream.get_socket_digest()
            }
        }
    };
}

pub(super) use layer;
