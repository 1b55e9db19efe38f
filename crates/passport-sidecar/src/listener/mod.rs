//! Opens the listeners of a sidecar, and serves HTTP on the listeners within limits.

mod bind;
mod connection;
mod io_timeout;
mod rejection;
mod server;
mod unix_socket;
mod usage;

pub(crate) use self::{
    bind::{Listener, bind, bind_tcp},
    server::HttpServer,
};
