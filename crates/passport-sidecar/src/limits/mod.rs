//! Limits on memory, connections, requests and open files. Each connection, request and open
//! file holds a permit until it ends.

pub(crate) mod bounds;
mod client_connection;
mod forms;
mod open_files;
mod settings;
mod shares;
mod tcp_connection;

pub(crate) use self::{
    client_connection::ClientConnection,
    forms::MAX_FORM,
    open_files::{OpenFile, OpenFiles, idle_connections},
    settings::Limits,
    shares::{Exhausted, Share, Shares, default_share},
    tcp_connection::TcpConnection,
};
