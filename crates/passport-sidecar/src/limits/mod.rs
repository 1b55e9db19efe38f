//! Limits on memory, connections, requests and open files, and who holds a part of them.

pub(crate) mod bounds;
pub(crate) mod open_files;
pub(crate) mod shares;
pub(crate) mod tcp_connection;
