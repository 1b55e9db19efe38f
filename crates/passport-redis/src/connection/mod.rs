//! The connection to Redis. `endpoint` connects. `shared_connection` is the one connection that
//! all calls of a store share.

mod endpoint;
mod server_or_cluster;
mod shared_connection;
mod tls;

pub(crate) use self::{
    endpoint::{ConnectionSettings, RedisEndpoint, Topology},
    shared_connection::SharedConnection,
    tls::TlsSettings,
};
