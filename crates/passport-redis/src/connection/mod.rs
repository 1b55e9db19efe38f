//! The connection to Redis: how it is established (`endpoint`), and the one that all calls share
//! (`shared_connection`).

mod endpoint;
mod server_or_cluster;
mod shared_connection;
mod tls;

pub(crate) use self::{
    endpoint::{ConnectionSettings, RedisEndpoint, Topology},
    shared_connection::SharedConnection,
    tls::TlsSettings,
};
