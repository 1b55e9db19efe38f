//! A connection to a server or to a Cluster.

use redis::{Cmd, FromRedisValue, RedisResult, aio::MultiplexedConnection};

/// A connection. Cheap to clone; it ends with its last clone.
#[derive(Clone)]
pub(crate) enum RedisConnection {
    One(MultiplexedConnection),
    #[cfg(feature = "cluster")]
    Cluster(redis::cluster_async::ClusterConnection),
}

impl RedisConnection {
    pub(crate) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        match self.clone() {
            Self::One(mut connection) => command.query_async(&mut connection).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(mut connection) => command.query_async(&mut connection).await,
        }
    }

    pub(crate) async fn subscribe(&self, channel: &str) -> RedisResult<()> {
        match self.clone() {
            Self::One(mut connection) => connection.subscribe(channel).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(mut connection) => connection.subscribe(channel).await,
        }
    }
}
