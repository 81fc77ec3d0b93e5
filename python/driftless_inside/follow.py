# SPDX-License-Identifier: GPL-3.0-or-later
"""What is followed beside results, each only in runs that need it: notifications, debts, taint.

None of it may end a run or change it. What cannot be followed is told, and the run goes on without.
"""

from __future__ import annotations

from driftless_inside.channel import Channel


def begin(callback: object) -> None:
    """Sets up what this run needs. The command line is known by now."""
    channel, tasks = callback.channel, callback.tasks  # type: ignore[attr-defined]
    try:
        from driftless_inside import notifications

        followed = notifications.Notifications(channel, tasks)
        notifications.install(channel, followed)
        callback.notifications = followed  # type: ignore[attr-defined]
        # A check pays nothing: a handler that only says what it would do has not run.
        if channel.debts and not callback.checking:  # type: ignore[attr-defined]
            from driftless_inside import debts

            followed.debts = callback.debts = debts.Debts(  # type: ignore[attr-defined]
                channel, tasks, followed, debts.read(channel.debts)
            )
    except Exception as error:
        channel.fault("notifications", error)
    try:
        if callback.checking:  # type: ignore[attr-defined]
            from driftless_inside import hidden

            looked_at = hidden.Hidden()
            looked_at.install()
            callback.hidden = looked_at  # type: ignore[attr-defined]
    except Exception as error:
        channel.fault("hidden", error)
    try:
        if callback.checking:  # type: ignore[attr-defined]
            from driftless_inside import taint

            callback.taint = taint.Taint(channel)  # type: ignore[attr-defined]
            taint.install(channel, callback.taint)  # type: ignore[attr-defined]
            if callback.notifications is not None:  # type: ignore[attr-defined]
                callback.notifications.taint = callback.taint  # type: ignore[attr-defined]
    except Exception as error:
        channel.fault("taint", error)


def batch(channel: Channel, iterator: object, play: int) -> None:
    """A play, or a serial batch of it, begins."""
    callback = channel.callback
    followed = [
        (callback.notifications, (iterator, play)),  # type: ignore[union-attr]
        (callback.debts, (iterator, play)),  # type: ignore[union-attr]
        (callback.taint, (iterator,)),  # type: ignore[union-attr]
    ]
    for what, about in followed:
        try:
            if what is not None:
                what.batch(*about)
        except Exception as error:
            channel.fault("batch", error)
