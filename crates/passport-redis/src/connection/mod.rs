//! The connection to Redis: how it is made (`endpoint`), and the one that all calls share.

mod endpoint;
mod redis_connection;
mod shared_connection;
mod tls;

pub(crate) use self::{
    endpoint::{ConnectionSettings, RedisEndpoint, Topology},
    shared_connection::SharedConnection,
    tls::TlsSettings,
};
