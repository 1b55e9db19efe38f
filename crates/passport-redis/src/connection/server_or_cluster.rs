//! One type for connections to a single server and to a Cluster.

use redis::{Cmd, FromRedisValue, RedisResult, aio::MultiplexedConnection};

/// A connection to Redis. Cheap to clone. The connection is closed when its last clone is
/// dropped.
#[derive(Clone)]
pub(crate) enum RedisConnection {
    Server(MultiplexedConnection),
    #[cfg(feature = "cluster")]
    Cluster(redis::cluster_async::ClusterConnection),
}

impl RedisConnection {
    /// Sends `command` and returns the reply.
    pub(crate) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        match self.clone() {
            Self::Server(mut connection) => command.query_async(&mut connection).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(mut connection) => command.query_async(&mut connection).await,
        }
    }

    /// Subscribes to the pub/sub `channel`. Messages of the channel go to the push handler with
    /// which the connection was created.
    pub(crate) async fn subscribe(&self, channel: &str) -> RedisResult<()> {
        match self.clone() {
            Self::Server(mut connection) => connection.subscribe(channel).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(mut connection) => connection.subscribe(channel).await,
        }
    }
}
