//! When a message that did not arrive is tried again, and when it is given up.

use crate::domain::{Failure, Notification, NotificationState, Retry, Span, Timestamp, later};

/// The first pause.
const FIRST_PAUSE: Span = Span::from_secs(10);

/// The longest pause of ours, and the one after what only a person can mend: they may have.
pub const MAX_PAUSE: Span = Span::from_mins(15);

/// The longest pause that a receiver can ask for.
const LONGEST_ASKED: Span = Span::from_hours(6);

/// What becomes of a notification after a try. `attempts` counts this one already.
pub fn after_attempt(
    now: Timestamp,
    mut notification: Notification,
    result: Result<(), &Failure>,
    give_up_after: Span,
) -> Notification {
    let Err(failure) = result else {
        notification.state = NotificationState::Sent;
        notification.last_error = None;
        notification.ended_at = Some(now);
        return notification;
    };
    notification.last_error = Some(failure.to_string());
    let next = later(now, pause(notification.attempts, failure.retry));
    if later(notification.due, give_up_after) <= next {
        notification.state = NotificationState::GivenUp;
        notification.ended_at = Some(now);
    } else {
        notification.next_try = next;
    }
    notification
}

fn pause(attempts: u32, retry: Retry) -> Span {
    let doubled = || FIRST_PAUSE.saturating_mul(1 << attempts.saturating_sub(1).min(10)).min(MAX_PAUSE);
    match retry {
        Retry::Soon => doubled(),
        Retry::After(asked) => asked.clamp(Span::from_secs(1), LONGEST_ASKED),
        Retry::UntilChanged => MAX_PAUSE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::new(second, 0).unwrap()
    }

    /// How long each pause is until it is given up, in seconds.
    fn pauses(failure: &Failure, give_up_after: Span) -> Vec<i64> {
        let mut notification = Notification::new("ops".parse().unwrap(), at(0));
        let (mut now, mut pauses) = (at(0), Vec::new());
        while notification.state == NotificationState::Pending {
            notification.attempts += 1;
            notification = after_attempt(now, notification, Err(failure), give_up_after);
            pauses.push(notification.next_try.duration_since(now).as_secs());
            now = notification.next_try;
        }
        assert!(notification.ended_at.is_some() && notification.last_error.is_some());
        pauses.pop();
        pauses
    }

    #[test]
    fn pauses_grow_until_it_is_given_up() {
        let tried = pauses(&Failure::soon("down"), Span::from_hours(1));
        assert_eq!(tried, [10, 20, 40, 80, 160, 320, 640, 900, 900]);
        let tried = pauses(&Failure::until_changed("no such room"), Span::from_hours(1));
        assert_eq!(tried, [900, 900, 900]);
    }

    #[test]
    fn a_receiver_can_ask_for_patience_within_reason() {
        let asks =
            |seconds| Failure { retry: Retry::After(Span::from_secs(seconds)), ..Failure::soon("slow down") };
        assert_eq!(pauses(&asks(1200), Span::from_hours(1)), [1200, 1200]);
        assert_eq!(pauses(&asks(1_000_000), Span::from_hours(12)), [6 * 3600]);
        assert_eq!(pauses(&asks(0), Span::from_secs(3)), [1, 1]);
    }

    #[test]
    fn what_arrived_is_done() {
        let notification = Notification::new("ops".parse().unwrap(), at(0));
        let done = after_attempt(at(3), notification, Ok(()), Span::from_hours(1));
        assert_eq!((done.state, done.ended_at), (NotificationState::Sent, Some(at(3))));
    }
}
