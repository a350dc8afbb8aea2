//! What a layer around a connection hands through to the connection.

/// Implements what pingora asks of a connection, besides reading and writing, for a struct that gives the connection
/// below it by `inner` and `inner_mut`.
macro_rules! layer {
    ($layer:ty) => {
        #[async_trait::async_trait]
        impl pingora::protocols::Shutdown for $layer {
            async fn shutdown(&mut self) {
                // What the layer itself may keep back; a broken connection says so below.
                drop(tokio::io::AsyncWriteExt::flush(self).await);
                // By its name: what writes has one of its own.
                pingora::protocols::Shutdown::shutdown(&mut **self.inner_mut()).await;
            }
        }

        impl pingora::protocols::UniqueID for $layer {
            fn id(&self) -> pingora::protocols::UniqueIDType {
                self.inner().id()
            }
        }

        impl pingora::protocols::Ssl for $layer {
            fn get_ssl(&self) -> Option<&pingora::protocols::tls::TlsRef> {
                self.inner().get_ssl()
            }

            fn get_ssl_digest(&self) -> Option<Arc<pingora::protocols::tls::SslDigest>> {
                self.inner().get_ssl_digest()
            }

            fn selected_alpn_proto(&self) -> Option<pingora::protocols::ALPN> {
                self.inner().selected_alpn_proto()
            }
        }

        #[async_trait::async_trait]
        impl pingora::protocols::Peek for $layer {
            async fn try_peek(&mut self, buffer: &mut [u8]) -> std::io::Result<bool> {
                self.inner_mut().try_peek(buffer).await
            }
        }

        impl pingora::protocols::GetTimingDigest for $layer {
            fn get_timing_digest(&self) -> Vec<Option<pingora::protocols::TimingDigest>> {
                self.inner().get_timing_digest()
            }

            fn get_read_pending_time(&self) -> std::time::Duration {
                self.inner().get_read_pending_time()
            }

            fn get_write_pending_time(&self) -> std::time::Duration {
                self.inner().get_write_pending_time()
            }
        }

        impl pingora::protocols::GetSocketDigest for $layer {
            fn get_socket_digest(&self) -> Option<Arc<pingora::protocols::SocketDigest>> {
                self.inner().get_socket_digest()
            }
        }
    };
}

pub(super) use layer;
