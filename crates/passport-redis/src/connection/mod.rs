//! The connection to Redis: connecting (`endpoint`), and the one connection that all calls of a
//! store share (`shared_connection`).

mod endpoint;
mod server_or_cluster;
mod shared_connection;
mod tls;

pub(crate) use self::{
    endpoint::{ConnectionSettings, RedisEndpoint, Topology},
    shared_connection::SharedConnection,
    tls::TlsSettings,
};
