//! The users of the dev Passport: their sessions, and the tokens that were issued for them. Does no
//! I/O.

use std::collections::HashMap;

/// A session of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// The session id (`sid`) in tokens.
    pub(crate) id: String,
    /// The tenant of the tokens.
    pub(crate) tenant_id: String,
}

/// A session that has ended, and its user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EndedSession {
    pub(crate) user_id: String,
    pub(crate) session: Session,
}

/// The sessions and the tokens of one user.
#[derive(Debug, Default)]
struct User {
    /// The sessions that have not ended, newest last.
    sessions: Vec<Session>,
    /// The `jti` and the session id of each token that was issued and not revoked.
    issued: Vec<(String, Option<String>)>,
}

/// The users with a session or a token.
#[derive(Debug, Default)]
pub(crate) struct Users(HashMap<String, User>);

impl Users {
    /// Adds a session of the user `user_id`. Tokens that are issued later belong to this session.
    pub(crate) fn start_session(&mut self, user_id: &str, session: Session) {
        self.0.entry(user_id.to_owned()).or_default().sessions.push(session);
    }

    /// Stores that the token `jti` was issued for the user `user_id`. Returns the newest session of
    /// the user, to which the token belongs, or `None` if the user has no session.
    pub(crate) fn record_issued(&mut self, user_id: &str, jti: &str) -> Option<Session> {
        let user = self.0.entry(user_id.to_owned()).or_default();
        let session = user.sessions.last().cloned();
        user.issued.push((jti.to_owned(), session.as_ref().map(|session| session.id.clone())));
        session
    }

    /// Ends all sessions of the user `user_id`. Returns the `jti` of each token of the user.
    pub(crate) fn log_out(&mut self, user_id: &str) -> Vec<String> {
        let user = self.0.remove(user_id).unwrap_or_default();
        user.issued.into_iter().map(|(jti, _)| jti).collect()
    }

    /// Ends the session `session_id`. Returns the session and the `jti` of each token of the
    /// session, or `None` if there is no such session.
    pub(crate) fn end_session(&mut self, session_id: &str) -> Option<(EndedSession, Vec<String>)> {
        self.0.iter_mut().find_map(|(user_id, user)| {
            let position = user.sessions.iter().position(|session| session.id == session_id)?;
            let session = user.sessions.remove(position);
            let tokens = user.issued.extract_if(.., |(_, session)| session.as_deref() == Some(session_id));
            let tokens = tokens.map(|(jti, _)| jti).collect();
            Some((EndedSession { user_id: user_id.clone(), session }, tokens))
        })
    }
}

#[cfg(test)]
mod tests;
